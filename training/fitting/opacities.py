"""Artificial opacities planted in normal lungs, so that it is known where the evidence belongs.

Nobody outlined the pneumonia of these children. A planted opacity has an outline: the network can
learn from it, and heatmaps can be measured against it. It is an irregular, soft patch within the
lungs, brightened towards the image's own soft tissue, with ribs and vessels still visible; or, less
often, a reticular pattern as in viral pneumonia.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float32]  # (S, S) in [0, 1]
Mask = npt.NDArray[np.bool_]

# What training plants:
_DIAMETERS = (0.05, 0.32)  # smallest and largest, of the side
_STRENGTHS = (0.3, 0.95)  # weakest and strongest
_RETICULAR_FRACTION = 0.25
_COUNTS = (1, 1, 2, 3)  # one of these is drawn

_INSIDE = 0.6  # of the lung mask, from which an opacity may have its centre there
_TOUCHED = 0.05  # of a pixel, from which it counts as covered at all
_MIN_PIXELS = 20  # inside the lungs, below which nothing is planted


@dataclass(frozen=True, kw_only=True)
class Opacity:
    """One opacity, apart from its shape.

    Attributes:
        diameter: fraction of the image's side.
        strength: how far the centre is brightened towards soft tissue, in [0, 1].
        reticular: whether it is a net of fine lines on a faint haze instead of a patch.
    """

    diameter: float
    strength: float
    reticular: bool = False


def random_opacities(rng: np.random.Generator) -> list[Opacity]:
    """One to three opacities for training."""
    low, high = np.log(_DIAMETERS)
    return [
        Opacity(
            diameter=float(np.exp(rng.uniform(low, high))),
            strength=float(rng.uniform(*_STRENGTHS)),
            reticular=bool(rng.random() < _RETICULAR_FRACTION),
        )
        for _ in range(int(rng.choice(_COUNTS)))
    ]


def plant(
    image: Image, lungs: Image, opacities: list[Opacity], rng: np.random.Generator
) -> tuple[Image, Image]:
    """Plant opacities at random places in the lungs.

    Args:
        image: float32 (S, S) in [0, 1].
        lungs: float32 (S, S) in [0, 1], 1 inside.
        opacities: what to plant.
        rng: decides places and shapes.

    Returns:
        The image, and how much each pixel is covered, both float32 (S, S) in [0, 1]. Without lungs
        the image is returned as it is, and nothing is covered.
    """
    covered = np.zeros_like(image)
    places = np.argwhere(lungs > _INSIDE)
    if len(places) < _MIN_PIXELS:
        return image, covered
    side = image.shape[0]
    smooth = cv2.GaussianBlur(image, (0, 0), side / 24)
    tissue = _soft_tissue(image, lungs)
    contrast = max(0.08, 3 * float(image.std()))
    soft_lungs = cv2.GaussianBlur(np.clip(lungs, 0, 1), (0, 0), 1)
    planted = image
    for opacity in opacities:
        row, column = places[rng.integers(len(places))]
        cover = _patch(side, row, column, opacity.diameter * side / 2, rng) * soft_lungs
        level = tissue[int(rng.uniform(0.6, 0.97) * (len(tissue) - 1))]
        amount = cover * np.float32(opacity.strength)
        if opacity.reticular:
            lift = np.maximum(level - smooth, 0.08 * contrast)
            lines = np.abs(_noise(side, rng, [(side / 22, 0.6), (side / 40, 0.7)]))
            planted = planted + amount * (0.35 * lift + 0.16 * contrast * lines)
        else:
            # Behind the heart, which is as bright as soft tissue, an opacity still adds a little.
            lift = np.maximum(level - smooth, 0.12 * contrast)
            texture = _noise(side, rng, [(side / 12, 0.5), (side / 25, 0.4), (side / 45, 0.3)])
            # Where fluid replaces the air around them, vessels lose contrast.
            detail = image - smooth
            planted = planted + amount * (lift - 0.35 * detail + 0.1 * contrast * texture)
        covered = np.maximum(covered, cover)
    return np.asarray(np.clip(planted, 0, 1), dtype=np.float32), covered


def hidden(before: Image, after: Image, covered: Image, visible_from: float) -> Mask:
    """Where an opacity was planted that nobody can see.

    Behind the heart, which is as bright, or at the soft edge of a lung, an opacity may change next
    to nothing.

    Args:
        before: the image without opacities, float32 (S, S) in [0, 1].
        after: the same with them.
        covered: how much each pixel is covered, as `plant` returns it.
        visible_from: the change of grey level, in [0, 1] and smoothed over a sixtieth of the side,
            from which an opacity can be seen.

    Returns:
        bool (S, S).
    """
    change = cv2.GaussianBlur(np.abs(after - before), (0, 0), before.shape[0] / 60)
    return np.asarray((covered > _TOUCHED) & (change < visible_from))


def _soft_tissue(image: Image, lungs: Image) -> Image:
    """Sorted grey levels outside the lungs, without the darkest 30 %: air and borders."""
    side = image.shape[0]
    near = cv2.GaussianBlur(lungs, (0, 0), side / 40)
    outside = image[near < 0.05]
    # Every seventh pixel: a good enough sample that is faster to sort.
    levels = np.sort((outside if outside.size > 50 else image.ravel())[::7])
    return np.asarray(levels[int(0.3 * len(levels)) :], dtype=np.float32)


def _patch(side: int, row: int, column: int, radius: float, rng: np.random.Generator) -> Image:
    """A soft-edged ellipse (side, side) with an irregular outline, 1 at its centre."""
    y, x = np.mgrid[:side, :side].astype(np.float32)
    aspect, angle = np.exp(rng.uniform(-0.4, 0.4)), rng.uniform(0, np.pi)
    along = (np.cos(angle) * (x - column) + np.sin(angle) * (y - row)) * aspect
    across = (np.cos(angle) * (y - row) - np.sin(angle) * (x - column)) / aspect
    distance = np.hypot(along, across) / radius
    scale = max(radius, 3.0)
    ragged = distance - 1 + _noise(side, rng, [(1.1 * scale, 0.32), (0.5 * scale, 0.16)])
    softness = rng.uniform(0.08, 0.35)
    patch = 1 / (1 + np.exp(np.clip(ragged / softness, -30, 30)))
    return np.asarray(patch * np.clip(2.2 - distance, 0, 1), dtype=np.float32)


def _noise(side: int, rng: np.random.Generator, scales: list[tuple[float, float]]) -> Image:
    """Smooth noise (side, side): a sum over scales, each a wavelength in pixels and a weight."""
    total = np.zeros((side, side), np.float32)
    for wavelength, weight in scales:
        points = max(4, int(np.ceil(side / wavelength)))
        grid = rng.standard_normal((points, points), dtype=np.float32)
        total += np.float32(weight) * cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC)
    return total
