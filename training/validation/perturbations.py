"""Perturbations: what may differ between hospitals or between years of one, at two strengths.

A network that learned the acquisition instead of the disease loses accuracy under them. Gamma,
contrast, exposure, blur, sharpening, noise and rotation are also varied in training
(`training/fitting/augmentation.py`): their figures show whether it learned to ignore them.
JPEG, borders, crops, markers and resolution are new to it.

Blur, noise and JPEG are of an image of 224 pixels, whatever size it has: in a larger one, the noise
of a pixel and the blocks of a JPEG file would be lost when it is made as small as the network's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float32]
_SIDE = 224  # pixels of the shorter side


@dataclass(frozen=True)
class Perturbation:
    """One change at one strength.

    Attributes:
        name: what changes.
        strength: how much, in words.
        change: makes of an image, float32 (H, W) in [0, 1], and a generator the changed image,
            float32 (h, w), not clipped.
        binding: whether thresholds and calibration are chosen to hold under it, too. Not where it
            changes the lungs, so that it is no other way of acquiring the same radiograph.
    """

    name: str
    strength: str
    change: Callable[[Image, np.random.Generator], Image]
    binding: bool = True

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """The image under this perturbation.

        Args:
            image: float32 of shape (H, W) in [0, 1].
            rng: chooses directions and places.

        Returns:
            float32 (h, w) in [0, 1]; of another shape where borders are added or cut off, or where
            the perturbation is one of smaller images.
        """
        changed = np.clip(self.change(image, rng), 0, 1)
        return np.ascontiguousarray(changed, dtype=np.float32)


def _gamma(image: Image, rng: np.random.Generator, *, exponent: float) -> Image:
    return _array(np.power(image, np.float32(exponent ** _direction(rng))))


def _contrast(image: Image, rng: np.random.Generator, *, factor: float) -> Image:
    middle = image.mean()
    return _array((image - middle) * np.float32(factor ** _direction(rng)) + middle)


def _exposure(image: Image, rng: np.random.Generator, *, offset: float) -> Image:
    return _array(image + np.float32(offset * _direction(rng)))


def _blur(image: Image, _: np.random.Generator, *, sigma: float) -> Image:
    return _array(cv2.GaussianBlur(image, (0, 0), sigmaX=sigma * min(image.shape) / _SIDE))


def _sharpen(image: Image, rng: np.random.Generator, *, amount: float) -> Image:
    return image + np.float32(amount) * (image - _blur(image, rng, sigma=1.5))


def _noise(image: Image, rng: np.random.Generator, *, deviation: float) -> Image:
    image = _shrink(image)
    return image + np.float32(deviation) * rng.standard_normal(image.shape, dtype=np.float32)


def _jpeg(image: Image, _: np.random.Generator, *, quality: int) -> Image:
    pixels = np.round(_shrink(image) * 255).astype(np.uint8)
    encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return _array(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)) / np.float32(255)


def _rotation(image: Image, rng: np.random.Generator, *, degrees: float) -> Image:
    height, width = image.shape
    centre = (width - 1) / 2, (height - 1) / 2
    matrix = cv2.getRotationMatrix2D(centre, degrees * _direction(rng), 1)
    return _array(cv2.warpAffine(image, matrix, (width, height), borderValue=0))


def _crop(image: Image, _: np.random.Generator, *, fraction: float) -> Image:
    cut = round(fraction * min(image.shape))
    return image[cut : image.shape[0] - cut, cut : image.shape[1] - cut]


def _black_border(image: Image, _: np.random.Generator, *, fraction: float) -> Image:
    return np.pad(image, round(fraction * min(image.shape)))


def _add_marker(image: Image, rng: np.random.Generator, *, fraction: float) -> Image:
    """Draw a white R or L into a corner, `fraction` of the height high."""
    height, width = image.shape
    size, margin = fraction * height, 0.03 * height
    left = margin if rng.random() < 0.5 else width - margin - 0.8 * size
    baseline = margin + size if rng.random() < 0.5 else height - margin
    letter = np.zeros(image.shape, dtype=np.uint8)
    cv2.putText(
        letter,
        "RL"[int(rng.integers(2))],
        (round(left), round(baseline)),
        cv2.FONT_HERSHEY_SIMPLEX,
        size / 21,  # the font's capitals are 21 pixels high at scale 1
        255,
        max(1, round(size / 8)),
        cv2.LINE_AA,
    )
    return np.maximum(image, letter / np.float32(255))


def _remove_markers(image: Image, _: np.random.Generator, *, contrast: float) -> Image:
    """Paint over what is thin and much brighter than its surroundings, in the outer quarter."""
    height, width = image.shape
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width // 24 | 1, height // 24 | 1))
    marker = _array(cv2.morphologyEx(image, cv2.MORPH_TOPHAT, kernel)) > contrast
    marker[height // 4 : -(height // 4), width // 4 : -(width // 4)] = False
    mask = cv2.dilate(marker.astype(np.uint8), np.ones((3, 3), np.uint8))
    pixels = np.round(image * 255).astype(np.uint8)
    painted = _array(cv2.inpaint(pixels, mask, 3, cv2.INPAINT_TELEA)) / 255
    return np.where(mask > 0, painted, image)


def _resolution(image: Image, _: np.random.Generator, *, side: int) -> Image:
    height, width = image.shape
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    return _array(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def _shrink(image: Image) -> Image:
    """The image with a shorter side of `_SIDE` at most."""
    scale = _SIDE / min(image.shape)
    if scale >= 1:
        return image
    height, width = (round(side * scale) for side in image.shape)
    return _array(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))


def _direction(rng: np.random.Generator) -> int:
    return 1 if rng.random() < 0.5 else -1


def _array(image: object) -> Image:
    return np.asarray(image, dtype=np.float32)


PERTURBATIONS = (
    Perturbation("gamma", "1.4 or its inverse", partial(_gamma, exponent=1.4)),
    Perturbation("gamma", "2 or its inverse", partial(_gamma, exponent=2.0)),
    Perturbation("contrast", "×1.4 or ÷1.4", partial(_contrast, factor=1.4)),
    Perturbation("contrast", "×2 or ÷2", partial(_contrast, factor=2.0)),
    Perturbation("exposure", "±10 % of the range", partial(_exposure, offset=0.1)),
    Perturbation("exposure", "±20 % of the range", partial(_exposure, offset=0.2)),
    Perturbation("blur", "σ 1 pixel of 224", partial(_blur, sigma=1.0)),
    Perturbation("blur", "σ 2 pixels of 224", partial(_blur, sigma=2.0)),
    Perturbation("sharpening", "by 1", partial(_sharpen, amount=1.0)),
    Perturbation("sharpening", "by 2", partial(_sharpen, amount=2.0)),
    Perturbation("noise", "σ 3 % of the range", partial(_noise, deviation=0.03)),
    Perturbation("noise", "σ 6 % of the range", partial(_noise, deviation=0.06)),
    Perturbation("JPEG", "quality 40", partial(_jpeg, quality=40)),
    Perturbation("JPEG", "quality 15", partial(_jpeg, quality=15)),
    Perturbation("rotation", "6° either way", partial(_rotation, degrees=6.0)),
    Perturbation("rotation", "12° either way", partial(_rotation, degrees=12.0)),
    Perturbation("crop", "5 % off each edge", partial(_crop, fraction=0.05)),
    Perturbation("crop", "10 % off each edge", partial(_crop, fraction=0.1)),
    Perturbation("black border", "5 % of the side", partial(_black_border, fraction=0.05)),
    Perturbation("black border", "10 % of the side", partial(_black_border, fraction=0.1)),
    Perturbation("marker added", "letter of 7 % of the side", partial(_add_marker, fraction=0.07)),
    Perturbation("marker added", "letter of 14 % of the side", partial(_add_marker, fraction=0.14)),
    Perturbation("markers removed", "the brightest", partial(_remove_markers, contrast=0.25)),
    # It paints over 6.9 % of the lungs (training/EXPERIMENTS.md).
    Perturbation(
        "markers removed",
        "all that may be one",
        partial(_remove_markers, contrast=0.15),
        binding=False,
    ),
    Perturbation("resolution", "112 pixels", partial(_resolution, side=112)),
    Perturbation("resolution", "64 pixels", partial(_resolution, side=64)),
)
