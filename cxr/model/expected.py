"""The performance to expect of a model, which page and reports show; from evaluation.json.

Its figures are None where they were not measured, or where the document is malformed.
"""

from __future__ import annotations

from typing import Any, TypedDict

# What reading a document of another shape than expected raises.
_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, OverflowError, ZeroDivisionError)


class Elsewhere(TypedDict):
    """Figures at the shipped threshold on radiographs acquired unlike those that were learned from.

    Keys:
        images: how many were scored.
        sensitivity: in [0, 1].
        specificity: in [0, 1].
    """

    images: int
    sensitivity: float
    specificity: float


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
        return Elsewhere(
            images=int(found["images"]),
            sensitivity=float(found["sensitivity"]),
            specificity=float(found["specificity"]),
        )
    except _MALFORMED:
        return None


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
