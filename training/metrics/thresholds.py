"""The rules by which thresholds are chosen from held-out logits, and the threshold curve."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cxr.model.operating_points import OperatingPoint, OperatingPoints
from training.metrics.calibration import Group, fit_scaling, scale
from training.metrics.evaluation import Logits, Probabilities, sigmoid
from training.metrics.intervals import Labels

_THRESHOLDS = tuple(i / 100 for i in range(101))
# The verdict is uncertain between two thresholds: the highest with at least this sensitivity, and
# the lowest with at least this specificity, on the images as they are.
HIGH_SENSITIVITY = 0.98
HIGH_SPECIFICITY = 0.99
MIN_IN_EACH_GROUP = 0.95  # of both, in every group of images acquired otherwise


def operating_points(
    labels: Labels, logits: Logits, *, source: str, conditions: Sequence[Group] = ()
) -> OperatingPoints:
    """Choose calibration and thresholds.

    Images from elsewhere are acquired otherwise, perhaps like one of the groups of `conditions`.
    So what is chosen has to hold in the worst group, not on average: the calibration minimises the
    largest log loss of all groups, and the shipped threshold maximises the smallest sum of
    sensitivity and specificity (Youden 1950). Without conditions the threshold is the middle of all
    within one standard error of the best sum (Breiman 1984, section 3.4.3), since on a few hundred
    images the single best threshold is a matter of chance.

    Args:
        labels: (N,), 0 or 1, both present, of images that the network was not trained on.
        logits: (N,), of the same images, not calibrated.
        source: which images they are, in words.
        conditions: labels and logits of further groups of such images, with both classes in each:
            perturbed, or acquired otherwise.
    """
    groups = [(labels, logits), *conditions]
    temperature, offset = fit_scaling(groups)
    curves = [
        threshold_curve(of, sigmoid(scale(found, temperature, offset))) for of, found in groups
    ]
    curve = curves[0]
    threshold = _worst_case_threshold(curves) if conditions else _balanced_threshold(curve)
    sensitivities = np.min([[p.sensitivity for p in one] for one in curves], axis=0)
    specificities = np.min([[p.specificity for p in one] for one in curves], axis=0)
    sensitive = max(
        point.threshold
        for point, worst in zip(curve, sensitivities, strict=True)
        if point.sensitivity >= HIGH_SENSITIVITY and worst >= MIN_IN_EACH_GROUP
    )
    specific = min(
        (
            point.threshold
            for point, worst in zip(curve, specificities, strict=True)
            if point.specificity >= HIGH_SPECIFICITY and worst >= MIN_IN_EACH_GROUP
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


def threshold_curve(labels: Labels, probabilities: Probabilities) -> tuple[OperatingPoint, ...]:
    """How many images are predicted rightly and wrongly from each hundredth of the probability on.

    Args:
        labels: (N,), 0 or 1, both present.
        probabilities: (N,), calibrated.
    """
    return tuple(_operating_point(labels, probabilities, at) for at in _THRESHOLDS)


def _worst_case_threshold(curves: Sequence[Sequence[OperatingPoint]]) -> float:
    sums = np.array([_youden(curve) for curve in curves])
    # Where two thresholds are equally good in the worst group, the mean decides.
    return _THRESHOLDS[int((sums.min(axis=0) + 1e-3 * sums.mean(axis=0)).argmax())]


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


def _operating_point(
    labels: Labels, probabilities: Probabilities, threshold: float
) -> OperatingPoint:
    predicted = probabilities >= threshold
    return OperatingPoint(
        threshold=threshold,
        true_positives=int(np.sum(predicted & (labels == 1))),
        false_negatives=int(np.sum(~predicted & (labels == 1))),
        true_negatives=int(np.sum(~predicted & (labels == 0))),
        false_positives=int(np.sum(predicted & (labels == 0))),
    )
