"""What may teach and what is held out: another way to move, other instruments, codecs, cameras and rates."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SUITES", "Suite"]


@dataclass(frozen=True, slots=True)
class Suite:
    """Conditions that belong together.

    Attributes:
        motion: name of the generator, see `antispoof.simulation.clip.motion.MOTIONS`.
        instruments: names of attack instruments.
        codecs: names of codecs.
        fps: frame rates.
        sizes: width and height of frames, px.
        noise: range of the noise of cameras at full light, as a share of it.
        face: range of the length of the face, as a share of the shorter side of the frame.
    """

    motion: str
    instruments: tuple[str, ...]
    codecs: tuple[str, ...]
    fps: tuple[float, ...]
    sizes: tuple[tuple[int, int], ...]
    noise: tuple[float, float]
    face: tuple[float, float]


SUITES = {
    "taught": Suite(
        motion="wander",
        instruments=(
            "mask_paper",
            "print_bent",
            "print_flat",
            "replay_monitor",
            "replay_phone",
            "replay_phone_still",
        ),
        codecs=("h264", "mjpeg", "vp8"),
        fps=(15.0, 15.0, 25.0, 30.0),
        sizes=((480, 360), (360, 480), (640, 360)),
        noise=(0.006, 0.04),
        face=(0.35, 0.60),
    ),
    "held_out": Suite(
        motion="gestures",
        instruments=(
            "mask_eyes_cut",
            "print_cut_out",
            "print_waved",
            "replay_laptop",
            "replay_phone_oled",
            "replay_tablet",
        ),
        codecs=("h264_baseline", "hevc", "mpeg4", "vp9"),
        fps=(10.0, 20.0, 20.0, 20.0, 29.97, 60.0),
        sizes=((432, 324), (352, 640), (640, 480)),
        noise=(0.01, 0.06),
        face=(0.30, 0.65),
    ),
}
