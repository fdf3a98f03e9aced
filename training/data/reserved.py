"""The patients that no fit learns from: examples and heatmaps are shown on them."""

from __future__ import annotations

from pathlib import Path

RESERVED = Path(__file__).parent / "reserved.txt"


def reserved_patients() -> frozenset[str]:
    """Patients of chest_xray that every fit leaves out."""
    lines = RESERVED.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))
