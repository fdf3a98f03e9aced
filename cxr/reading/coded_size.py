"""How large a coded picture says that it is, before it is decoded."""

from __future__ import annotations

import re
import struct

# Start-of-frame markers of JPEG (without tables and extensions among them) and JPEG-LS.
_FRAME_HEADERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}  # TEM, RST0 to RST7, SOI
_MARKER = re.compile(rb"\xff[^\x00\xff]")
_MAX_SEGMENTS = 10_000  # of a JPEG picture before its frame header


def coded_size(frame: bytes) -> tuple[int, int] | None:
    """Rows and columns of a JPEG, JPEG-LS or JPEG 2000 picture, from its own header."""
    if frame[:2] != b"\xff\xd8":
        start = frame.find(b"\xff\x4f\xff\x51", 0, 200)  # ISO 15444-1 annex A: SOC, SIZ
        if start < 0:
            return None
        width, height, left, top = struct.unpack_from(">4L", frame, start + 8)
        return height - top, width - left
    at = 2  # ISO 10918-1 annex B: after SOI, segments with their lengths, fill bytes before each
    for _ in range(_MAX_SEGMENTS):
        found = _MARKER.search(frame, at)
        if not found or found.end() + 7 > len(frame):
            return None
        marker, at = frame[found.end() - 1], found.end()
        if marker in _FRAME_HEADERS:
            rows, columns = struct.unpack_from(">2H", frame, at + 3)
            return rows, columns
        if marker not in _WITHOUT_LENGTH:
            at += struct.unpack_from(">H", frame, at)[0]
    return None
