"""Heatmaps: the methods by name, and how a map comes onto the radiograph."""

from __future__ import annotations

from typing import Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

Method = Literal["gradcam", "hirescam", "gradcam++"]
METHODS: tuple[Method, ...] = get_args(Method)

# On the heatmap's scale from 0 to 1: from here on a place is coloured, since weaker colours
# everywhere would be a veil over the radiograph.
MIN_SHOWN = 0.1
# And from here on the eye tells the colour from grey: if every place is weaker, the heatmap shows
# no evidence.
MIN_SEEN = 0.13


def scale_heatmap(
    evidence: npt.NDArray[np.float32], *, reference: float, shape: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Bring one map to [0, 1] and onto a radiograph's pixel grid.

    Maps are divided by one `reference` for all radiographs, which belongs to the model, and cut at
    1. So equal colours mean equal evidence on any two radiographs, and a radiograph with nothing to
    show stays dark; dividing each map by its own maximum would make every radiograph glow.

    Args:
        evidence: float32 of shape (h, w), at least 0.
        reference: the evidence that becomes 1, above 0.
        shape: height and width of the radiograph.

    Returns:
        float32 of shape `shape` in [0, 1]; zero stays zero.
    """
    height, width = shape
    scaled = evidence / np.float32(reference)
    resized = cv2.resize(scaled, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.clip(np.asarray(resized, dtype=np.float32), 0, 1)  # afterwards, as the page does
