"""How many scans a JPEG picture has: each costs its decoder a pass over all pixels."""

from __future__ import annotations

import re
import struct

from cxr.errors import UnsupportedRadiograph
from cxr.messages import Message

# ISO 10918-1 annex B. In coded pixels, 0 follows 0xff, or one of the marks that have no length.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
_START_OF_SCAN, _END = 0xDA, 0xD9
_MOST = 100  # a progressive picture has about ten
_MOST_SEGMENTS = 100_000


def require_few_scans(content: bytes, name: str) -> None:
    """Refuse a picture that would be decoded for minutes, before it is decoded.

    Args:
        content: of a JPEG picture, with whatever follows its end, as other pictures.
        name: what to call it in messages.

    Raises:
        UnsupportedRadiograph: it has more scans than any encoder writes.
    """
    at = scans = 0
    for _ in range(_MOST_SEGMENTS):
        found = _MARKER.search(content, at)
        if not found or content[found.end() - 1] == _END:
            return
        scans += content[found.end() - 1] == _START_OF_SCAN
        if scans > _MOST:
            break
        at = found.end()
        if at + 2 <= len(content):
            at += struct.unpack_from(">H", content, at)[0]
    raise UnsupportedRadiograph(name, Message("scans"))
