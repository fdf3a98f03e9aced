"""Parts and looks of radiographs exchanged, so that only what is in the lungs tells the classes.

How a radiograph was taken and what lies beside the lungs go with the class in this data: a network
learns them if it can. Here one radiograph lends its look, or what lies outside its lungs, to
another, whose disease stays where it was. Surroundings are brought over by the boxes around the
lungs.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float32]  # (S, S) in [0, 1]
Box = tuple[int, int, int, int]  # left, top, right, bottom

_BANDS = 24  # of the spectrum, of equal width in log frequency
_LOW_BANDS = 6  # the shapes themselves, which are not exchanged


def restyle(image: Image, donor: Image, amount: float) -> Image:
    """Give an image another's sharpness (radial spectrum) and grey levels (histogram).

    Args:
        image: float32 (S, S) in [0, 1].
        donor: of the same shape.
        amount: from 0, as it is, to 1, in full.
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
    """Band of each frequency of `rfft2`, and its place between the bands' middles."""
    cycles = np.hypot(np.fft.fftfreq(side)[:, np.newaxis], np.fft.rfftfreq(side)) * side
    place = np.log1p(cycles) / np.log1p(side / np.sqrt(2)) * _BANDS
    return np.minimum(place, _BANDS - 1).astype(np.int64), place - 0.5


def _match_levels(image: Image, donor: Image) -> Image:
    """Grey levels by a table of 256, with what lies between kept apart."""
    ours, theirs = _histogram(image), _histogram(donor)
    present = np.flatnonzero(theirs)
    ranks = (np.cumsum(theirs) - theirs / 2)[present] / donor.size
    table = np.interp((np.cumsum(ours) - ours / 2) / image.size, ranks, present / 255)
    scaled = np.clip(image * 255, 0, 254.999)
    low = scaled.astype(np.int64)
    part = scaled - low
    return np.asarray(table[low] * (1 - part) + table[low + 1] * part, dtype=np.float32)


def _histogram(image: Image) -> npt.NDArray[np.int64]:
    levels = np.clip(image * 255, 0, 255).astype(np.uint8)
    return np.bincount(levels.ravel(), minlength=256)


def exchange_outside(image: Image, lungs: Image, donor: Image, donor_lungs: Image) -> Image:
    """The image's lungs on what surrounds the donor's; the image as it is if either has none.

    Args:
        image: float32 (S, S) in [0, 1].
        lungs: float32 (S, S) in [0, 1], 1 inside.
        donor: of the same shape.
        donor_lungs: likewise.
    """
    side = image.shape[0]
    ours, theirs = box_around(lungs > 0.5), box_around(donor_lungs > 0.5)
    if ours is None or theirs is None:
        return image
    margin = cv2.dilate((lungs > 0.5).astype(np.uint8), np.ones((5, 5), np.uint8))
    kept = cv2.GaussianBlur(margin.astype(np.float32), (0, 0), side / 50)
    moved = move_box(donor, theirs, ours)
    return np.asarray(image * kept + moved * (1 - kept), dtype=np.float32)


def box_around(mask: npt.NDArray[np.bool_]) -> Box | None:
    """The box around all that is set in a mask (S, S); None where nothing is."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def move_box(image: Image, origin: Box, to: Box) -> Image:
    """The image, stretched so that one box comes to lie on another; its edges are repeated."""
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
