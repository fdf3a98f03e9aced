"""Exchange of style and surroundings between images, so that only the lungs tell the classes.

In this data the acquisition and what lies outside the lungs are correlated with the class, and a
network learns them if it can. Here an image gets the sharpness and grey levels of another image, or
what lies outside the other's lungs; its own lungs, and the disease in them, stay where they are.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float32]  # (S, S) in [0, 1]
Box = tuple[int, int, int, int]  # left, top, right, bottom

_BANDS = 24  # of the spectrum, of equal width in log frequency
_LOW_BANDS = 6  # bands that hold the anatomy, which are not changed


def restyle(image: Image, donor: Image, amount: float) -> Image:
    """Give an image another's sharpness (radial spectrum) and grey levels (histogram).

    Args:
        image: float32 (S, S) in [0, 1].
        donor: of the same shape.
        amount: from 0, no change, to 1, in full.

    Returns:
        float32 (S, S) in [0, 1].
    """
    bands, positions = _spectrum_bands(image.shape[0])
    mean = image.mean()
    spectrum = np.fft.rfft2(image - mean)
    count = np.bincount(bands.ravel(), minlength=_BANDS) + 1e-9

    def profile(values: npt.NDArray[np.complex128]) -> npt.NDArray[np.float64]:
        found = np.bincount(bands.ravel(), np.abs(values).ravel(), _BANDS) / count
        return np.asarray(found + 1e-6, dtype=np.float64)

    ratio = np.clip(profile(np.fft.rfft2(donor - donor.mean())) / profile(spectrum), 0.3, 3)
    ratio[:_LOW_BANDS] = 1
    gain = np.interp(positions, np.arange(_BANDS), ratio**amount)
    sharpened = np.fft.irfft2(spectrum * gain, s=image.shape).astype(np.float32) + mean
    mixed = amount * _match_levels(sharpened, donor) + (1 - amount) * sharpened
    return np.asarray(np.clip(mixed, 0, 1), dtype=np.float32)


@cache
def _spectrum_bands(side: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The band of each frequency of `rfft2`, and its position on the scale of band numbers."""
    cycles = np.hypot(np.fft.fftfreq(side)[:, np.newaxis], np.fft.rfftfreq(side)) * side
    place = np.log1p(cycles) / np.log1p(side / np.sqrt(2)) * _BANDS
    return np.minimum(place, _BANDS - 1).astype(np.int64), place - 0.5


def _match_levels(image: Image, donor: Image) -> Image:
    """Match the histogram by a table of 256 levels, interpolating between them."""
    own, other = _histogram(image), _histogram(donor)
    present = np.flatnonzero(other)
    ranks = (np.cumsum(other) - other / 2)[present] / donor.size
    table = np.interp((np.cumsum(own) - own / 2) / image.size, ranks, present / 255)
    scaled = np.clip(image * 255, 0, 254.999)
    low = scaled.astype(np.int64)
    fraction = scaled - low
    return np.asarray(table[low] * (1 - fraction) + table[low + 1] * fraction, dtype=np.float32)


def _histogram(image: Image) -> npt.NDArray[np.int64]:
    levels = np.clip(image * 255, 0, 255).astype(np.uint8)
    return np.bincount(levels.ravel(), minlength=256)


def exchange_outside(image: Image, lungs: Image, donor: Image, donor_lungs: Image) -> Image:
    """Replace what lies outside an image's lungs by what lies outside the donor's.

    The donor is stretched so that the boxes around both images' lungs coincide.

    Args:
        image: float32 (S, S) in [0, 1].
        lungs: float32 (S, S) in [0, 1], 1 inside.
        donor: float32 (S, S) in [0, 1].
        donor_lungs: float32 (S, S) in [0, 1], 1 inside.

    Returns:
        float32 (S, S) in [0, 1]; the image itself if either has no lungs.
    """
    side = image.shape[0]
    own_box, donor_box = box_around(lungs > 0.5), box_around(donor_lungs > 0.5)
    if own_box is None or donor_box is None:
        return image
    margin = cv2.dilate((lungs > 0.5).astype(np.uint8), np.ones((5, 5), np.uint8))
    kept = cv2.GaussianBlur(margin.astype(np.float32), (0, 0), side / 50)
    moved = move_box(donor, donor_box, own_box)
    return np.asarray(image * kept + moved * (1 - kept), dtype=np.float32)


def box_around(mask: npt.NDArray[np.bool_]) -> Box | None:
    """The box around the True pixels of a mask (S, S); None if there are none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def move_box(image: Image, origin: Box, to: Box) -> Image:
    """An image (S, S), stretched and shifted so that one box ends up on another.

    Beyond its edges the image is continued by its edge pixels.
    """
    x = (to[2] - to[0]) / (origin[2] - origin[0])
    y = (to[3] - to[1]) / (origin[3] - origin[1])
    affine = np.array([[x, 0, to[0] - x * origin[0]], [0, y, to[1] - y * origin[1]]])
    moved = cv2.warpAffine(
        image,
        affine,
        (image.shape[1], image.shape[0]),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(moved, dtype=np.float32)
