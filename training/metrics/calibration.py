"""Platt scaling of held-out logits: of images with a probability of 80%, 80% have pneumonia."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from cxr.model.operating_points import OperatingPoints
from training.metrics.evaluation import Logits, LogOdds, balanced_weights
from training.metrics.intervals import Labels

Group = tuple[Labels, Logits]  # of images that were acquired alike


def calibrate(logits: Logits, points: OperatingPoints) -> LogOdds:
    """A network's logits (N,) as the log odds (N,) of calibrated probabilities."""
    return scale(logits, points.temperature, points.offset)


def scale(logits: Logits, temperature: float, offset: float) -> LogOdds:
    """Logits (N,), scaled by what `fit_scaling` found."""
    return logits / np.float32(temperature) + np.float32(offset)


def fit_scaling(groups: Sequence[Group]) -> tuple[float, float]:
    """Temperature, within [0.05, 20], and offset with the least log loss in the worst group.

    Platt 1999, "Probabilistic Outputs for Support Vector Machines"; without the offset it would be
    temperature scaling (Guo 2017, arXiv 1706.04599). Both classes of a group weigh the same, so
    that probabilities are right where half of the images show pneumonia, whatever the prevalence in
    these groups.

    Args:
        groups: labels (N,), 0 or 1, and logits (N,) of each, not calibrated.

    Returns:
        Temperature and offset: see `scale`.
    """
    prepared = [
        (np.where(labels == 1, -1.0, 1.0), balanced_weights(labels), logits.astype(np.float64))
        for labels, logits in groups
    ]

    def losses(parameters: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        temperature, offset = np.exp(parameters[0]), parameters[1]
        return np.array(
            [
                np.sum(weights * np.logaddexp(0, signs * (values / temperature + offset)))
                for signs, weights, values in prepared
            ]
        )

    limits = [(np.log(0.05), np.log(20)), (-10.0, 10.0)]
    best = minimize(lambda p: losses(p).mean(), [0.0, 0.0], bounds=limits, method="L-BFGS-B").x
    if len(groups) > 1:  # the maximum has no gradient where two groups' losses are equal
        best = minimize(lambda p: losses(p).max(), best, bounds=limits, method="Nelder-Mead").x
    return float(np.exp(best[0])), float(best[1])
