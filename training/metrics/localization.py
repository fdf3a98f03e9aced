"""Does the heat lie where the disease is? Measures against outlines.

A map without any heat counts as a miss everywhere: otherwise a network that shows little would look
good. And a map is true of its radiograph only as far as other radiographs' maps would not do as
well, since disease has its customary places, which a network can learn instead of looking.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypedDict

import cv2
import numpy as np
import numpy.typing as npt

from training.fitting.exchange import box_around, move_box
from training.fitting.opacities import Opacity, plant

Images = npt.NDArray[np.float32]  # (N, S, S) in [0, 1]
Heat = npt.NDArray[np.float32]  # (N, S, S), at least 0
Maps = npt.NDArray[np.float32]  # (N, h, w), at least 0
Masks = npt.NDArray[np.bool_]  # (N, S, S)
# Images to logits (N,) and maps (N, h, w).
Explain = Callable[[Images], tuple[npt.NDArray[np.float32], Maps]]

OTHERS = 8  # maps of other radiographs that each is compared with
# A contrast-detail curve, as in tests of image quality: diameters (of the side) and strengths.
DIAMETERS = (0.06, 0.10, 0.16, 0.24)
CONTRASTS = (0.3, 0.5, 0.8)


class Agreement(TypedDict):
    """How maps and outlines go together.

    hit: fraction of images whose hottest point is inside.
    gain: fraction of the heat inside, over the fraction of the image that is; mean.
    any: fraction of images with any heat.
    """

    images: int
    hit: float
    gain: float
    any: float


class Control(TypedDict):
    """Own maps against other images' maps on the same outlines.

    others_gain: mean gain of others' maps; factor: own gain over it; own_wins: fraction of images
    with heat whose own map has more gain than others' on average.
    """

    others_gain: float
    factor: float
    own_wins: float


class Detection(TypedDict):
    """What becomes of one kind of planted opacity; rise is of the logit, on average."""

    diameter: float
    strength: float
    hit: float
    rise: float


def to_images(maps: Maps, side: int) -> Heat:
    """Maps on the images' own grid of `side` pixels."""
    return np.stack(
        [cv2.resize(one, (side, side), interpolation=cv2.INTER_LINEAR) for one in maps]
    ).astype(np.float32)


def agreement(heat: Heat, inside: Masks) -> Agreement:
    """How heat and outlines go together."""
    return {
        "images": len(heat),
        "hit": float(hits(heat, inside).mean()),
        "gain": float(gains(heat, inside).mean()),
        "any": float((heat.max(axis=(1, 2)) > 0).mean()),
    }


def hits(heat: Heat, inside: Masks) -> npt.NDArray[np.bool_]:
    """Whether each image's hottest point is inside (N,)."""
    hottest = heat.reshape(len(heat), -1).argmax(axis=1)
    there = inside.reshape(len(inside), -1)[np.arange(len(heat)), hottest]
    return np.asarray(there & (heat.max(axis=(1, 2)) > 0))


def gains(heat: Heat, inside: Masks) -> npt.NDArray[np.float64]:
    """Fraction of the heat inside over the fraction of the image that is (N,); 0 without either."""
    area = inside.mean(axis=(1, 2))
    return _divide(fractions_inside(heat, inside), area)


def fractions_inside(heat: Heat, inside: Masks) -> npt.NDArray[np.float64]:
    """Fraction of each image's heat that is inside (N,); 0 without heat."""
    return _divide((heat * inside).sum(axis=(1, 2)), heat.sum(axis=(1, 2)))


def locality(maps: Maps, lungs: Maps) -> float:
    """Median fraction of the lungs above half of the map's own maximum; of images with heat.

    Args:
        maps: (N, h, w).
        lungs: (N, h, w) in [0, 1], on the maps' grid.
    """
    hot = maps > maps.max(axis=(1, 2), keepdims=True) / 2
    within = lungs > 0.5
    shares = _divide((hot & within).sum(axis=(1, 2)), within.sum(axis=(1, 2)))
    return float(np.median(shares[maps.max(axis=(1, 2)) > 0]))


def control(heat: Heat, inside: Masks, lungs: Masks, *, seed: int = 0) -> Control:
    """Other images' maps on the same outlines, brought over by the boxes around the lungs."""
    boxes = [box_around(mask) for mask in lungs]
    own = gains(heat, inside)
    usable = [row for row, box in enumerate(boxes) if box and heat[row].max() > 0]
    rng = np.random.default_rng(seed)
    means = []
    for row in usable:
        others = rng.permutation([other for other in usable if other != row])[:OTHERS]
        moved = [move_box(heat[other], boxes[other], boxes[row]) for other in others]  # type: ignore[arg-type]
        repeated = np.repeat(inside[row][np.newaxis], len(moved), axis=0)
        means.append(gains(np.stack(moved), repeated).mean())
    others_gain = float(np.mean(means))
    return {
        "others_gain": others_gain,
        "factor": float(own[usable].mean() / max(others_gain, 1e-9)),
        "own_wins": float((own[usable] > means).mean()),
    }


def detection(
    images: Images,
    lungs: Images,
    explain: Explain,
    *,
    diameters: Sequence[float] = DIAMETERS,
    contrasts: Sequence[float] = CONTRASTS,
    seed: int = 0,
) -> list[Detection]:
    """Plant one opacity of each size and strength in normal images, and look for it.

    Args:
        images: (N, S, S) in [0, 1], normal ones.
        lungs: (N, S, S) in [0, 1].
        explain: of images that are not yet normalised.
        diameters: of the opacities, as shares of the side.
        contrasts: their strengths.
        seed: of places and shapes, which are the same for every model.
    """
    before, _ = explain(images)
    rows: list[Detection] = []
    for diameter in diameters:
        for strength in contrasts:
            rng = np.random.default_rng(seed)
            one = [Opacity(diameter=diameter, strength=strength)]
            pairs = [
                plant(image, lung, one, rng) for image, lung in zip(images, lungs, strict=True)
            ]
            planted, covered = (np.stack(parts) for parts in zip(*pairs, strict=True))
            after, maps = explain(planted)
            found = hits(to_images(maps, images.shape[1]), covered > 0.3)
            rows.append(
                {
                    "diameter": diameter,
                    "strength": strength,
                    "hit": float(found.mean()),
                    "rise": float((after - before).mean()),
                }
            )
    return rows


def _divide(
    part: npt.NDArray[np.floating], whole: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """Quotients, 0 where there is nothing to divide by."""
    part, whole = part.astype(np.float64), whole.astype(np.float64)
    return np.asarray(np.divide(part, whole, out=np.zeros_like(part), where=whole > 0))
