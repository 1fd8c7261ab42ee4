"""What a file is, told by its first bytes and never by its name."""

from __future__ import annotations

__all__ = ["PICTURES", "VIDEOS", "foreign", "kind_of"]

PICTURES = ("jpeg", "png", "webp", "bmp", "tiff", "pnm", "jpeg2000", "wsq")
"""Kinds of `kind_of` that hold one picture."""

VIDEOS = ("mov", "matroska", "avi")
"""Kinds of `kind_of` that hold moving pictures, by the name of their FFmpeg demultiplexer."""

_MAGIC = (
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"\xff\xa0", "wsq"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (8, b"WEBP", "webp"),
    (0, b"BM", "bmp"),
    (0, b"II*\x00", "tiff"),
    (0, b"MM\x00*", "tiff"),
    (0, b"\x93NUMPY", "npy"),
    (0, b"\x1aE\xdf\xa3", "matroska"),
    (8, b"AVI ", "avi"),
    (0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", "jpeg2000"),  # ISO/IEC 15444-1, annex I: in boxes
    (0, b"\xffO\xffQ", "jpeg2000"),  # annex A: a bare codestream
)
_PNM = (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"Pf")

# What people hand in by mistake: (offset, magic, name).
_FOREIGN = (
    (0, b"GIF8", "a GIF"),
    (0, b"%PDF", "a PDF document"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"\x00\x00\x01\x00", "an icon"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (4, b"JXL ", "a JPEG XL picture"),
    (0, b"II+\x00", "a BigTIFF picture"),
    (0, b"MM\x00+", "a BigTIFF picture"),
    (0, b"v/1\x01", "an OpenEXR picture"),
    (0, b"#?RADIANCE", "a Radiance HDR picture"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"<svg", "an SVG drawing"),
    (0, b"<?xml", "an XML document"),
    (8, b"WAVE", "a sound recording"),
    (0, b"fLaC", "a sound recording"),
    (0, b"OggS", "a sound recording"),
    (0, b"ID3", "a sound recording"),
    (0, b"FORM", "a sound recording"),
    (0, b"caff", "a sound recording"),
    (0, b"#!AMR", "a sound recording"),
    # Records of ISO/IEC 19794 by their format identifiers; ANSI/NIST-ITL begins with its type 1 record.
    (0, b"FIR\0", "a fingerprint record of ISO/IEC 19794-4"),
    (0, b"FAC\0", "a face record of ISO/IEC 19794-5"),
    (0, b"IIR\0", "an iris record of ISO/IEC 19794-6"),
    (0, b"1.001:", "an ANSI/NIST-ITL transaction"),
    (0, b"1.01:", "an ANSI/NIST-ITL transaction"),
)

# Brands of the ISO base media format (ISO/IEC 14496-12, 23008-12; AV1 image file format).
_HEIC = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"))
_AVIF = frozenset((b"avif", b"avis"))
_STILL_BRANDS = frozenset((b"mif1", b"mif2", b"msf1", b"miaf"))
_SOUND_BRANDS = frozenset((b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "))
_QUICKTIME = frozenset((b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"))


def kind_of(head: bytes) -> str:
    """Return one of `PICTURES` or `VIDEOS`, ``npy``, or nothing.

    Args:
        head: the first bytes of a file, 64 or more where it has them.
    """
    for offset, magic, kind in _MAGIC:
        if head[offset:].startswith(magic) and (offset == 0 or head.startswith(b"RIFF")):
            return kind
    if head.startswith(_PNM) and head[2:3].isspace():
        return "pnm"
    if head[4:8] == b"ftyp":
        return "" if _foreign_brand(head) else "mov"
    return "mov" if head[4:8] in _QUICKTIME else ""


def foreign(head: bytes) -> str:
    """Say in words what a file is that is none of the kinds read here; empty where that is not known."""
    if head[4:8] == b"ftyp":
        return _foreign_brand(head)
    for offset, magic, name in _FOREIGN:
        if head[offset:].startswith(magic):
            return name
    sound = len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0  # frame sync of MPEG audio
    return "a sound recording" if sound else ""


def _foreign_brand(head: bytes) -> str:
    """Name what an ISO base media file is that is no video; empty where it is one."""
    major = head[8:12]
    stated = int.from_bytes(head[:4], "big")
    brands = {major, *(head[at : at + 4] for at in range(16, min(stated, len(head)) - 3, 4))}
    if major in _SOUND_BRANDS:
        return "a sound recording"
    if major == b"crx ":
        return "a raw photo (CR3)"
    if major == b"jxl ":
        return "a JPEG XL picture"
    if major in _AVIF or (major in _STILL_BRANDS and brands & _AVIF):
        return "an AVIF picture"
    if major in _HEIC or (major in _STILL_BRANDS and brands & _HEIC):
        return "an HEIC picture"
    return "an HEIF picture" if major in _STILL_BRANDS else ""
