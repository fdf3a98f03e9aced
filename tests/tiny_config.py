"""The configuration of a bundle of a tiny network, as config.json has it."""

from __future__ import annotations

from typing import Any

from cxr.model.bundle import FORMAT

TINY_CONFIG: dict[str, Any] = {
    "format": FORMAT,
    "name": "tiny",
    "version": "1",
    "class_names": ["NORMAL", "PNEUMONIA"],
    "network": {
        "architecture": "evidence",
        "input_size": 32,
        "stem_width": 4,
        "widths": [4, 8],
        "blocks": [1, 1],
        "lstm_units": 4,
        "dropout": 0.2,
    },
    "preprocessing": {"size": 32, "intensity": "standardized"},
    "flip_tta": True,
    "heatmap": {"method": "gradcam", "reference": 0.01},
    "trained_on": {"images": 0},
}
