"""The performance to expect of a model, which page and reports show; from evaluation.json.

Its figures are None where they were not measured, or where the document is malformed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypedDict

import numpy as np

from cxr.model.bundle import MALFORMED
from cxr.model.operating_points import OperatingPoint, OperatingPoints, Verdict

_NEAR = 0.006  # what was measured so near to a threshold holds for it; they are whole per cents
_MAX_BINS = 100  # of a reliability diagram; ours have 15
# What reading a document of another shape than expected raises.
_MALFORMED = (*MALFORMED, ZeroDivisionError)


class Rates(TypedDict):
    """Sensitivity and specificity at a threshold, all in [0, 1]."""

    threshold: float
    sensitivity: float
    specificity: float


class Elsewhere(TypedDict):
    """Figures on radiographs acquired unlike those that were learned from.

    Keys:
        images: how many were scored.
        curve: rates at thresholds rising from 0 to 1; at the shipped one alone in models whose
            evaluation has no more.
    """

    images: int
    curve: list[Rates]


# Fractions of the radiographs with pneumonia, and of the normal ones, by the verdict that they get.
ByRule = dict[Literal["positive", "negative"], dict[Verdict, float]]


class MeasuredOn(TypedDict):
    """How many radiographs, patients and folds are behind figures."""

    images: int
    patients: int
    folds: int


def measured_on(evaluation: dict[str, Any]) -> MeasuredOn | None:
    """Numbers of radiographs, patients and folds behind the thresholds' counts, if by folds."""
    try:
        result, folds = evaluation["result"], len(evaluation["folds"])
        images, patients = int(result["images"]), int(result["patients"])
    except _MALFORMED:
        return None
    known = folds and images > 0 and patients > 0
    return MeasuredOn(images=images, patients=patients, folds=folds) if known else None


def elsewhere(evaluation: dict[str, Any]) -> Elsewhere | None:
    """What to expect on radiographs acquired differently."""
    try:
        found = evaluation["elsewhere"]
        points = [OperatingPoint(**point) for point in found.get("curve", ())]
        curve = [rates(point) for point in points] or [
            Rates(
                threshold=float(evaluation["result"]["threshold"]),
                sensitivity=float(found["sensitivity"]),
                specificity=float(found["specificity"]),
            )
        ]
        images = int(found["images"])
    except _MALFORMED:
        return None
    measured = [rate for each in curve for rate in (each["sensitivity"], each["specificity"])]
    fractions = [*measured, *(each["threshold"] for each in curve)]
    is_sound = images > 0 and all(0 <= fraction <= 1 for fraction in fractions)
    return Elsewhere(images=images, curve=curve) if is_sound else None


def elsewhere_points(evaluation: dict[str, Any]) -> list[OperatingPoint]:
    """The counts behind the curve of `elsewhere`; empty where there are none."""
    try:
        return [OperatingPoint(**point) for point in evaluation["elsewhere"]["curve"]]
    except _MALFORMED:
        return []


def nearest(curve: Sequence[Rates], threshold: float) -> Rates:
    """The rates that were measured nearest to a threshold."""
    return min(curve, key=lambda rates: abs(rates["threshold"] - threshold))


def measured_at(curve: Sequence[Rates], threshold: float) -> Rates | None:
    """The rates that were measured at a threshold; None where none were. As rules.js has it."""
    found = nearest(curve, threshold)
    return found if abs(found["threshold"] - threshold) < _NEAR else None


def by_rule(curve: Sequence[Rates], points: OperatingPoints) -> ByRule | None:
    """What the model's rule makes of radiographs of both classes; None if it was not measured.

    As rules.js has it.

    Args:
        curve: rates at thresholds, at least one.
        points: have the thresholds below which the model says normal, and from which it says
            pneumonia.
    """
    low = measured_at(curve, points.high_sensitivity)
    high = measured_at(curve, points.high_specificity)
    if low is None or high is None:
        return None
    return {
        "positive": {
            "PNEUMONIA": high["sensitivity"],
            "UNCERTAIN": low["sensitivity"] - high["sensitivity"],
            "NORMAL": 1 - low["sensitivity"],
        },
        "negative": {
            "PNEUMONIA": 1 - high["specificity"],
            "UNCERTAIN": high["specificity"] - low["specificity"],
            "NORMAL": low["specificity"],
        },
    }


def rates(point: OperatingPoint) -> Rates:
    """Those of counted radiographs."""
    return Rates(
        threshold=point.threshold, sensitivity=point.sensitivity, specificity=point.specificity
    )


def sensitivity_by_kind(evaluation: dict[str, Any]) -> dict[str, float] | None:
    """Sensitivity at the shipped threshold to bacterial and to viral pneumonia, in [0, 1]."""
    try:
        kinds = evaluation["result"]["by_kind"]
        found = {
            kind: int(kinds[kind]["found"]) / int(kinds[kind]["images"])
            for kind in ("bacteria", "virus")
        }
    except _MALFORMED:
        return None
    return found if all(0 <= value <= 1 for value in found.values()) else None


def calibration_error_by_chance(result: dict[str, Any]) -> float | None:
    """The calibration error that a perfectly calibrated model has on average on these images.

    The fewer images there are, the further their labels scatter about the probabilities. Here they
    are drawn from these a thousand times, in the bins of the reliability diagram.

    Args:
        result: images, pneumonia (how many of them show it) and reliability of an evaluation, as
            `training.metrics.documents` has them; both classes weigh the same in it.

    Returns:
        In [0, 1].
    """
    try:
        bins = result["reliability"]
        positive, images = int(result["pneumonia"]), int(result["images"])
        if not (0 < positive < images and 0 < len(bins) <= _MAX_BINS):
            return None
        probability = np.array([row["probability"] for row in bins], dtype=np.float64)
        counts = np.array([row["images"] for row in bins], dtype=np.int64)
        # The probabilities hold where both classes are equally frequent; here they are not.
        frequent = probability * positive
        frequent /= frequent + (1 - probability) * (images - positive)
        drawn = np.random.default_rng(0).binomial(counts, frequent, size=(1000, len(bins)))
        ill, well = drawn / (2 * positive), (counts - drawn) / (2 * (images - positive))
        error = float(np.abs(ill - probability * (ill + well)).sum(axis=1).mean())
    except _MALFORMED:
        return None
    return error if 0 <= error <= 1 else None
