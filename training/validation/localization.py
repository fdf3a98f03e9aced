"""Measures of where heatmaps lie, against outlines of lungs and of opacities.

A heatmap that is zero everywhere counts as a miss: otherwise a network that shows little would look
good. And each heatmap is compared with those of other radiographs on the same outlines: pneumonia
is more frequent in some places, and a network could learn these places instead of looking.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypedDict

import cv2
import numpy as np
import numpy.typing as npt

from cxr.model.operating_points import Interval
from training.fitting.exchange import box_around, move_box
from training.fitting.opacities import Opacity, plant
from training.metrics.intervals import mean_intervals

Images = npt.NDArray[np.float32]  # (N, S, S) in [0, 1]
Evidence = npt.NDArray[np.float32]  # (N, h, w), at least 0
Heatmaps = npt.NDArray[np.float32]  # (N, S, S), at least 0: evidence on the images' own grid
Masks = npt.NDArray[np.bool_]  # (N, S, S)
# From images to logits (N,) and evidence (N, h, w).
Explain = Callable[[Images], tuple[npt.NDArray[np.float32], Evidence]]

# A contrast-detail curve, as in tests of image quality: diameters (of the side) and strengths.
DIAMETERS = (0.06, 0.10, 0.16, 0.24)
STRENGTHS = (0.3, 0.5, 0.8)

_OTHERS = 8  # heatmaps of other images that each one is compared with
_COVERED = 0.3  # of a pixel by a planted opacity, from which it counts as inside


class Agreement(TypedDict):
    """How heatmaps and outlines agree.

    hit: fraction of images whose heatmap has its maximum inside. gain: the fraction of a heatmap's
    sum that is inside, over the fraction of the image that is inside; mean of the images. any:
    fraction of images whose heatmap is not zero everywhere. agreement_intervals: 95 %, by name.
    """

    images: int
    hit: float
    gain: float
    any: float
    agreement_intervals: dict[str, Interval]


class Control(TypedDict):
    """Heatmaps compared with other images' heatmaps on the same outlines.

    others_gain: mean gain of the others. factor: the image's own gain over that. own_wins: fraction
    of images whose own heatmap has more gain than the others have on average. Images with a heatmap
    of zeros are left out. control_intervals: 95 % of others_gain and own_wins.
    """

    others_gain: float
    factor: float
    own_wins: float
    control_intervals: dict[str, Interval]


class Detection(TypedDict):
    """How one kind of planted opacity is found.

    rise: of the logit, mean of the images. intervals: 95 % of hit and rise.
    """

    diameter: float
    strength: float
    hit: float
    rise: float
    intervals: dict[str, Interval]


def to_heatmaps(evidence: Evidence, side: int) -> Heatmaps:
    """Evidence (N, h, w) on the images' own grid, (N, side, side)."""
    return np.stack(
        [cv2.resize(one, (side, side), interpolation=cv2.INTER_LINEAR) for one in evidence]
    ).astype(np.float32)


def agreement(heatmaps: Heatmaps, inside: Masks) -> Agreement:
    """How heatmaps and outlines agree, each of another person."""
    values = {
        "hit": _hits(heatmaps, inside),
        "gain": _gains(heatmaps, inside),
        "any": heatmaps.max(axis=(1, 2)) > 0,
    }
    return {
        "images": len(heatmaps),
        "hit": float(values["hit"].mean()),
        "gain": float(values["gain"].mean()),
        "any": float(values["any"].mean()),
        "agreement_intervals": mean_intervals(values),
    }


def fractions_inside(heatmaps: Heatmaps, inside: Masks) -> npt.NDArray[np.float64]:
    """Fraction of each heatmap's sum that is inside (N,); 0 for a heatmap of zeros."""
    return _divide((heatmaps * inside).sum(axis=(1, 2)), heatmaps.sum(axis=(1, 2)))


def locality(evidence: Evidence, lungs: Images) -> float:
    """Median fraction of the lungs above half of the evidence's own maximum.

    Args:
        evidence: (N, h, w); images where it is zero everywhere are left out.
        lungs: (N, h, w) in [0, 1], on the same grid.

    Returns:
        In [0, 1]; 1 if there is no evidence anywhere, as if all of the lungs were marked.
    """
    shown = evidence.max(axis=(1, 2)) > 0
    if not shown.any():
        return 1.0
    high = evidence > evidence.max(axis=(1, 2), keepdims=True) / 2
    within = lungs > 0.5
    fractions = _divide((high & within).sum(axis=(1, 2)), within.sum(axis=(1, 2)))
    return float(np.median(fractions[shown]))


def control(heatmaps: Heatmaps, inside: Masks, lungs: Masks) -> Control:
    """Compare heatmaps with other images' heatmaps on the same outlines.

    Args:
        heatmaps: (N, S, S).
        inside: outlines of opacities (N, S, S).
        lungs: outlines of lungs (N, S, S); another image's heatmap is moved so that the boxes
            around the lungs coincide.
    """
    boxes = [box_around(mask) for mask in lungs]
    own = _gains(heatmaps, inside)
    usable = [row for row, box in enumerate(boxes) if box and heatmaps[row].max() > 0]
    rng = np.random.default_rng(0)
    means = []
    for row in usable:
        chosen = rng.permutation([other for other in usable if other != row])[:_OTHERS]
        moved = [move_box(heatmaps[other], boxes[other], boxes[row]) for other in chosen]  # type: ignore[arg-type]
        repeated = np.repeat(inside[row][np.newaxis], len(moved), axis=0)
        means.append(_gains(np.stack(moved), repeated).mean())
    others = np.array(means)
    wins = own[usable] > others
    return {
        "others_gain": float(others.mean()),
        "factor": float(own[usable].mean() / max(others.mean(), 1e-9)),
        "own_wins": float(wins.mean()),
        "control_intervals": mean_intervals({"others_gain": others, "own_wins": wins}),
    }


def detection(
    images: Images,
    lungs: Images,
    explain: Explain,
    *,
    patients: Sequence[str],
    diameters: Sequence[float] = DIAMETERS,
    strengths: Sequence[float] = STRENGTHS,
) -> list[Detection]:
    """Plant one opacity of each size and strength in normal images, and see whether it is found.

    Args:
        images: (N, S, S) in [0, 1], normal ones, not normalised.
        lungs: (N, S, S) in [0, 1].
        explain: gives logits and evidence of such images.
        patients: (N,), whose they are.
        diameters: of the opacities, as fractions of the side.
        strengths: theirs; see `training.fitting.opacities.Opacity`.
    """
    before, _ = explain(images)
    rows: list[Detection] = []
    for diameter in diameters:
        for strength in strengths:
            rng = np.random.default_rng(0)
            one = [Opacity(diameter=diameter, strength=strength)]
            pairs = [
                plant(image, lung, one, rng) for image, lung in zip(images, lungs, strict=True)
            ]
            planted, covered = (np.stack(arrays) for arrays in zip(*pairs, strict=True))
            after, evidence = explain(planted)
            hits = _hits(to_heatmaps(evidence, images.shape[1]), covered > _COVERED)
            rows.append(
                {
                    "diameter": diameter,
                    "strength": strength,
                    "hit": float(hits.mean()),
                    "rise": float((after - before).mean()),
                    "intervals": mean_intervals({"hit": hits, "rise": after - before}, patients),
                }
            )
    return rows


def _hits(heatmaps: Heatmaps, inside: Masks) -> npt.NDArray[np.bool_]:
    """Whether each heatmap's maximum is inside (N,)."""
    highest = heatmaps.reshape(len(heatmaps), -1).argmax(axis=1)
    there = inside.reshape(len(inside), -1)[np.arange(len(heatmaps)), highest]
    return np.asarray(there & (heatmaps.max(axis=(1, 2)) > 0))


def _gains(heatmaps: Heatmaps, inside: Masks) -> npt.NDArray[np.float64]:
    """The fraction of a heatmap inside over that of the image (N,); 0 where either is zero."""
    return _divide(fractions_inside(heatmaps, inside), inside.mean(axis=(1, 2)))


def _divide(
    numerator: npt.NDArray[np.floating], denominator: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """Quotients, 0 where the denominator is."""
    top, bottom = numerator.astype(np.float64), denominator.astype(np.float64)
    return np.asarray(np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0))
