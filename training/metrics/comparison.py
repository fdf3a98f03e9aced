"""Two models on the same images: their differences, and tests whether these could be chance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

from cxr.model.operating_points import wilson_interval
from training.metrics.documents import Comparison, McNemar
from training.metrics.evaluation import LogOdds, auc
from training.metrics.intervals import Labels, bootstrap_intervals

Predictions = npt.NDArray[np.bool_]
MIN_PER_CLASS = 10  # for DeLong's test


def compare(
    labels: Labels,
    first: tuple[LogOdds, Predictions],
    second: tuple[LogOdds, Predictions],
    patients: Sequence[str],
    *,
    resamples: int = 1000,
) -> Comparison:
    """Differences of AUC, accuracy, sensitivity and specificity, and paired tests.

    The tests take images as independent. Where a patient has several images, they would find
    differences far too often, and no p value is given: what the intervals say holds.

    Args:
        labels: (N,), 0 or 1, both present.
        first: log_odds (N,) and predictions (N,) of one model.
        second: the same of the other model, on the same images.
        patients: (N,), ids, which the bootstrap draws.
        resamples: of the bootstrap.
    """

    def difference(rows: npt.NDArray[np.int64]) -> Iterator[tuple[str, float]]:
        aucs = [auc(labels[rows], log_odds[rows]) for log_odds, _ in (first, second)]
        right = [made[rows] == labels[rows] for _, made in (first, second)]
        yield "auc", aucs[0] - aucs[1]
        for name, among in groups.items():
            yield name, float(np.mean(right[0][among[rows]]) - np.mean(right[1][among[rows]]))

    positive = labels == 1
    groups = {
        "accuracy": np.ones(len(labels), dtype=bool),
        "sensitivity": positive,
        "specificity": ~positive,
    }
    intervals = bootstrap_intervals(difference, labels, patients, resamples=resamples)
    for name in [name for name, (low, high) in intervals.items() if low == high]:
        # As far apart as the models may be where none of so many patients tells them apart.
        count = len(set(np.array(patients)[groups.get(name, groups["accuracy"])]))
        apart = wilson_interval(0, count)[1]
        intervals[name] = (intervals[name][0] - apart, intervals[name][1] + apart)
    mcnemar = mcnemar_test(labels, first[1], second[1])
    independent = len(set(patients)) == len(labels)
    return {
        "difference": dict(difference(np.arange(len(labels)))),
        "intervals": {name: list(interval) for name, interval in intervals.items()},
        "delong_p": delong_test(labels, first[0], second[0]) if independent else None,
        "mcnemar": mcnemar if independent else {**mcnemar, "p": None},
        "independent": independent,
    }


def delong_test(labels: Labels, first: LogOdds, second: LogOdds) -> float | None:
    """Two-sided p value of equal AUC on the same images, each of another patient (DeLong 1988).

    By ranks, as in Sun and Xu 2014, "Fast Implementation of DeLong's Algorithm".

    Returns:
        None with fewer than `MIN_PER_CLASS` images of a class, of which the test's variance
        cannot be estimated well enough, or where the scores leave none. As statistics.js has it.
    """
    positive, negative = labels == 1, labels == 0
    if min(positive.sum(), negative.sum()) < MIN_PER_CLASS:
        return None
    positions = []  # of each image among those of the other class, for each model
    for log_odds in (first, second):
        ranks = stats.rankdata(log_odds)
        among_positive = (ranks[positive] - stats.rankdata(log_odds[positive])) / negative.sum()
        among_negative = 1 - (ranks[negative] - stats.rankdata(log_odds[negative])) / positive.sum()
        positions.append((among_positive, among_negative))
    (positive_1, negative_1), (positive_2, negative_2) = positions
    variance = np.var(positive_1 - positive_2, ddof=1) / positive.sum()
    variance += np.var(negative_1 - negative_2, ddof=1) / negative.sum()
    difference = abs(positive_1.mean() - positive_2.mean())
    if difference == 0:
        return 1.0
    return float(2 * stats.norm.sf(difference / np.sqrt(variance))) if variance > 0 else None


def mcnemar_test(labels: Labels, first: Predictions, second: Predictions) -> McNemar:
    """Exact, two-sided McNemar test (1947) of the images on which only one model is right."""
    only_first = int(np.sum((first == labels) & (second != labels)))
    only_second = int(np.sum((first != labels) & (second == labels)))
    discordant = only_first + only_second
    p = float(stats.binomtest(only_first, discordant).pvalue) if discordant else None
    return {"only_first_right": only_first, "only_second_right": only_second, "p": p}
