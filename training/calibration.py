"""Held-out logits become operating points: calibration, thresholds, threshold curve."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from cxr.operating_points import OperatingPoint, OperatingPoints
from training.evaluation import balanced_weights, sigmoid

THRESHOLDS = tuple(i / 100 for i in range(101))
# The uncertain band lies between the threshold that still finds so many of the films with
# pneumonia and the one that still clears so many normal films.
HIGH_SENSITIVITY = 0.98
HIGH_SPECIFICITY = 0.99

Labels = npt.NDArray[np.int64]
Logits = npt.NDArray[np.float32]


def operating_points(
    labels: Labels,
    logits: Logits,
    *,
    source: str,
    conditions: Sequence[tuple[Labels, Logits]] = (),
) -> OperatingPoints:
    """Choose calibration and thresholds.

    The shipped threshold has the greatest sum of sensitivity and specificity (Youden 1950), on
    average over `conditions` where there are any: films elsewhere will be taken otherwise, and a
    threshold that is best by a hair on these films alone lies close to one class. Without
    conditions it is the middle of all thresholds within one standard error of the greatest sum
    (Breiman 1984, section 3.4.3): on a few hundred films the best single one is a matter of luck.

    Args:
        labels: (N,), 0 or 1, both present, of films that the network was not trained on.
        logits: (N,), of the same films.
        source: in words, which films they are.
        conditions: labels and logits of such films under each of several changes.
    """
    temperature, offset = fit_scaling(labels, logits)

    def curve_of(labels: Labels, logits: Logits) -> tuple[OperatingPoint, ...]:
        probabilities = sigmoid(logits / np.float32(temperature) + np.float32(offset))
        return tuple(operating_point(labels, probabilities, t) for t in THRESHOLDS)

    curve = curve_of(labels, logits)
    if conditions:
        threshold = _robust_threshold([curve_of(*condition) for condition in conditions])
    else:
        threshold = _balanced_threshold(curve)
    sensitive = max(p.threshold for p in curve if p.sensitivity >= HIGH_SENSITIVITY)
    specific = min((p.threshold for p in curve if p.specificity >= HIGH_SPECIFICITY), default=1.0)
    return OperatingPoints(
        source=source,
        temperature=temperature,
        offset=offset,
        threshold=threshold,
        high_sensitivity=min(sensitive, threshold),
        high_specificity=max(specific, threshold),
        curve=curve,
    )


def calibrate(logits: Logits, points: OperatingPoints) -> Logits:
    """Logits (N,) of a network as those of calibrated probabilities."""
    return logits / np.float32(points.temperature) + np.float32(points.offset)


def _robust_threshold(curves: Sequence[Sequence[OperatingPoint]]) -> float:
    return THRESHOLDS[int(np.mean([_youden(curve) for curve in curves], axis=0).argmax())]


def _balanced_threshold(curve: Sequence[OperatingPoint]) -> float:
    youden = _youden(curve)
    best = curve[int(youden.argmax())]
    good = np.flatnonzero(youden >= youden.max() - _youden_standard_error(best))
    return curve[int(good[len(good) // 2])].threshold


def _youden(curve: Sequence[OperatingPoint]) -> npt.NDArray[np.float64]:
    return np.array([point.sensitivity + point.specificity for point in curve])


def _youden_standard_error(point: OperatingPoint) -> float:
    sick = point.true_positives + point.false_negatives
    healthy = point.true_negatives + point.false_positives
    variance = point.sensitivity * (1 - point.sensitivity) / sick
    variance += point.specificity * (1 - point.specificity) / healthy
    return math.sqrt(variance)


def fit_scaling(labels: Labels, logits: Logits) -> tuple[float, float]:
    """Temperature, within [0.05, 20], and offset with the least log loss.

    Platt 1999, "Probabilistic Outputs for Support Vector Machines"; without the offset it would be
    temperature scaling (Guo 2017, arXiv 1706.04599). Both classes weigh the same, so that
    probabilities hold where pneumonia and normal films are as frequent, whatever their share among
    these films.
    """
    signs = np.where(labels == 1, -1.0, 1.0)
    weights = balanced_weights(labels)
    values = logits.astype(np.float64)

    def loss(parameters: npt.NDArray[np.float64]) -> float:
        scaled = values / np.exp(parameters[0]) + parameters[1]
        return float(np.sum(weights * np.logaddexp(0, signs * scaled)))

    limits = [(np.log(0.05), np.log(20)), (-10.0, 10.0)]
    best = minimize(loss, x0=[0.0, 0.0], bounds=limits, method="L-BFGS-B")
    return float(np.exp(best.x[0])), float(best.x[1])


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
