"""A folder for what the targets write; it goes when the process ends."""

from __future__ import annotations

import tempfile
from pathlib import Path

_KEPT = tempfile.TemporaryDirectory(prefix="cxr-fuzz-")  # as long as this module is
FOLDER = Path(_KEPT.name)
