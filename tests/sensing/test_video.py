"""Of a video the middle frame is read: upright, in its own colours, under limits."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.data import astronaut

from antispoof.errors import MediaError
from antispoof.sensing.capture import Recording
from antispoof.sensing.maps import load_map
from antispoof.sensing.media import MediaLimits, load_image, load_picture
from antispoof.sensing.modalities import modalities

PICTURE = np.ascontiguousarray(astronaut()[:96, 160:288])
FRAMES = 9


def write(
    path: Path,
    codec: str = "mpeg4",
    pixels: str = "yuv420p",
    picture: Any = PICTURE,
    movflags: str = "",
    **settings: Any,
) -> Path:
    """Write nine frames at 10 Hz, each ten levels brighter than the one before, from black on."""
    form = "rgb24" if picture.ndim == 3 else "gray16le" if picture.dtype == np.uint16 else "gray"
    with av.open(str(path), "w", options={"movflags": movflags} if movflags else {}) as out:
        stream = out.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = picture.shape[1], picture.shape[0], pixels
        stream.bit_rate = 8_000_000
        for name, value in settings.items():
            setattr(stream.codec_context, name, value)
        for index in range(FRAMES):
            shown = np.clip(picture.astype(int) // 2 + 10 * index, 0, None).astype(picture.dtype)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(shown, form)))
        out.mux(stream.encode(None))
    return path


def frame(index: int, picture: NDArray[Any] = PICTURE) -> NDArray[Any]:
    return picture.astype(int) // 2 + 10 * index


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.mp4", "mpeg4", "yuv420p"),
        ("a.mov", "mpeg4", "yuv420p"),
        ("a.mkv", "ffv1", "bgr0"),
        ("a.avi", "mjpeg", "yuvj420p"),
        ("a.avi", "mpeg4", "yuv420p"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
    ],
)
def test_the_middle_frame_is_read_whatever_the_container(
    name: str, codec: str, pixels: str, tmp_path: Path
) -> None:
    path = write(tmp_path / name, codec, pixels)
    sample = load_picture(path)
    assert sample.metadata == {"frames": FRAMES, "frame": 4, "seconds": pytest.approx(0.9)}
    assert np.abs(sample.array - frame(4)).mean() < 5
    ranged = load_picture(Recording(path, frames=(6, 9)))
    assert ranged.metadata["frame"] == 7
    assert np.abs(ranged.array - frame(7)).mean() < 5
    path.rename(tmp_path / "named.jpg")
    np.testing.assert_array_equal(load_image(tmp_path / "named.jpg"), sample.array)


@pytest.mark.parametrize("space", [1, 5])  # ITU-R BT.709 and BT.601
def test_the_matrix_of_the_colours_is_heeded(space: int, tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as out:
        stream = out.add_stream("libx264", rate=10, options={"crf": "4"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv444p"
        stream.codec_context.colorspace, stream.codec_context.color_range = space, 1
        shown = av.VideoFrame.from_ndarray(PICTURE, "rgb24").reformat(
            format="yuv444p", dst_colorspace=space, dst_color_range=1
        )
        out.mux(stream.encode(shown))
        out.mux(stream.encode(None))
    assert np.abs(load_image(tmp_path / "a.mp4").astype(int) - PICTURE).mean() < 1.5


@pytest.mark.parametrize(
    ("matrix", "turned"),
    [
        ((1, 0, 0, 1), lambda a: a),
        ((0, 1, -1, 0), lambda a: np.rot90(a, -1)),
        ((-1, 0, 0, -1), lambda a: np.rot90(a, 2)),
        ((0, -1, 1, 0), lambda a: np.rot90(a, 1)),
        ((-1, 0, 0, 1), lambda a: a[:, ::-1]),
        ((1, 0, 0, -1), lambda a: a[::-1]),
    ],
)
def test_the_display_matrix_is_undone(matrix: tuple[int, ...], turned: Any, tmp_path: Path) -> None:
    """As phones write it into the track header (ISO/IEC 14496-12, 8.3.2)."""
    path = write(tmp_path / "a.mp4")
    content = bytearray(path.read_bytes())
    a, b, c, d = (65536 * value for value in matrix)
    struct.pack_into(">9i", content, content.index(b"tkhd") + 44, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    sample = modalities["face_rgb"].load(path)
    expected = turned(frame(4))
    assert sample.array.shape == expected.shape
    assert np.abs(sample.array - expected).mean() < 5


def test_grey_videos_keep_their_values(tmp_path: Path) -> None:
    for array in (
        np.arange(96 * 128).reshape(96, 128).astype(np.uint16) * 4,
        np.arange(96 * 128).reshape(96, 128).astype(np.uint8) // 2,
    ):
        pixels = "gray16le" if array.dtype == np.uint16 else "gray"
        sample = load_map(write(tmp_path / "a.mkv", "ffv1", pixels, array))
        assert sample.array.dtype == array.dtype
        np.testing.assert_array_equal(sample.array, frame(4, array))


def refused(source: Any, code: str, words: str, **limits: Any) -> None:
    with pytest.raises(MediaError, match=words) as caught:
        load_image(source, MediaLimits(**limits))
    assert caught.value.code == code


def test_what_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4")
    refused(path, "pixel_limit", "is 128×96, 0.012 Mpx; at most 0.010 Mpx", max_pixels=10_000)
    refused(path, "duration_limit", "lasts 0.9 s; a video may last 0.5 s: cut it", max_video_seconds=0.5)
    refused(path, "payload_too_large", "that a video may have", max_video_bytes=1000)
    refused(Recording(path, frames=(5, 10)), "decode_failed", "frames 5:10 wanted, 9 there")
    refused(path.read_bytes(), "unsupported_media", "is a video; use a still")
    other = write(tmp_path / "b.avi", "huffyuv", "yuv422p")
    refused(other, "unsupported_media", "a video coded as huffyuv; use H.264 or VP9")
    hdr = write(tmp_path / "c.mkv", "libx264", "yuv420p", color_trc=18)
    refused(hdr, "unsupported_media", r"an HDR video \(HLG\); record it in SDR")
    content = path.read_bytes()
    for share in (0.2, 0.5, 0.9):
        (tmp_path / "cut.mp4").write_bytes(content[: int(share * len(content))])
        refused(tmp_path / "cut.mp4", "decode_failed", "damaged|cut short")
    film = write(tmp_path / "film.webm", "libvpx", "yuv420p").read_bytes()
    cluster = film.index(b"\x1fC\xb6u")  # where the pictures begin
    (tmp_path / "cut.webm").write_bytes(film[: cluster + 40])
    said = "is damaged or cut short, or was never filled: its header tells of a film"
    refused(tmp_path / "cut.webm", "decode_failed", f"{said} of 128 × 96 pixels, and no picture")
    moved = write(tmp_path / "moved.mp4", movflags="faststart").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(moved[: moved.index(b"mdat") + 4])
    refused(tmp_path / "cut.mp4", "decode_failed", f"{said}, and no picture follows; copy")
    (tmp_path / "cut.mp4").write_bytes(moved[:60])
    refused(tmp_path / "cut.mp4", "decode_failed", "its header tells of a film, and no track follows")
    for length in range(64, moved.index(b"mdat") + 24, 7):
        (tmp_path / "cut.mp4").write_bytes(moved[:length])
        refused(tmp_path / "cut.mp4", "decode_failed", "is damaged|cut short")
    for mark, beyond in ((b"mdia", -40), (b"stsd", -20)):  # where there are no pictures yet, nor a coding
        (tmp_path / "cut.mp4").write_bytes(moved[: moved.index(mark) + beyond])
        refused(tmp_path / "cut.mp4", "decode_failed", "cut short: it ends before the parts that its header")
    with av.open(str(tmp_path / "sound.mkv"), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=16000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.int16), "s16", "mono")
        sound.sample_rate = 16000
        out.mux(stream.encode(sound))
    refused(tmp_path / "sound.mkv", "unsupported_media", "a recording without a picture")
