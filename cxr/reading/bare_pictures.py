"""Strips JPEG and PNG files of comments, profiles and EXIF before a decoder sees them.

Decoders parse comments, profiles and EXIF before anything can be checked, and some in time or
memory that grows with the square of their size: a file of 1 MB took 4 GB, and one of 2 MB a minute.
So only what the pixels need goes on, and the two facts that matter are read here: which way is up
(EXIF 2.32 section 4.6.4), and how many pictures there are (CIPA DC-007; PNG, third edition).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from cxr.reading.jpeg_markers import START_OF_SCAN, segments

JPEG_START = b"\xff\xd8\xff"
PNG_START = b"\x89PNG\r\n\x1a\n"

# JFIF says the density alone, and Adobe's segment what the colours are; the others of this kind are
# of everything but the pixels, as are comments.
_APPLICATION = {*range(0xE0, 0xF0), 0xFE} - {0xE0, 0xEE}
_EXIF, _SEVERAL = (0xE1, b"Exif\0\0"), (0xE2, b"MPF\0")
_XMP, _BRIGHTER = (0xE1, b"http://ns.adobe.com/xap/1.0/\0"), b' hdrgm:Version="'  # Ultra HDR
_ORIENTATION, _NUMBER_OF_IMAGES = 0x0112, 0xB001
_MAX_TAGS = 1000
_WHOLE_NUMBERS = {3: "H", 4: "L"}  # types of TIFF 6.0, section 2, as `struct` knows them
_PNG_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_MAX_CHUNKS = 100_000  # of a picture of 100 MB in chunks of 8 KB, 12,000
_FORMATS = {  # by the first bytes, to name what is not read
    b"GIF8": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"BM": "BMP",
    b"%PDF": "PDF",
    b"%!PS": "EPS",
    b"8BPS": "PSD",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
}
_HEIF = {b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIF", b"avif": "AVIF"}


@dataclass(frozen=True)
class BarePicture:
    """A picture without comments, profiles and EXIF before its pixels.

    Attributes:
        content: what is left of the file.
        orientation: from 1, upright, to 8, as EXIF counts them.
        pictures: how many the file held.
    """

    content: bytes
    orientation: int = 1
    pictures: int = 1


def bare_picture(content: bytes) -> BarePicture | None:
    """The picture in a file; None if it is neither JPEG nor PNG.

    Args:
        content: of the file.

    Raises:
        ValueError: a PNG file has more chunks than any program writes.
    """
    if content.startswith(JPEG_START):
        return bare_jpeg(content)
    return _bare_png(content) if content.startswith(PNG_START) else None


def bare_jpeg(content: bytes) -> BarePicture:
    """A JPEG picture without comments and application segments.

    Args:
        content: of the picture, whose number of segments has been checked
            (`cxr.reading.jpeg_markers.require_few_scans`).
    """
    kept = [content[:2]]
    orientation = pictures = None  # of the first segment of each kind: there should be one
    has_gain_map = False  # Ultra HDR: a second picture says only how bright this one can be shown
    for marker, at in segments(content):
        if marker == START_OF_SCAN:
            kept.append(content[at - 2 :])
            break
        end = at + int.from_bytes(content[at : at + 2], "big")
        if marker not in _APPLICATION:
            kept.append(content[at - 2 : end])
        elif orientation is None and _is(_EXIF, marker, content, at):
            orientation = _tag(content[at + 8 : end], _ORIENTATION) or 1
        elif _is(_XMP, marker, content, at):
            has_gain_map = has_gain_map or _BRIGHTER in content[at:end]
        elif pictures is None and _is(_SEVERAL, marker, content, at):
            pictures = _tag(content[at + 6 : end], _NUMBER_OF_IMAGES) or 1
    return BarePicture(b"".join(kept), orientation or 1, 1 if has_gain_map else pictures or 1)


def _is(kind: tuple[int, bytes], marker: int, content: bytes, at: int) -> bool:
    return marker == kind[0] and content.startswith(kind[1], at + 2)


def _bare_png(content: bytes) -> BarePicture:
    kept = [PNG_START]
    orientation = pictures = None
    at = len(PNG_START)
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(content):
            break
        length, name = struct.unpack_from(">L4s", content, at)
        end = at + 12 + length
        if name in _PNG_CHUNKS:
            kept.append(content[at:end])
        elif orientation is None and name == b"eXIf":
            orientation = _tag(content[at + 8 : end - 4], _ORIENTATION) or 1
        elif pictures is None and name == b"acTL":
            pictures = int.from_bytes(content[at + 8 : at + 12], "big")
        if name == b"IEND":
            break
        at = end
    else:
        raise ValueError(f"more than {_MAX_CHUNKS} chunks")
    return BarePicture(b"".join(kept), orientation or 1, pictures or 1)


def _tag(block: bytes, wanted: int) -> int | None:
    """A whole number of the first directory of a TIFF block; None where there is none."""
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 8:
        return None
    (at,) = struct.unpack_from(f"{order}L", block, 4)
    if at + 2 > len(block):
        return None
    (count,) = struct.unpack_from(f"{order}H", block, at)
    for entry in range(at + 2, at + 2 + 12 * min(count, _MAX_TAGS), 12):
        if entry + 12 > len(block):
            break
        tag, kind, values = struct.unpack_from(f"{order}HHL", block, entry)
        if tag == wanted and values == 1 and kind in _WHOLE_NUMBERS:
            (value,) = struct.unpack_from(f"{order}{_WHOLE_NUMBERS[kind]}", block, entry + 8)
            return int(value)
    return None


def known_format(content: bytes) -> str | None:
    """What else a file may be, by how it begins; None where that is not known."""
    if content[4:8] == b"ftyp":
        return _HEIF.get(content[8:12])
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "WebP"
    return next((name for start, name in _FORMATS.items() if content.startswith(start)), None)
