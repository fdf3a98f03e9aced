"""Templates of what the training package writes: reports, and what a published card adds."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
