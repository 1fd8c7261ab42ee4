"""Whatever reads a file reads it as the product does: one reader for all, and nobody decodes beside it."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import antispoof
from antispoof.data.contact_sheet import contact_sheet
from antispoof.data.files import inspect_file, picture_of
from antispoof.data.inspection import inspect
from antispoof.data.presentation import CaptureFile, Presentation
from antispoof.errors import MediaError
from antispoof.sensing.modalities import modalities
from antispoof.simulation.scene.render import SceneSpec, render_scene

DECODERS = re.compile(
    r"Image\.open|ImagePlugin|imdecode|imread|VideoCapture|av\.open|soundfile\.(?:read|info|blocks|SoundFile)"
    r"|simplejpeg\.decode|wave\.open\([^)]*[\"']r|wavfile\.read|librosa|imageio|tifffile|torchaudio"
)
# Read no file: speech of the simulator passes through a telephone's codec in memory, its clips are written.
ROUND_TRIP = {"simulation/clip/codecs.py", "simulation/speech/codecs.py"}


def test_nothing_but_sensing_calls_a_decoder() -> None:
    root = Path(antispoof.__file__).parent
    found = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if DECODERS.search(path.read_text(encoding="utf-8"))
    }
    outside = {name for name in found if not name.startswith("sensing/")}
    assert outside <= ROUND_TRIP
    assert {"sensing/jpeg.py", "sensing/still.py", "sensing/video.py", "sensing/audio.py"} <= found


SCENE = render_scene(SceneSpec(5, 1, 1, None, "desk", "office"), 128)


def saved(kind: str, array: Any, mode: str | None = None, **arguments: Any) -> bytes:
    file = io.BytesIO()
    picture = Image.fromarray(array)
    (picture.convert(mode) if mode else picture).save(file, kind, **arguments)
    return file.getvalue()


def big_endian(array: Any) -> bytes:
    return saved("TIFF", array.astype(">u2"))


def numpy_file(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def video(container: str, codec: str, pixels: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(codec, rate=10)
        stream.width = stream.height = 128
        stream.pix_fmt = pixels
        for _ in range(4):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(SCENE["face_rgb"], "rgb24")))
        out.mux(stream.encode(None))
    return file.getvalue()


def sound(kind: str, subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    noise = 0.1 * np.random.default_rng(0).normal(size=16000)
    soundfile.write(file, noise, 16000, format=kind, subtype=subtype)
    return file.getvalue()


TURNED = Image.Exif()
TURNED[0x0112] = 6
FACE, DEPTH = SCENE["face_rgb"], SCENE["face_depth"]
FILES: dict[str, bytes] = {
    "jpeg": saved("JPEG", FACE),
    "turned.jpg": saved("JPEG", FACE[:, :100], exif=TURNED),
    "cmyk.jpg": saved("JPEG", FACE, mode="CMYK"),
    "palette.png": saved("PNG", FACE, mode="P"),
    "png": saved("PNG", FACE),
    "sixteen.png": saved("PNG", DEPTH),
    "grey.png": saved("PNG", SCENE["face_infrared"]),
    "sixteen-colour.png": bytes(cv2.imencode(".png", FACE.astype(np.uint16) * 257)[1].tobytes()),
    "alpha.png": saved("PNG", np.dstack([FACE, FACE[..., 0]])),
    "webp": saved("WEBP", FACE),
    "bmp": saved("BMP", FACE),
    "gif": saved("GIF", FACE),
    "ppm": saved("PPM", FACE),
    "pgm": saved("PPM", SCENE["face_infrared"]),
    "sixteen.pgm": b"P5 128 128 65535\n" + DEPTH.astype(">u2").tobytes(),
    "lzw.tif": saved("TIFF", FACE, compression="tiff_lzw"),
    "sixteen-lzw.tif": saved("TIFF", DEPTH, compression="tiff_lzw"),
    "jpeg.tif": saved("TIFF", FACE, compression="jpeg"),
    "big-endian.tif": big_endian(DEPTH),
    "float.tif": saved("TIFF", (DEPTH / 1000).astype(np.float32)),
    "stack.npy": numpy_file(np.stack([DEPTH, DEPTH + 1, DEPTH])),
    "film.npy": numpy_file(np.stack([FACE, FACE, FACE])),
    "pages.tif": saved("TIFF", FACE, save_all=True, append_images=[Image.fromarray(FACE)]),
    "moving.webp": saved("WEBP", FACE, save_all=True, append_images=[Image.fromarray(FACE[::-1])]),
    "avi": video("avi", "mpeg4", "yuv420p"),
    "mp4": video("mp4", "mpeg4", "yuv420p"),
    "mkv": video("matroska", "ffv1", "bgr0"),
    "webm": video("webm", "libvpx", "yuv420p"),
    "huffyuv.avi": video("avi", "huffyuv", "yuv422p"),
    "wav": sound("WAV"),
    "adpcm.wav": sound("WAV", "MS_ADPCM"),
    "aiff": sound("AIFF"),
    "flac": sound("FLAC"),
    "ogg": sound("OGG"),
    "caf": sound("CAF"),
    "heic": b"\0\0\0\x1cftypheic\0\0\0\0mif1heic" + bytes(64),
    "txt": b"Dear judge, this is not a picture",
    "empty": b"",
}


def row(path: Path, modality: str) -> Presentation:
    return Presentation(id=path.name, dataset="lab", captures={modality: CaptureFile(path)}, subject="s")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("modality", modalities)
@pytest.mark.parametrize("name", FILES)
def test_what_a_check_of_data_calls_usable_can_be_read(name: str, modality: str, folder: Path) -> None:
    path = folder / name
    try:
        sample = modalities[modality].load(path)
    except MediaError as error:
        with pytest.raises(MediaError, match=re.escape(str(error))):
            inspect_file(CaptureFile(path), modality)
        assert inspect([row(path, modality)]).unreadable == {path.name}
        return
    facts = inspect_file(CaptureFile(path), modality).measurements
    assert not inspect([row(path, modality)]).unreadable
    if sample.array.ndim == 1:
        assert facts["duration_s"] == pytest.approx(1, abs=0.1)
    else:
        assert (facts["height_px"], facts["width_px"]) == sample.array.shape[:2]
        assert facts["brightness"] == pytest.approx(float(np.nanmean(sample.array)), rel=1e-4)
    assert picture_of(CaptureFile(path), 24, modality).shape == (24, 24, 3)


STATED = {  # modality → files that it has to read
    "face_rgb": "jpeg turned.jpg cmyk.jpg png palette.png grey.png sixteen.png sixteen-colour.png "
    "alpha.png webp bmp ppm pgm sixteen.pgm lzw.tif sixteen-lzw.tif big-endian.tif film.npy avi mp4 mkv webm",
    "face_depth": "sixteen.png sixteen.pgm sixteen-lzw.tif big-endian.tif float.tif stack.npy",
    "voice": "wav adpcm.wav aiff flac ogg caf",
}


@pytest.mark.parametrize("modality", STATED)
def test_which_files_are_read(modality: str, folder: Path) -> None:
    for name in STATED[modality].split():
        assert modalities[modality].load(folder / name).array.size
    depth = modalities["face_depth"]
    for name in STATED["face_depth"].split():
        np.testing.assert_allclose(depth.load(folder / name).array, DEPTH, atol=1.1)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from([name for name in FILES if FILES[name]]),
    modality=st.sampled_from(("face_rgb", "face_depth", "face_infrared", "voice")),
    share=st.floats(0, 1),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=3),
)
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's remarks about odd tags are of no concern here
def test_a_damaged_file_is_damaged_to_both(
    name: str, modality: str, share: float, flips: Any, tmp_path: Path
) -> None:
    content = bytearray(FILES[name])
    for where, value in flips:
        content[int(where * (len(content) - 1))] = value
    path = tmp_path / "file"
    path.write_bytes(content[: max(1, round(share * len(content)))])
    codes = []
    for read in (lambda: modalities[modality].load(path), lambda: inspect_file(CaptureFile(path), modality)):
        try:
            read()
            codes.append("")
        except MediaError as error:
            codes.append(error.code)
    assert codes[0] == codes[1]


def test_a_turned_photograph_stands_upright_on_the_sheet(folder: Path, tmp_path: Path) -> None:
    facts = inspect_file(CaptureFile(folder / "turned.jpg"), "face_rgb").measurements
    assert (facts["width_px"], facts["height_px"]) == (128, 100)
    contact_sheet([row(folder / "turned.jpg", "face_rgb")], tmp_path / "sheet.png", side=64)
    tile = picture_of(CaptureFile(folder / "turned.jpg"), 64, "face_rgb").astype(int)
    upright = cv2.resize(np.rot90(FACE[:, :100], -1), (64, 50), interpolation=cv2.INTER_AREA)
    assert np.abs(tile[7:57] - upright).mean() < 6


def test_a_unit_goes_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "d.png"
    path.write_bytes(saved("PNG", DEPTH * np.uint16(10)))
    plain, stated = (inspect_file(CaptureFile(path, unit=unit), "face_depth") for unit in ("", "0.1 mm"))
    assert plain.measurements["brightness"] == pytest.approx(10 * stated.measurements["brightness"])
    with pytest.raises(MediaError, match=r"d\.png.*unit of face_depth must be"):
        inspect_file(CaptureFile(path, unit="inch"), "face_depth")
