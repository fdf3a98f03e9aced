"""How large a coded picture says that it is, before it is decoded."""

from __future__ import annotations

import struct

from cxr.reading.jpeg_markers import frame_size


def coded_size(frame: bytes) -> tuple[int, int] | None:
    """Rows and columns of a JPEG, JPEG-LS or JPEG 2000 picture, from its own header.

    Args:
        frame: the coded picture.

    Returns:
        In pixels; None if there is no such header.

    Raises:
        struct.error: it is cut off within its header.
    """
    if frame[:2] == b"\xff\xd8":
        return frame_size(frame)
    start = frame.find(b"\xff\x4f\xff\x51", 0, 200)  # ISO 15444-1 annex A: SOC, SIZ
    if start < 0:
        return None
    width, height, left, top = struct.unpack_from(">4L", frame, start + 8)
    return height - top, width - left
