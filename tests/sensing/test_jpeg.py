"""JPEGs that every viewer shows are shown, damaged ones are not, and large ones are made smaller."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.data import astronaut

from antispoof.errors import MediaError
from antispoof.sensing.jpeg import decode_jpeg
from antispoof.sensing.media import MediaLimits, load_image, load_picture

Change = Callable[[bytes], bytes]
PICTURE = np.ascontiguousarray(astronaut()[:256, 100:420])


def encoded(quality: int = 88, progressive: bool = False, picture: Any = PICTURE) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive)]
    return bytes(cv2.imencode(".jpg", picture[..., ::-1], options)[1].tobytes())


def at(content: bytes, marker: bytes) -> int:
    """Where the payload of the first segment begins that starts with ``marker``."""
    return content.index(marker) + 4


def put(content: bytes, where: int, value: bytes) -> bytes:
    return content[:where] + value + content[where + len(value) :]


def sos(field: int, value: bytes) -> Change:
    """Overwrite one of the three bytes that end a scan's header: Ss, Se, Ah and Al."""

    def change(content: bytes) -> bytes:
        start = at(content, b"\xff\xda")
        (length,) = struct.unpack_from(">H", content, start - 2)
        return put(content, start - 2 + length - 3 + field, value)

    return change


def insert(what: bytes, before: bytes = b"\xff\xdb") -> Change:
    return lambda content: content.replace(before, what + before, 1)


def segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


HARMLESS: dict[str, Change] = {
    "JFIF 2.1": lambda c: put(c, c.index(b"JFIF\0") + 5, b"\x02"),
    "JFIF 0.1": lambda c: put(c, c.index(b"JFIF\0") + 5, b"\x00"),
    "JFIF 1.9": lambda c: put(c, c.index(b"JFIF\0") + 6, b"\x09"),
    "Ss 1": sos(0, b"\x01"),
    "Se 0": sos(1, b"\x00"),
    "Se 64": sos(1, b"\x40"),
    "Ah 1": sos(2, b"\x10"),
    "Al 3": sos(2, b"\x03"),
    "stray bytes before a table": insert(b"\x00\x07\x00"),
    "stray bytes before the frame": insert(b"\x00" * 40, b"\xff\xc0"),
    "stray bytes before the scan": insert(b"\x01\x02", b"\xff\xda"),
    "fill bytes": insert(b"\xff\xff\xff"),
    "stray bytes at the end": lambda c: c[:-2] + b"\x00" * 9 + c[-2:],
    "bytes of the maker behind it": lambda c: c + b"SEFH" + bytes(range(256)),
    "Adobe's colours, unknown": insert(segment(0xEE, b"Adobe\0\x64\0\0\0\0\x07")),
    "Adobe's segment, short": insert(segment(0xEE, b"Adobe")),
    "part of an ICC profile": insert(segment(0xE2, b"ICC_PROFILE\0\x01\x03" + bytes(50))),
    "an ICC profile numbered 0": insert(segment(0xE2, b"ICC_PROFILE\0\x00\x00" + bytes(50))),
    "a maker's own segment": insert(segment(0xEB, bytes(900))),
    "a comment": insert(segment(0xFE, b"\xff\xd9 as text")),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_every_viewer_shows_is_shown(name: str) -> None:
    content = encoded()
    np.testing.assert_array_equal(load_image(HARMLESS[name](content)), load_image(content))


ODDITIES = st.lists(st.sampled_from(sorted(HARMLESS)), max_size=4, unique=True)


@settings(max_examples=80)
@given(ODDITIES, st.floats(0.02, 0.99), st.booleans())
def test_oddities_hide_no_damage(names: list[str], share: float, ended: bool) -> None:
    """However odd, a whole file is the same picture, and a file that was cut is refused, ended or not."""
    content = encoded()
    odd = content
    for name in names:
        odd = HARMLESS[name](odd)
    np.testing.assert_array_equal(load_image(odd), load_image(content))
    end = odd.index(content[-40:-2]) + 20  # in the coded data, some bytes before its end
    cut = odd[: int(share * end)]
    with pytest.raises(MediaError, match="damaged and cannot be decoded") as caught:
        load_image(cut + b"\xff\xd9" if ended else cut)
    assert caught.value.code == "decode_failed"


def test_damage_in_the_coded_data_is_damage_behind_any_oddity() -> None:
    content = encoded()
    middle = (at(content, b"\xff\xda") + len(content)) // 2
    broken = content[:middle] + b"\xff\xd5" + content[middle:]
    for change in (lambda c: c, *HARMLESS.values()):
        with pytest.raises(MediaError, match="is damaged"):
            load_image(change(broken))


def test_stray_bytes_between_scans_are_forgiven_where_the_file_has_an_end() -> None:
    content = encoded(progressive=True)
    last = content.rindex(b"\xff\xc4")
    odd = content[:last] + b"\x00\x05" + content[last:]
    np.testing.assert_array_equal(load_image(odd), load_image(content))
    with pytest.raises(MediaError, match="is damaged"):
        load_image(odd[:-200])


def test_other_precisions_are_named() -> None:
    content = encoded()
    with pytest.raises(MediaError, match="a JPEG of 12 bits a channel; save it with 8") as caught:
        load_image(put(content, at(content, b"\xff\xc0"), b"\x0c"))
    assert caught.value.code == "unsupported_media"


def sides(most: int) -> st.SearchStrategy[int]:
    return st.integers(1, most) | st.integers(2, most // 8).map(lambda n: 8 * n)


@settings(max_examples=40)
@given(sides(320), sides(256), st.integers(60, 90_000), st.booleans())
def test_large_pictures_are_decoded_smaller(width: int, height: int, most: int, turned: bool) -> None:
    """By the least of 2, 4 and 8 that keeps to the limit, and what is seen stays the same."""
    picture = np.ascontiguousarray(cv2.GaussianBlur(PICTURE, (0, 0), 4)[:height, :width])
    content = encoded(97, picture=picture)
    if turned:
        exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
        content = content[:2] + segment(0xE1, exif) + content[2:]
    sizes = {d: (-(-height // d), -(-width // d)) for d in (1, 2, 4, 8)}
    fitting = [d for d, (rows, columns) in sizes.items() if rows * columns <= most]
    if not fitting:
        with pytest.raises(MediaError, match="scale it down"):
            load_image(content, MediaLimits(max_pixels=most))
        return
    sample = load_picture(content, MediaLimits(max_pixels=most))
    rows, columns = sizes[fitting[0]]
    assert sample.metadata.get("reduced", 1) == fitting[0]
    upright = np.rot90(sample.array) if turned else sample.array
    assert upright.shape == (rows, columns, 3)
    if width % 8 == height % 8 == 0:
        small = cv2.resize(decode_jpeg(content), (columns, rows), interpolation=cv2.INTER_AREA)
        assert np.abs(upright.astype(int) - small).mean() < 4


@pytest.mark.parametrize(("width", "height"), [(5712, 4284), (8064, 6048), (4284, 5712)])
def test_ordinary_photographs_of_large_sensors_are_read(width: int, height: int) -> None:
    content = encoded(30, picture=np.broadcast_to(np.uint8(90), (height, width, 3)))
    sample = load_picture(content)
    assert sample.metadata == {"reduced": 2}
    assert sample.array.shape == (height // 2, width // 2, 3)


def test_what_a_header_states_is_limited_before_decoding() -> None:
    content = encoded()
    frame = at(content, b"\xff\xc0")
    for size, words in ((65000, "65000×65000, 4,225 Mpx; at most 210 Mpx"), (12000, "is damaged")):
        with pytest.raises(MediaError, match=words):
            load_image(put(content, frame + 1, struct.pack(">HH", size, size)))
    several = encoded(progressive=True)
    with pytest.raises(MediaError, match=r"is 8000×8000, 64.0 Mpx; at most 52.5 Mpx"):
        load_image(put(several, at(several, b"\xff\xc2") + 1, struct.pack(">HH", 8000, 8000)))


@pytest.mark.parametrize(
    ("side", "most", "words"),
    [
        (5000, 24_000_000, "25 Mpx; at most 24 Mpx"),
        (4900, 24_000_000, r"24.01 Mpx; at most 24.00 Mpx"),
        (300, 89_999, r"0.090000 Mpx; at most 0.089999 Mpx"),
        (300, 85_000, r"0.090 Mpx; at most 0.085 Mpx"),
    ],
)
def test_a_limit_and_what_exceeds_it_are_told_apart(side: int, most: int, words: str) -> None:
    from antispoof.sensing.source import check_pixels

    with pytest.raises(MediaError, match=words):
        check_pixels(side, side, "it", most)
