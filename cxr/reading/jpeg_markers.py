"""The markers of a coded JPEG picture: what it says of itself before it is decoded.

ISO 10918-1 annex B: segments with their lengths, fill bytes before each. In coded pixels, 0 follows
0xff, or one of the marks that have no length (TEM, RST0 to RST7). What is reserved (0x02 to 0xbf)
has none either for decoders, which look for the next one.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from itertools import islice

from cxr.errors import UnreadableRadiograph, UnsupportedRadiograph
from cxr.messages import Message

_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")
# Of frames of JPEG (tables and extensions are not among them) and JPEG-LS.
_FRAME_HEADERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
START_OF_SCAN, _END = 0xDA, 0xD9
_SEQUENTIAL = (0xC0, 0xC1)
_HUFFMAN_TABLES = 0xC4
_END_OF_BLOCK = 0
_AFTER_SCAN = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")  # all but restarts
_NO_MARKER = re.compile(rb"\xff+[\x01-\xbf]")
_LOST = bytes(64)  # so many zeros: 4 to 64 blocks, had they been coded
_MAX_SEGMENTS_BEFORE_FRAME = 10_000
_MAX_SEGMENTS = 100_000
_MAX_SCANS = 100  # a progressive picture has about ten


def frame_size(content: bytes) -> tuple[int, int] | None:
    """Rows and columns of a JPEG or JPEG-LS picture by its frame header; None without one.

    Args:
        content: of the picture, from its first byte.
    """
    for marker, at in islice(segments(content), _MAX_SEGMENTS_BEFORE_FRAME):
        if marker in _FRAME_HEADERS and at + 7 <= len(content):
            rows, columns = struct.unpack_from(">2H", content, at + 3)
            return rows, columns
    return None


def require_few_scans(content: bytes) -> None:
    """Refuse a picture that would be decoded for minutes: each scan is a pass over all pixels.

    Args:
        content: of a JPEG picture, with whatever follows its end, as other pictures.

    Raises:
        UnsupportedRadiograph: it has more scans than any encoder writes.
    """
    scans = 0
    for number, (marker, _) in enumerate(segments(content)):
        scans += marker == START_OF_SCAN
        if scans > _MAX_SCANS or number >= _MAX_SEGMENTS:
            raise UnsupportedRadiograph(Message("scans"))


def segments(content: bytes) -> Iterator[tuple[int, int]]:
    """Markers up to the end of the picture, and where the length of each segment is."""
    at = 0
    while (found := _MARKER.search(content, at)) and content[found.end() - 1] != _END:
        at = found.end()
        yield content[at - 1], at
        if at + 2 <= len(content):
            at += struct.unpack_from(">H", content, at)[0]


def require_intact_scans(content: bytes) -> None:
    """Refuse a picture of whose coded pixels a part has been lost: decoders make up what was there.

    Lost sectors and packets are filled with zeros, or with what was elsewhere on the disk. Where
    the shortest code ends a block, a long stretch of zeros may be a black border; where it does
    not, as in most files, each block of it would have all its 63 frequencies. Of other bytes, 1 in
    256 is 0xff, which few others may follow. Pictures are looked at whose blocks are coded one by
    one (not progressive ones), since of others this does not hold.

    Args:
        content: of a JPEG picture.

    Raises:
        UnreadableRadiograph: a part of it has been lost.
    """
    sequential, zeros_end_block = False, [True] * 4  # by number of the table for AC coefficients
    for marker, at in islice(segments(content), _MAX_SEGMENTS):
        (length,) = struct.unpack_from(">H", content, at) if at + 2 <= len(content) else (2,)
        segment = content[at + 2 : at + length]
        if marker in _FRAME_HEADERS:
            sequential = marker in _SEQUENTIAL
        elif marker == _HUFFMAN_TABLES:
            for number, symbol in _first_symbols(segment):
                zeros_end_block[number] = symbol == _END_OF_BLOCK
        elif marker == START_OF_SCAN and sequential and len(segment) > 2:
            begin = at + length
            end = _AFTER_SCAN.search(content, begin)
            coded = content[begin : end.start() if end else len(content)]
            lost = not zeros_end_block[segment[2] & 3] and _LOST in coded
            if lost or _NO_MARKER.search(coded):
                raise UnreadableRadiograph(Message("damaged", {"error": "coded pixels are lost"}))


def _first_symbols(tables: bytes) -> Iterator[tuple[int, int]]:
    """Numbers of the tables for AC coefficients in a segment, and what zeros alone stand for."""
    at = 0
    while at + 17 < len(tables):
        kind, number = tables[at] >> 4, tables[at] & 3
        if kind == 1:
            yield number, tables[at + 17]
        at += 17 + sum(tables[at + 1 : at + 17])
