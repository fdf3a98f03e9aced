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

from cxr.errors import UnsupportedRadiograph
from cxr.messages import Message

_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")
# Of frames of JPEG (tables and extensions are not among them) and JPEG-LS.
_FRAME_HEADERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
START_OF_SCAN, _END = 0xDA, 0xD9
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
