"""A `Radiograph` becomes the network's batch. Training and classification call this same code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from cxr.reading.radiograph import Radiograph

Intensity = Literal["unit", "standardized", "standardized_by_middle"]

_BORDER = 0.12  # of the side, on each, that the middle leaves out


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """How pixels are prepared; saved in the bundle beside the weights that expect it.

    Attributes:
        size: side S of the network's square input, in pixels. The aspect ratio is not kept:
            the radiographs that the networks are trained on come without theirs.
        intensity: ``"unit"`` leaves grey levels in [0, 1]; ``"standardized"`` gives each radiograph
            zero mean and unit variance, so that neither exposure nor window matters;
            ``"standardized_by_middle"`` gives them to its middle, so that a black border or what
            lies around the chest does not matter, either.
    """

    size: int = 160
    intensity: Intensity = "standardized"

    def __post_init__(self) -> None:
        if self.intensity not in get_args(Intensity):
            raise ValueError(
                f"Expected intensity to be one of {', '.join(get_args(Intensity))}. "
                f"Received: intensity={self.intensity!r}"
            )
        if not (isinstance(self.size, int) and self.size > 0):
            raise ValueError(f"Expected a size in pixels above 0. Received: size={self.size!r}")

    def __call__(self, radiograph: Radiograph) -> npt.NDArray[np.float32]:
        """The radiograph as a float32 batch of one, shape (1, S, S, 1)."""
        return self.normalize(self.resize(radiograph)[np.newaxis])

    def resize(self, radiograph: Radiograph) -> npt.NDArray[np.float32]:
        """The radiograph's pixels as float32 of shape (S, S) in [0, 1].

        Shrinking averages over each target pixel's area, which neither aliases ribs nor sharpens.
        """
        height, width = (min(side, self.size) for side in radiograph.shape)
        # One axis after the other where only one shrinks: together, OpenCV would average over none.
        shrunk = cv2.resize(radiograph.pixels, (width, height), interpolation=cv2.INTER_AREA)
        resized = cv2.resize(shrunk, (self.size, self.size), interpolation=cv2.INTER_LINEAR)
        return np.asarray(resized, dtype=np.float32)

    def normalize(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Resized radiographs as the network takes them.

        Args:
            images: float32 of shape (N, S, S) in [0, 1].

        Returns:
            float32 of shape (N, S, S, 1); a radiograph of one grey level becomes all zeros.
        """
        if self.intensity != "unit":
            by_middle = self.intensity == "standardized_by_middle"
            border = round(_BORDER * images.shape[1]) if by_middle else 0
            inside = slice(border, images.shape[1] - border)
            middle = images[:, inside, inside]
            mean = middle.mean(axis=(1, 2), keepdims=True)
            deviation = middle.std(axis=(1, 2), keepdims=True)
            images = (images - mean) / np.maximum(deviation, np.float32(1e-3))
        return images[..., np.newaxis]


def lung_preprocessing(size: int) -> Preprocessing:
    """How radiographs are prepared for the gate's lung network of this size."""
    return Preprocessing(size=size, intensity="standardized")
