"""Parts and looks of radiographs exchanged, so that only what is in the lungs tells the classes.

How a radiograph was taken and what lies beside the lungs go with the class in this data: a network
learns them if it can. Here one radiograph lends its look, what lies outside its lungs, or a lung to
another, whose disease stays where it was. Regions are brought over by the boxes around the lungs.
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
_SMALL_LUNG = 0.25  # of the larger one's area: less is taken for a lung that was not outlined


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


def exchange_lungs(
    image: Image, lungs: Image, donor: Image, donor_lungs: Image, sides: tuple[int, ...]
) -> tuple[Image, Image]:
    """The donor's lungs in the image, on one side or both.

    Args:
        image: float32 (S, S) in [0, 1].
        lungs: float32 (S, S) in [0, 1], 1 inside.
        donor: of the same shape.
        donor_lungs: likewise.
        sides: which to exchange: 0 for the lung on the image's left, 1 for that on its right.

    Returns:
        The image, and where it shows the donor's lungs, float32 (S, S), 0 or 1: nowhere if one of
        them has no lung on a side.
    """
    ours, theirs = lung_sides(lungs), lung_sides(donor_lungs)
    exchanged, where = image, np.zeros_like(image)
    for side in sides:
        to, origin = box_around(ours[side]), box_around(theirs[side])
        if to is None or origin is None:
            return image, np.zeros_like(image)
        moved = move_box(donor, origin, to)
        outline = move_box(theirs[side].astype(np.float32), origin, to) > 0.5
        shown = cv2.GaussianBlur((ours[side] | outline).astype(np.float32), (0, 0), 1.5)
        exchanged = exchanged * (1 - shown) + moved * shown
        where = np.maximum(where, ours[side].astype(np.float32))
    return np.asarray(exchanged, dtype=np.float32), where


def lung_sides(lungs: Image) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """The lung on the image's left and the one on its right, (S, S) each."""
    inside = (lungs > 0.5).astype(np.uint8)
    count, labels, stats, middles = cv2.connectedComponentsWithStats(inside, connectivity=4)
    areas = stats[1:, cv2.CC_STAT_AREA]
    if count > 2:
        largest = 1 + np.argsort(areas)[::-1][:2]
        if areas[largest[1] - 1] >= _SMALL_LUNG * areas[largest[0] - 1]:
            left, right = sorted(largest, key=lambda label: middles[label][0])
            return labels == left, labels == right
    # Joined, or one alone: parted at the column with the least lung near the middle.
    width = inside.shape[1]
    first = int(0.35 * width)
    column = first + int(np.argmin(inside.sum(axis=0)[first : int(0.65 * width)]))
    columns = np.arange(width)
    return (inside > 0) & (columns < column), (inside > 0) & (columns >= column)


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
