"""The performance to expect of a model, which page and reports show; from evaluation.json.

Its figures are None where they were not measured, or where the document is malformed.
"""

from __future__ import annotations

from typing import Any, TypedDict

from cxr.model.operating_points import OperatingPoint

# What reading a document of another shape than expected raises.
_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, OverflowError, ZeroDivisionError)


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


def measured_on(evaluation: dict[str, Any]) -> dict[str, int] | None:
    """Numbers of radiographs, patients and folds behind the thresholds' counts, if by folds."""
    try:
        result, folds = evaluation["result"], len(evaluation["folds"])
        counts = {name: int(result[name]) for name in ("images", "patients")}
    except _MALFORMED:
        return None
    return {**counts, "folds": folds} if folds and min(counts.values()) > 0 else None


def elsewhere(evaluation: dict[str, Any]) -> Elsewhere | None:
    """What to expect on radiographs acquired differently."""
    try:
        found = evaluation["elsewhere"]
        points = [OperatingPoint(**point) for point in found.get("curve", ())]
        curve = [_rates(point) for point in points] or [
            Rates(
                threshold=float(evaluation["result"]["threshold"]),
                sensitivity=float(found["sensitivity"]),
                specificity=float(found["specificity"]),
            )
        ]
        return Elsewhere(images=int(found["images"]), curve=curve)
    except _MALFORMED:
        return None


def nearest(found: Elsewhere, threshold: float) -> Rates:
    """The rates that were measured nearest to a threshold."""
    return min(found["curve"], key=lambda rates: abs(rates["threshold"] - threshold))


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


def _rates(point: OperatingPoint) -> Rates:
    return Rates(
        threshold=point.threshold, sensitivity=point.sensitivity, specificity=point.specificity
    )
