"""Containers of sound: which one a file is, told by its content, and whether the file ends before its sound.

Every container states how large its parts are, so a file that was cut short says so itself. How long a video
or a track lasts says nothing of the kind: its sound may begin late, end early, and pause.

Sources: Microsoft and IBM, Multimedia Programming Interface (RIFF); EBU Tech 3306 (RF64); Sony, Wave64;
Apple, AIFF-C, Core Audio Format, QuickTime; ISO/IEC 14496-12; RFC 8794, RFC 9559 (Matroska); RFC 3533
(Ogg); RFC 4867 (AMR); ISO/IEC 11172-3 and 13818-7 (MPEG audio); ISO/IEC 13818-1 (transport stream).
"""

from __future__ import annotations

import struct

__all__ = [
    "FILM_SUFFIXES",
    "HEAD_BYTES",
    "SOUND_SUFFIXES",
    "audio_container",
    "contradiction",
    "foreign_sound",
    "is_cut",
    "without_tags",
]

HEAD_BYTES = 1024
"""So many of the first bytes tell every container but one behind a tag that is longer."""

SOUND_SUFFIXES = frozenset(
    {
        *(".aac", ".adts", ".aif", ".aifc", ".aiff", ".amr", ".au", ".awb", ".bwf", ".caf", ".flac", ".m4a"),
        *(".m4b", ".mka", ".mp2", ".mp3", ".oga", ".ogg", ".opus", ".rf64", ".snd", ".spx", ".w64", ".wav"),
        *(".wave", ".weba", ".3ga"),
    }
)
"""Suffixes of recordings that can be read. The content decides; they serve where files are looked for."""

FILM_SUFFIXES = frozenset(
    {
        *(".3g2", ".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts"),
        *(".ts", ".vob", ".webm"),
    }
)
"""Suffixes of videos whose sound can be read."""

UNKNOWN = 0x7FFFF000  # a size from here on, or of 0, was never filled in: whoever wrote it could not go back
STILL = (
    b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1",
    b"miaf", b"avif", b"avis", b"crx ", b"jp2 ", b"jpx ", b"jxl ",
)  # fmt: skip
BOXES = (b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"sidx", b"mfra", b"free", b"skip", b"wide", b"uuid")
QUICKTIME = (b"moov", b"mdat", b"wide", b"free", b"skip")
MAGIC = (
    (b"fLaC", "flac"), (b"OggS", "ogg"), (b"\x1aE\xdf\xa3", "matroska"), (b"caff", "caf"), (b".snd", "au"),
    (b"riff\x2e\x91\xcf\x11", "w64"), (b"#!AMR", "amr"), (b"FLV\1", "flv"), (b"\0\0\1\xba", "mpeg"),
)  # fmt: skip
FOREIGN = (
    (b"\x30\x26\xb2\x75", "Windows Media"), (b"wvpk", "WavPack"), (b"MAC ", "Monkey's Audio"),
    (b"RIFX", "big-endian WAV"), (b"MThd", "MIDI"), (b"\x0bw", "AC-3"), (b".RMF", "RealMedia"),
    (b"DSD ", "DSD"), (b"\x02dss", "DSS"), (b"\x03ds2", "DSS"), (b"Creative Voice", "VOC"),
    (b"NIST_1A", "NIST Sphere"),
)  # fmt: skip
SEGMENT, CLUSTER = 0x18538067, 0x1F43B675
ELEMENTS = frozenset(
    {
        *(0x1A45DFA3, SEGMENT, CLUSTER, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1254C367),
        *(0x1941A469, 0x1043A770, 0xEC, 0xBF, 0xE7, 0xA3, 0xA0, 0xAB, 0xA7),
    }
)  # of Matroska: what lies in a file, in a segment, and in a cluster


def audio_container(head: bytes) -> str | None:
    """Tell from its first bytes what may hold sound: FFmpeg's name of the container, or None.

    A video is named as well, because its sound can be judged. Sixteen bytes are enough for most, `HEAD_BYTES`
    for all; behind an ID3 tag that is longer than what is given, "mp3" is the guess.
    """
    if head.startswith(b"ID3"):
        rest = without_tags(head)
        return (audio_container(rest) if rest and not rest.startswith(b"ID3") else None) or "mp3"
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] in (b"WAVE", b"AVI "):
        return "wav" if head[8:12] == b"WAVE" else "avi"
    if head[:4] == b"FORM":
        return "aiff" if head[8:12] in (b"AIFF", b"AIFC") else None
    if head[4:8] == b"ftyp":
        return None if head[8:12] in STILL else "mov"
    if head[4:8] in QUICKTIME:
        return "mov"
    for magic, name in MAGIC:
        if head.startswith(magic):
            return name
    for offset, packet in ((0, 188), (4, 192)):  # the second with the time stamps of a camera or a disc
        if head[offset::packet][:2] == b"GG":
            return "mpegts"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:  # frame sync of MPEG audio
        version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
        if layer == 0:
            return "aac" if version > 1 else None  # ADTS
        return "mp3" if layer < 3 and version != 1 else None
    return None


def without_tags(content: bytes) -> bytes:
    """Leave out the ID3 tags before a file, which may stand before any container."""
    at = 0
    while content[at : at + 3] == b"ID3" and at + 10 <= len(content):
        size = 0
        for byte in content[at + 6 : at + 10]:
            size = size << 7 | byte & 0x7F
        at += 10 + size + (10 if content[at + 5] & 0x10 else 0)
    return content[at:] if at else content


def foreign_sound(head: bytes) -> str:
    """Name what sound is in a file that is not read here; empty where that is not known."""
    return next((name for magic, name in FOREIGN if head.startswith(magic)), "")


def is_cut(content: bytes, container: str) -> bool:
    """Tell whether a file ends before its sound does, as far as the sizes of its own parts say so.

    Args:
        content: a whole file, without tags before it.
        container: what `audio_container` says it is.
    """
    return container in MISSING and MISSING[container](content) > 0


def contradiction(content: bytes) -> str:
    """Say how the header of a wav of plain samples contradicts itself, as a damaged one does; else empty."""
    at = content.find(b"fmt ", 12, HEAD_BYTES) + 8
    if at < 8 or at + 16 > len(content):
        return ""
    tag, channels, rate, speed, block, bits = struct.unpack_from("<HHIIHH", content, at)
    if tag not in (1, 3) or (block == channels * -(-bits // 8) and speed in (0, rate * block)):
        return ""
    return (
        f"its header states {channels:,} channels of {bits:,} bits at {rate:,} Hz, and also {block:,} bytes "
        f"at a time and {speed:,} a second"
    )


def _missing_riff(content: bytes) -> int:
    """Bytes that the chunk of sound states beyond the end of the file."""
    at, large = 12, 0
    while at + 8 <= len(content):
        kind = content[at : at + 4]
        size: int = struct.unpack_from("<I", content, at + 4)[0]
        if kind == b"ds64" and at + 24 <= len(content):
            large = struct.unpack_from("<Q", content, at + 16)[0]
        if kind == b"data":
            if size == 0xFFFFFFFF and large < 1 << 62:
                size = large
            return at + 8 + size - len(content) if size < UNKNOWN or large == size else 0
        at += 8 + size + size % 2
    return 0


def _missing_avi(content: bytes) -> int:
    size: int = struct.unpack_from("<I", content, 4)[0]
    return 8 + size - len(content) if size < UNKNOWN else 0


def _missing_aiff(content: bytes) -> int:
    at = 12
    while at + 8 <= len(content):
        size: int = struct.unpack_from(">I", content, at + 4)[0]
        if content[at : at + 4] == b"SSND":
            return at + 8 + size - len(content) if size < UNKNOWN else 0
        at += 8 + size + size % 2
    return 0


def _missing_caf(content: bytes) -> int:
    at = 8
    while at + 12 <= len(content):
        size: int = struct.unpack_from(">q", content, at + 4)[0]
        if size < 0:  # up to the end of the file
            return 0
        if content[at : at + 4] == b"data":
            return at + 12 + size - len(content)
        at += 12 + size
    return 0


def _missing_w64(content: bytes) -> int:
    at = 40
    while at + 24 <= len(content):
        size: int = struct.unpack_from("<Q", content, at + 16)[0]
        if content[at : at + 4] == b"data" or size < 24:
            return at + size - len(content) if size < 1 << 62 else 0
        at += -(-size // 8) * 8
    return 0


def _missing_au(content: bytes) -> int:
    if len(content) < 12:
        return 0
    start, size = struct.unpack_from(">II", content, 4)
    return int(start + size - len(content)) if size < UNKNOWN else 0


def _missing_boxes(content: bytes) -> int:
    at = 0
    while at + 8 <= len(content) and content[at + 4 : at + 8] in BOXES:
        size: int = struct.unpack_from(">I", content, at)[0]
        if size == 1:
            if at + 16 > len(content):
                return at + 16 - len(content)
            size = struct.unpack_from(">Q", content, at + 8)[0]
        if size < 8:  # 0: up to the end of the file
            return 0
        at += size
    return at - len(content)


def _missing_elements(content: bytes) -> int:
    at = 0
    while at + 12 <= len(content):
        length = 9 - content[at].bit_length()
        identifier = int.from_bytes(content[at : at + length], "big")
        if length > 4 or identifier not in ELEMENTS:
            return 0
        at += length
        width = 9 - content[at].bit_length()
        if width > 8:
            return 0
        size = int.from_bytes(content[at : at + width], "big") & (1 << 7 * width) - 1
        at += width
        if size != (1 << 7 * width) - 1:  # else it ends where the next of its kind begins
            at += size
    return at - len(content)


def _missing_pages(content: bytes) -> int:
    at = 0
    while content[at : at + 4] == b"OggS" and at + 27 <= len(content):
        table = content[at + 27 : at + 27 + content[at + 26]]
        at += 27 + content[at + 26] + sum(table)
    return at - len(content)


def _missing_frames(content: bytes) -> int:
    """Of an mp3, by the count of bytes that encoders leave in its first frame."""
    for tag in (b"Xing", b"Info"):
        at = content.find(tag, 0, 256)
        if at > 0 and at + 16 <= len(content):
            flags, first, second = struct.unpack_from(">III", content, at + 4)
            size: int = (second if flags & 1 else first) if flags & 2 else 0
            return size - len(content)
    return 0


MISSING = {
    "wav": _missing_riff,
    "avi": _missing_avi,
    "aiff": _missing_aiff,
    "caf": _missing_caf,
    "w64": _missing_w64,
    "au": _missing_au,
    "mov": _missing_boxes,
    "matroska": _missing_elements,
    "ogg": _missing_pages,
    "mp3": _missing_frames,
}
