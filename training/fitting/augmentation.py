"""Random transforms of an image that do not change the diagnosis, each with its reason.

All transforms that move pixels are one warp, so that an image is interpolated once. Those of the
grey levels follow in the order in which they happen to a real image: exposure, processing, optics,
noise. OpenCV and NumPy release the interpreter lock, so threads are enough to make batches in time.

A new transform needs a field of `AugmentationConfig` with its limit in `_LIMITS`; a value in
`WIDE_AUGMENTATION` and in each preset (`presets/`); its value in configurations saved before
(`earlier_configs._ADDED_LATER` and ``_ADDED_TO_SECTIONS``); a control in the studio
(`studio.settings.AUGMENTATION`) with its words in messages.toml.

Draw random numbers for it only where its value is above 0: configurations without it then keep
theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float32]
Erased = npt.NDArray[np.bool_]

# Beyond these a radiograph cannot be recognised any more.
_LIMITS = {
    "flip": 1.0,
    "rotation": 180.0,
    "zoom": 0.9,
    "stretch": 0.9,
    "shift": 0.5,
    "shear": 60.0,
    "gamma": 2.0,
    "contrast": 1.0,
    "brightness": 1.0,
    "local_contrast": 1.0,
    "blur": 1.0,
    "noise": 1.0,
    "erase": 1.0,
}


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig:
    """How far each transform may go. Zero switches it off.

    Attributes:
        flip: probability of mirroring left and right. It moves the heart to the other side, but
            pneumonia may be on either.
        rotation: in degrees, up to this in either direction. Small children are held by hand.
        zoom: scale within 1 ± zoom. Collimation and body size differ.
        stretch: aspect ratio within 1 ± stretch. The images are resized to a square anyway.
        shift: up to this fraction of the side, in either direction. Lungs are not always centred.
        shift_vertically: whether the shift also moves up and down.
        shear: in degrees, up to this. Projections may be oblique.
        gamma: standard deviation of log gamma. The response curves of detectors differ.
        contrast: factor within 1 ± contrast. Windowing differs.
        brightness: offset within ± brightness of the full range. Exposure differs.
        local_contrast: probability of blending in an adaptive equalisation (CLAHE). Vendors process
            their images differently, and the network should not recognise a vendor.
        blur: probability of a Gaussian blur, and also of a sharpening. Focus, motion and scaling
            differ.
        noise: standard deviation of Gaussian noise, drawn from [0, noise]. The dose may be low.
        erase: probability of greying a rectangle, so that no single place, marker or wire decides.
    """

    flip: float
    rotation: float
    zoom: float
    stretch: float
    shift: float
    shift_vertically: bool
    shear: float
    gamma: float
    contrast: float
    brightness: float
    local_contrast: float
    blur: float
    noise: float
    erase: float

    def __post_init__(self) -> None:
        if not isinstance(self.shift_vertically, bool):
            raise ValueError(
                "Expected augmentation shift_vertically as true or false. Received: "
                f"{self.shift_vertically!r}"
            )
        for name, highest in _LIMITS.items():
            value = getattr(self, name)
            if not 0 <= value <= highest:
                raise ValueError(
                    f"Expected augmentation {name} from 0 to {highest}. Received: {value!r}"
                )


# For what has to hold in other hospitals and for adults, as where the lungs are: wider than what a
# class is learned with.
WIDE_AUGMENTATION = AugmentationConfig(
    flip=0.5,
    rotation=20.0,
    zoom=0.30,
    stretch=0.25,
    shift=0.10,
    shift_vertically=True,
    shear=8.0,
    gamma=0.40,
    contrast=0.35,
    brightness=0.15,
    local_contrast=0.25,
    blur=0.25,
    noise=0.05,
    erase=0.30,
)


def augment(image: Image, config: AugmentationConfig, rng: np.random.Generator) -> Image:
    """A random variant of one image.

    Args:
        image: float32 of shape (S, S) in [0, 1].
        config: how far each transform may go.
        rng: the only source of randomness: the same state gives the same image.

    Returns:
        float32 of shape (S, S) in [0, 1].
    """
    return augment_with_masks(image, [], config, rng)[0]


def augment_with_masks(
    image: Image, masks: Sequence[Image], config: AugmentationConfig, rng: np.random.Generator
) -> tuple[Image, list[Image], Erased]:
    """A random variant of one image, and masks moved with it.

    Args:
        image: float32 of shape (S, S) in [0, 1].
        masks: float32 of shape (S, S) in [0, 1] each; beyond their edges they count as 0.
        config: how far each transform may go.
        rng: the only source of randomness.

    Returns:
        Image and masks, all float32 of shape (S, S) in [0, 1]; and where nothing of the image is
        left, bool (S, S).
    """
    affine = _affine(image, config, rng)
    moved = [
        np.asarray(cv2.warpAffine(mask, affine, mask.shape, flags=cv2.INTER_LINEAR), np.float32)
        for mask in masks
    ]
    image, erased = _vary_grey_levels(_warp(image, affine), config, rng)
    return image, moved, erased


def _vary_grey_levels(
    image: Image, config: AugmentationConfig, rng: np.random.Generator
) -> tuple[Image, Erased]:
    image = _expose(image, config, rng)
    if rng.random() < config.local_contrast:
        image = _equalize_locally(image, rng)
    if rng.random() < config.blur:
        image = _blur(image, rng)
    if rng.random() < config.blur:
        image = np.clip(2 * image - _blur(image, rng), 0, 1)  # unsharp mask
    if config.noise:
        deviation = rng.uniform(0, config.noise)
        image = image + rng.standard_normal(image.shape, dtype=np.float32) * np.float32(deviation)
    erased = np.zeros(image.shape, dtype=bool)
    if rng.random() < config.erase:
        image, erased = _erase(image, rng)
    return np.asarray(np.clip(image, 0, 1), dtype=np.float32), erased


def _affine(
    image: Image, config: AugmentationConfig, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """A random affine matrix of shape (2, 3), as OpenCV takes it."""
    side = image.shape[0]
    angle = np.deg2rad(rng.uniform(-config.rotation, config.rotation))
    shear = np.tan(np.deg2rad(rng.uniform(-config.shear, config.shear)))
    scale = 1 + rng.uniform(-config.zoom, config.zoom)
    stretch = 1 + rng.uniform(-config.stretch, config.stretch)
    mirror = -1 if rng.random() < config.flip else 1
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = rotation @ np.array([[1, shear], [0, 1]])
    matrix = matrix @ np.diag([mirror * scale * np.sqrt(stretch), scale / np.sqrt(stretch)])
    shift = rng.uniform(-config.shift, config.shift, size=2) * side
    if not config.shift_vertically:
        shift[1] = 0
    centre = np.full(2, (side - 1) / 2)
    return np.column_stack([matrix, centre + shift - matrix @ centre])


def _warp(image: Image, affine: npt.NDArray[np.float64]) -> Image:
    # Replicated edges: black corners would show that an image was rotated.
    warped = cv2.warpAffine(
        image, affine, image.shape, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped, dtype=np.float32)


def _expose(image: Image, config: AugmentationConfig, rng: np.random.Generator) -> Image:
    gamma = np.exp(config.gamma * rng.standard_normal())
    contrast = 1 + rng.uniform(-config.contrast, config.contrast)
    brightness = rng.uniform(-config.brightness, config.brightness)
    image = np.power(image, np.float32(gamma))
    middle = image.mean()
    image = (image - middle) * np.float32(contrast) + middle + np.float32(brightness)
    return np.asarray(np.clip(image, 0, 1), dtype=np.float32)


def _equalize_locally(image: Image, rng: np.random.Generator) -> Image:
    clahe = cv2.createCLAHE(clipLimit=rng.uniform(1, 4), tileGridSize=(6, 6))
    # In 8 bits, as the files are: 16 bits take twenty times as long for the histograms alone.
    equalized = clahe.apply((image * 255).astype(np.uint8)).astype(np.float32) / 255
    amount = np.float32(rng.uniform(0.3, 1))
    return np.asarray(amount * equalized + (1 - amount) * image, dtype=np.float32)


def _blur(image: Image, rng: np.random.Generator) -> Image:
    blurred = cv2.GaussianBlur(image, (0, 0), sigmaX=rng.uniform(0.4, 1.6))
    return np.asarray(blurred, dtype=np.float32)


def _erase(image: Image, rng: np.random.Generator) -> tuple[Image, Erased]:
    """Random erasing (Zhong 2017, arXiv 1708.04896), filled with the image's mean."""
    side = image.shape[0]
    height, width = rng.integers(side // 10, side // 3, size=2)
    top, left = rng.integers(0, side - height), rng.integers(0, side - width)
    erased = np.zeros(image.shape, dtype=bool)
    erased[top : top + height, left : left + width] = True
    return np.where(erased, image.mean(), image), erased
