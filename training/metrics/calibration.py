"""Held-out logits become operating points: calibration, thresholds, threshold curve."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from cxr.model.operating_points import OperatingPoint, OperatingPoints
from training.metrics.evaluation import balanced_weights, sigmoid

THRESHOLDS = tuple(i / 100 for i in range(101))
# The uncertain band lies between the threshold that still finds so many of the images with
# pneumonia and the one that still clears so many normal images: of the images as they are, and of
# those of each group that was taken otherwise.
HIGH_SENSITIVITY = 0.98
HIGH_SPECIFICITY = 0.99
HIGH_ANYWHERE = 0.95

Labels = npt.NDArray[np.int64]
Logits = npt.NDArray[np.float32]
Group = tuple[Labels, Logits]  # of images that were taken alike


def operating_points(
    labels: Labels, logits: Logits, *, source: str, conditions: Sequence[Group] = ()
) -> OperatingPoints:
    """Choose calibration and thresholds.

    Images elsewhere will be taken otherwise, as some group of `conditions` was: what is chosen has
    to hold in the worst of them, not on average. So the calibration has the least log loss of the
    group where it is greatest, and the shipped threshold the greatest sum of sensitivity and
    specificity (Youden 1950) of the group where it is least. Without conditions the threshold is
    the middle of all within one standard error of the greatest sum (Breiman 1984, section 3.4.3):
    on a few hundred images the best single one is a matter of luck.

    Args:
        labels: (N,), 0 or 1, both present, of images that the network was not trained on.
        logits: (N,), of the same images.
        source: in words, which images they are.
        conditions: labels and logits of groups of such images, with both classes in each: under
            changes, or taken otherwise.
    """
    groups = [(labels, logits), *conditions]
    temperature, offset = fit_scaling(groups)

    def curve_of(labels: Labels, logits: Logits) -> tuple[OperatingPoint, ...]:
        probabilities = sigmoid(logits / np.float32(temperature) + np.float32(offset))
        return tuple(operating_point(labels, probabilities, t) for t in THRESHOLDS)

    curves = [curve_of(*group) for group in groups]
    curve = curves[0]
    threshold = _worst_case_threshold(curves) if conditions else _balanced_threshold(curve)
    sensitivities = np.min([[p.sensitivity for p in one] for one in curves], axis=0)
    specificities = np.min([[p.specificity for p in one] for one in curves], axis=0)
    sensitive = max(
        point.threshold
        for point, worst in zip(curve, sensitivities, strict=True)
        if point.sensitivity >= HIGH_SENSITIVITY and worst >= HIGH_ANYWHERE
    )
    specific = min(
        (
            point.threshold
            for point, worst in zip(curve, specificities, strict=True)
            if point.specificity >= HIGH_SPECIFICITY and worst >= HIGH_ANYWHERE
        ),
        default=1.0,
    )
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


def _worst_case_threshold(curves: Sequence[Sequence[OperatingPoint]]) -> float:
    sums = np.array([_youden(curve) for curve in curves])
    # The mean decides between thresholds that are as good at worst.
    return THRESHOLDS[int((sums.min(axis=0) + 1e-3 * sums.mean(axis=0)).argmax())]


def _balanced_threshold(curve: Sequence[OperatingPoint]) -> float:
    youden = _youden(curve)
    best = curve[int(youden.argmax())]
    good = np.flatnonzero(youden >= youden.max() - _youden_standard_error(best))
    return curve[int(good[len(good) // 2])].threshold


def _youden(curve: Sequence[OperatingPoint]) -> npt.NDArray[np.float64]:
    return np.array([point.sensitivity + point.specificity for point in curve])


def _youden_standard_error(point: OperatingPoint) -> float:
    positive = point.true_positives + point.false_negatives
    negative = point.true_negatives + point.false_positives
    variance = point.sensitivity * (1 - point.sensitivity) / positive
    variance += point.specificity * (1 - point.specificity) / negative
    return math.sqrt(variance)


def fit_scaling(groups: Sequence[Group]) -> tuple[float, float]:
    """Temperature, within [0.05, 20], and offset with the least log loss of the worst group.

    Platt 1999, "Probabilistic Outputs for Support Vector Machines"; without the offset it would be
    temperature scaling (Guo 2017, arXiv 1706.04599). Both classes of a group weigh the same, so
    that probabilities hold where pneumonia and normal images are as frequent, whatever their share
    among these images.
    """
    parts = [
        (np.where(labels == 1, -1.0, 1.0), balanced_weights(labels), logits.astype(np.float64))
        for labels, logits in groups
    ]

    def losses(parameters: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        scale, offset = np.exp(parameters[0]), parameters[1]
        return np.array(
            [
                np.sum(weights * np.logaddexp(0, signs * (values / scale + offset)))
                for signs, weights, values in parts
            ]
        )

    limits = [(np.log(0.05), np.log(20)), (-10.0, 10.0)]
    best = minimize(lambda p: losses(p).mean(), [0.0, 0.0], bounds=limits, method="L-BFGS-B").x
    if len(parts) > 1:  # a maximum has no gradient where two groups meet
        best = minimize(lambda p: losses(p).max(), best, bounds=limits, method="Nelder-Mead").x
    return float(np.exp(best[0])), float(best[1])


def operating_point(
    labels: Labels, probabilities: npt.NDArray[np.float64], threshold: float
) -> OperatingPoint:
    """Count how images (N,) are called from one threshold on."""
    called = probabilities >= threshold
    return OperatingPoint(
        threshold=threshold,
        true_positives=int(np.sum(called & (labels == 1))),
        false_negatives=int(np.sum(~called & (labels == 1))),
        true_negatives=int(np.sum(~called & (labels == 0))),
        false_positives=int(np.sum(called & (labels == 0))),
    )
