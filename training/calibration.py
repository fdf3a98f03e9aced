"""Held-out logits become operating points: temperature, thresholds, threshold curve."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from cxr.operating_points import OperatingPoint, OperatingPoints
from training.evaluation import sigmoid

THRESHOLDS = tuple(i / 100 for i in range(101))
HIGH = 0.98  # the sensitivity, and the specificity, that bound the uncertain band

Labels = npt.NDArray[np.int64]


def operating_points(
    labels: Labels, logits: npt.NDArray[np.float32], *, source: str
) -> OperatingPoints:
    """Choose calibration and thresholds.

    The shipped threshold is the middle of all those whose sum of sensitivity and specificity
    (Youden 1950) is within one standard error of the greatest (Breiman 1984, section 3.4.3): on a
    few hundred films the best single threshold is a matter of luck. The high-sensitivity threshold
    is the highest up to it that still finds 98 % of pneumonia, the high-specificity one the lowest
    from it on that still clears 98 % of normal films.

    Args:
        labels: (N,), 0 or 1, both present, of films that the network was not trained on.
        logits: (N,), of the same films.
        source: in words, which films they are.
    """
    temperature = fit_temperature(labels, logits)
    probabilities = sigmoid(logits / temperature)
    curve = tuple(operating_point(labels, probabilities, threshold) for threshold in THRESHOLDS)
    threshold = _balanced_threshold(curve)
    sensitive = max(p.threshold for p in curve if p.sensitivity >= HIGH)
    specific = min((p.threshold for p in curve if p.specificity >= HIGH), default=1.0)
    return OperatingPoints(
        source=source,
        temperature=temperature,
        threshold=threshold,
        high_sensitivity=min(sensitive, threshold),
        high_specificity=max(specific, threshold),
        curve=curve,
    )


def _balanced_threshold(curve: Sequence[OperatingPoint]) -> float:
    youden = np.array([point.sensitivity + point.specificity for point in curve])
    best = curve[int(youden.argmax())]
    good = np.flatnonzero(youden >= youden.max() - _youden_standard_error(best))
    return curve[int(good[len(good) // 2])].threshold


def _youden_standard_error(point: OperatingPoint) -> float:
    sick = point.true_positives + point.false_negatives
    healthy = point.true_negatives + point.false_positives
    variance = point.sensitivity * (1 - point.sensitivity) / sick
    variance += point.specificity * (1 - point.specificity) / healthy
    return math.sqrt(variance)


def fit_temperature(labels: Labels, logits: npt.NDArray[np.float32]) -> float:
    """The temperature with the least log loss (Guo 2017, arXiv 1706.04599), within [0.05, 20].

    Both classes weigh the same, so that probabilities hold where pneumonia and normal films are as
    frequent, whatever their share among these films.
    """
    sides = np.where(labels == 1, -logits, logits).astype(np.float64)

    def loss(log_temperature: float) -> float:
        losses = np.logaddexp(0, sides / np.exp(log_temperature))
        return float(losses[labels == 1].mean() + losses[labels == 0].mean())

    best = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded")
    return float(np.exp(best.x))


def operating_point(
    labels: Labels, probabilities: npt.NDArray[np.float64], threshold: float
) -> OperatingPoint:
    """Count how films (N,) are called from one threshold on."""
    called = probabilities >= threshold
    return OperatingPoint(
        threshold=threshold,
        true_positives=int(np.sum(called & (labels == 1))),
        false_negatives=int(np.sum(~called & (labels == 1))),
        true_negatives=int(np.sum(~called & (labels == 0))),
        false_positives=int(np.sum(called & (labels == 0))),
    )
