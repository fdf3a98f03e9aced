"""Metrics of a model from labels and log odds, with confidence intervals.

What each is called in reports and cards is in `cxr/messages.toml`, by `metric_` and its name;
`loss` is `log_loss` there. A new one may also belong into `training.fitting.config.SelectBy`,
`cxr.templates` (how it is written) and `training.studio.words.METRICS`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import metrics

from cxr.model.expected import calibration_error_by_chance
from cxr.model.operating_points import wilson_interval
from training.metrics.documents import Evaluation, KindFigures, ReliabilityRow
from training.metrics.intervals import Labels, bootstrap_intervals, without_mistakes

Logits = npt.NDArray[np.float32]  # (N,), as a network gives them
LogOdds = npt.NDArray[np.float32]  # (N,), calibrated: of a probability
Probabilities = npt.NDArray[np.float64]

_BINS = 15  # of a reliability diagram


def classification_metrics(
    labels: Labels, log_odds: LogOdds, *, threshold: float = 0.5
) -> Iterator[tuple[str, float]]:
    """Yield the name and value of each metric.

    Those of calibration (loss, Brier score, calibration error) give both classes the same weight,
    as the probabilities do: see `training.metrics.calibration.fit_scaling`.

    Args:
        labels: (N,), 0 for normal and 1 for pneumonia, both present.
        log_odds: (N,), higher where pneumonia is more probable; calibrated, if the metrics of
            calibration are to be used.
        threshold: the probability from which an image is predicted as pneumonia, in (0, 1).
    """
    probabilities = sigmoid(log_odds)
    predicted = probabilities >= threshold
    weights = balanced_weights(labels)
    yield "auc", auc(labels, log_odds)
    yield "average_precision", average_precision(labels, log_odds)
    yield "accuracy", float(np.mean(predicted == labels))
    sensitivity = float(np.mean(predicted[labels == 1]))
    specificity = float(np.mean(~predicted[labels == 0]))
    yield "balanced_accuracy", (sensitivity + specificity) / 2
    yield "sensitivity", sensitivity
    yield "specificity", specificity
    # From the counts, since scikit-learn checks its arguments for a millisecond each time: seconds
    # over a thousand resamples.
    (tn, fp), (fn, tp) = (
        [float(np.sum(predicted[labels == label] == answer)) for answer in (False, True)]
        for label in (0, 1)
    )
    yield "precision", tp / max(tp + fp, 1)
    yield "f1", 2 * tp / (2 * tp + fp + fn)
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    yield "mcc", (tp * tn - fp * fn) / math.sqrt(product) if product else 0.0
    losses = np.logaddexp(0, np.where(labels == 1, -log_odds, log_odds))
    yield "loss", float(np.average(losses, weights=weights))
    yield "brier", float(np.average((probabilities - labels) ** 2, weights=weights))
    yield "calibration_error", calibration_error(reliability(labels, probabilities))


def auc(labels: Labels, scores: npt.NDArray[np.floating[Any]]) -> float:
    """Area under the ROC curve: the fraction of pairs of both classes that are in the right order.

    Pairs with equal scores count a half (Mann and Whitney 1947). Counted here, since scikit-learn
    checks its arguments for milliseconds each time: seconds over a thousand resamples.

    Args:
        labels: (N,), 0 or 1, both present.
        scores: (N,), higher where pneumonia is more probable.
    """
    positive, negative = scores[labels == 1], np.sort(scores[labels != 1])
    below, not_above = (np.searchsorted(negative, positive, side) for side in ("left", "right"))
    return float((below + not_above).sum() / (2 * len(positive) * len(negative)))


def average_precision(labels: Labels, scores: npt.NDArray[np.floating[Any]]) -> float:
    """Mean precision at each threshold, weighted by the sensitivity that it adds.

    As scikit-learn's ``average_precision_score``, and counted here for the same reason as `auc`.

    Args:
        labels: (N,), 0 or 1, both present.
        scores: (N,), higher where pneumonia is more probable.
    """
    order = np.argsort(scores)[::-1]
    last = np.flatnonzero(np.append(np.diff(scores[order]), 1))  # of each group of equal scores
    found = np.cumsum(labels[order])[last]
    return float(np.sum(np.diff(found, prepend=0) * found / (last + 1)) / found[-1])


def sigmoid(log_odds: LogOdds) -> Probabilities:
    """Probabilities in [0, 1], float64, without overflow at large negative log odds."""
    return np.exp(-np.logaddexp(0, -np.asarray(log_odds, dtype=np.float64)))


def balanced_weights(labels: Labels) -> npt.NDArray[np.float64]:
    """Weights (N,) that add up to a half in each class."""
    counts = np.bincount(labels, minlength=2)
    return 0.5 / counts[labels]


# --- Calibration ----------------------------------------------------------------------------------


def reliability(labels: Labels, probabilities: Probabilities) -> list[ReliabilityRow]:
    """The bins of a reliability diagram, both classes weighing the same.

    Args:
        labels: (N,), 0 or 1, both present.
        probabilities: (N,) in [0, 1].

    Returns:
        A row for each of 15 bins of equal width that has an image.
    """
    weights = balanced_weights(labels)
    which = np.minimum((probabilities * _BINS).astype(int), _BINS - 1)
    images, weight, probability, positive = (
        np.bincount(which, weights=values).tolist()
        for values in (None, weights, weights * probabilities, weights * labels)
    )
    return [
        {
            "probability": probability[b] / weight[b],
            "share": positive[b] / weight[b],
            "weight": weight[b],
            "images": images[b],
        }
        for b in range(len(images))
        if images[b]
    ]


def calibration_error(rows: Iterable[ReliabilityRow]) -> float:
    """Expected calibration error (Guo 2017, arXiv 1706.04599, equation 5) of `reliability` rows."""
    return float(sum(row["weight"] * abs(row["share"] - row["probability"]) for row in rows))


# --- Everything -----------------------------------------------------------------------------------


def evaluate(
    labels: Labels,
    log_odds: LogOdds,
    patients: Sequence[str],
    kinds: Sequence[str],
    *,
    threshold: float,
    resamples: int = 1000,
) -> Evaluation:
    """All figures of one model on one set of images.

    Args:
        labels: (N,), 0 or 1, both present.
        log_odds: (N,), calibrated.
        patients: (N,), ids.
        kinds: (N,), of the images: "normal", "bacteria", "virus", "pneumonia".
        threshold: the probability from which an image is predicted as pneumonia.
        resamples: for the intervals.
    """

    def measure(rows: npt.NDArray[np.int64]) -> Iterator[tuple[str, float]]:
        return classification_metrics(labels[rows], log_odds[rows], threshold=threshold)

    probabilities = sigmoid(log_odds)
    predicted = probabilities >= threshold
    found = dict(measure(np.arange(len(labels))))
    # A resample has fewer different images, so that its bins scatter more and its error is larger.
    centre = {"calibration_error": found["calibration_error"]}
    intervals = bootstrap_intervals(measure, labels, patients, resamples=resamples, centre=centre)
    never_varied = {name for name, (low, high) in intervals.items() if low == high}
    intervals = {name: bounds for name, bounds in intervals.items() if name not in never_varied}
    better = without_mistakes(found, labels, predicted, patients)
    intervals |= {name: bounds for name, bounds in better.items() if name in never_varied}
    result: Evaluation = {
        "images": len(labels),
        "patients": len(set(patients)),
        "pneumonia": int(labels.sum()),
        "threshold": threshold,
        "metrics": found,
        "intervals": {name: list(interval) for name, interval in intervals.items()},
        "confusion": metrics.confusion_matrix(labels, predicted, labels=[0, 1]).tolist(),
        "by_kind": _by_kind(np.array(kinds), labels, predicted, log_odds),
        "reliability": reliability(labels, probabilities),
    }
    # Where chance alone makes such an error, no interval would hold the true one.
    by_chance = calibration_error_by_chance(dict(result))
    if by_chance is not None and found["calibration_error"] < 2 * by_chance:
        result["intervals"].pop("calibration_error", None)
    return result


def _by_kind(
    kinds: npt.NDArray[np.str_], labels: Labels, predicted: npt.NDArray[np.bool_], log_odds: LogOdds
) -> dict[str, KindFigures]:
    normal = labels == 0
    rows: dict[str, KindFigures] = {}
    for kind in np.unique(kinds[~normal]):
        of_kind = ~normal & (kinds == kind)
        compared = of_kind | normal
        images, found = int(of_kind.sum()), int(predicted[of_kind].sum())
        rows[str(kind)] = {
            "images": images,
            "found": found,
            "interval": list(wilson_interval(found, images)),
            "auc": auc(labels[compared], log_odds[compared]),
        }
    return rows
