"""How many scans a JPEG picture has: each costs its decoder a pass over all pixels."""

from __future__ import annotations

from cxr.errors import UnsupportedRadiograph
from cxr.messages import Message

_START_OF_SCAN = b"\xff\xda"  # ISO 10918-1 annex B; elsewhere in coded pixels, 0 follows 0xff
_MOST = 100  # a progressive picture has about ten


def require_few_scans(content: bytes, name: str) -> None:
    """Refuse a picture that would be decoded for minutes, before it is decoded.

    Args:
        content: of a JPEG file, with the previews that its header may hold.
        name: what to call it in messages.

    Raises:
        UnsupportedRadiograph: it has more scans than any encoder writes.
    """
    if content.count(_START_OF_SCAN) > _MOST:
        raise UnsupportedRadiograph(name, Message("scans"))
