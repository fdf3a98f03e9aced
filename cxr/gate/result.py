"""What the gate decides about an image, and how a radiograph that lies wrong is put upright.

This module imports nothing that reads files, so that `cxr.errors` can name the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from cxr.gate.lungs import LungFields
from cxr.messages import Message

Image = npt.NDArray[np.float32]  # (H, W) in [0, 1]


# Warnings that the radiograph is of a kind that no model was trained on.
_OUTSIDE = {"adult", "age", "infant", "few_pixels"}


@dataclass(frozen=True, kw_only=True)
class Correction:
    """What makes an image upright, with dark lungs.

    Attributes:
        turns: quarter turns, anticlockwise.
        inverted: whether black and white are exchanged.
    """

    turns: int = 0
    inverted: bool = False

    def apply(self, image: Image) -> Image:
        """The corrected image.

        Args:
            image: float32 (H, W) in [0, 1].

        Returns:
            float32 in [0, 1], (H, W) or (W, H), read-only; the image itself where nothing is to be
            done.
        """
        if self == Correction():
            return image
        turned = self.turn(image)
        corrected = np.ascontiguousarray(np.float32(1) - turned if self.inverted else turned)
        corrected.setflags(write=False)
        return corrected

    def turn(self, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """An image (H, W), or a map of it, turned upright; its values stay as they are."""
        return np.ascontiguousarray(np.rot90(image, self.turns))

    def undo(self, heatmap: Image) -> Image:
        """A heatmap of the corrected image, on the pixel grid of the image as it came."""
        return np.ascontiguousarray(np.rot90(heatmap, -self.turns))


# All but the one that changes nothing.
CORRECTIONS = tuple(
    Correction(turns=turns, inverted=inverted)
    for inverted, turns in product((False, True), range(4))
)[1:]


@dataclass(frozen=True, eq=False, kw_only=True)
class GateResult:
    """What the gate decides about one image.

    Attributes:
        reasons: why it is refused; empty if it is accepted.
        warnings: what a reader has to know about the answer.
        correction: what is to be done to the image before it is classified.
        lungs: the lung fields of the corrected image; None if the image is refused.
    """

    reasons: tuple[Message, ...] = ()
    warnings: tuple[Message, ...] = ()
    correction: Correction = Correction()
    lungs: LungFields | None = None

    @property
    def accepted(self) -> bool:
        """Whether the image may be classified; then there are lungs."""
        return self.lungs is not None

    @property
    def in_range(self) -> bool:
        """Whether the radiograph is of a kind that the models were trained on, as far as known."""
        return not any(warning.code in _OUTSIDE for warning in self.warnings)
