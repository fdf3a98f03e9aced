"""Logits and labels become metrics with intervals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import metrics

from cxr.model.operating_points import Interval, wilson_interval

Labels = npt.NDArray[np.int64]
Logits = npt.NDArray[np.float32]
Probabilities = npt.NDArray[np.float64]

RELIABILITY_BINS = 15


def classification_metrics(
    labels: Labels, logits: Logits, *, threshold: float = 0.5
) -> Iterator[tuple[str, float]]:
    """Yield (name, value) pairs.

    Those of calibration (loss, Brier score, calibration error) let both classes weigh the same, as
    the probabilities do: see `training.metrics.calibration.fit_scaling`.

    Args:
        labels: (N,), 0 for normal and 1 for pneumonia, both present.
        logits: (N,), positive towards pneumonia; calibrated, if calibration is to be judged.
        threshold: the probability from which a image is called pneumonia, in (0, 1).
    """
    probabilities = sigmoid(logits)
    called = probabilities >= threshold
    weights = balanced_weights(labels)
    yield "auc", float(metrics.roc_auc_score(labels, logits))
    yield "average_precision", float(metrics.average_precision_score(labels, logits))
    yield "accuracy", float(np.mean(called == labels))
    sensitivity = float(np.mean(called[labels == 1]))
    specificity = float(np.mean(~called[labels == 0]))
    yield "balanced_accuracy", (sensitivity + specificity) / 2
    yield "sensitivity", sensitivity
    yield "specificity", specificity
    yield "precision", float(metrics.precision_score(labels, called, zero_division=0))
    yield "f1", float(metrics.f1_score(labels, called, zero_division=0))
    yield "mcc", float(metrics.matthews_corrcoef(labels, called))
    losses = np.logaddexp(0, np.where(labels == 1, -logits, logits))
    yield "loss", float(np.average(losses, weights=weights))
    yield "brier", float(np.average((probabilities - labels) ** 2, weights=weights))
    yield "calibration_error", calibration_error(reliability(labels, probabilities))


def sigmoid(logits: Logits) -> Probabilities:
    """Probabilities in [0, 1], without overflow at large negative logits."""
    return np.exp(-np.logaddexp(0, -np.asarray(logits, dtype=np.float64)))


def balanced_weights(labels: Labels) -> npt.NDArray[np.float64]:
    """Weights (N,) of sum 1 that give both classes a half."""
    counts = np.bincount(labels, minlength=2)
    return 0.5 / counts[labels]


# --- Calibration ----------------------------------------------------------------------------------


def reliability(
    labels: Labels, probabilities: Probabilities, *, bins: int = RELIABILITY_BINS
) -> list[dict[str, float]]:
    """What a reliability diagram shows, both classes weighing the same.

    Args:
        labels: (N,), 0 or 1, both present.
        probabilities: (N,) in [0, 1].
        bins: of equal width; those without a image are left out.

    Returns:
        A row a bin: `probability`, the mean of those in it; `share` of pneumonia among its images;
        `weight`, its part of all images; `images`.
    """
    weights = balanced_weights(labels)
    which = np.minimum((probabilities * bins).astype(int), bins - 1)
    rows = []
    for b in np.unique(which):
        inside = which == b
        rows.append(
            {
                "probability": float(np.average(probabilities[inside], weights=weights[inside])),
                "share": float(np.average(labels[inside], weights=weights[inside])),
                "weight": float(weights[inside].sum()),
                "images": int(inside.sum()),
            }
        )
    return rows


def calibration_error(rows: Iterable[dict[str, float]]) -> float:
    """Expected calibration error (Guo 2017, arXiv 1706.04599, equation 5) of `reliability` rows."""
    return float(sum(row["weight"] * abs(row["share"] - row["probability"]) for row in rows))


# --- Intervals ------------------------------------------------------------------------------------


def bootstrap_intervals(
    measure: Callable[[npt.NDArray[np.int64]], Iterable[tuple[str, float]]],
    labels: Labels,
    patients: Sequence[str],
    *,
    resamples: int = 1000,
    seed: int = 0,
    centre: Mapping[str, float] | None = None,
) -> dict[str, Interval]:
    """95 % percentile intervals (Efron 1979), drawing patients, since images of one are alike.

    Args:
        measure: row numbers of a resample -> (name, value) pairs.
        labels: (N,), 0 or 1, both present.
        patients: (N,), ids; those with and without pneumonia are drawn apart, so that no resample
            lacks a class.
        resamples: how many to draw.
        seed: of the draws.
        centre: estimates by name of what resampling makes larger: their intervals are moved by the
            difference between the resamples' mean and the estimate, and end at 0.

    Returns:
        Lower and upper end by name.
    """
    rng = np.random.default_rng(seed)
    strata = [_rows_by_patient(labels, patients, label) for label in (0, 1)]
    values: dict[str, list[float]] = defaultdict(list)
    for _ in range(resamples):
        drawn = [
            stratum[i] for stratum in strata for i in rng.integers(len(stratum), size=len(stratum))
        ]
        for name, value in measure(np.concatenate(drawn)):
            values[name].append(value)
    intervals = {}
    for name, resampled in values.items():
        low, high = np.percentile(resampled, [2.5, 97.5])
        if centre and name in centre:
            bias = np.mean(resampled) - centre[name]
            low, high = max(0.0, low - bias), high - bias
        intervals[name] = (float(low), float(high))
    return intervals


def _rows_by_patient(
    labels: Labels, patients: Sequence[str], label: int
) -> list[npt.NDArray[np.int64]]:
    """Row numbers of each patient whose highest label is `label`."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, patient in enumerate(patients):
        rows[patient].append(row)
    return [np.array(mine) for mine in rows.values() if labels[mine].max() == label]


def evaluate(
    labels: Labels,
    logits: Logits,
    patients: Sequence[str],
    kinds: Sequence[str],
    *,
    threshold: float,
    resamples: int = 1000,
) -> dict[str, Any]:
    """All that a report says of one model on one set of images, as plain JSON values.

    Args:
        labels: (N,), 0 or 1, both present.
        logits: (N,), calibrated.
        patients: (N,), ids.
        kinds: (N,), of the images: "normal", "bacteria", "virus", "pneumonia".
        threshold: the probability from which a image is called pneumonia.
        resamples: for the intervals.
    """

    def measure(rows: npt.NDArray[np.int64]) -> Iterator[tuple[str, float]]:
        return classification_metrics(labels[rows], logits[rows], threshold=threshold)

    probabilities = sigmoid(logits)
    called = probabilities >= threshold
    found = dict(measure(np.arange(len(labels))))
    # Fewer images in a bin are further from their share: each resample looks worse calibrated.
    centre = {"calibration_error": found["calibration_error"]}
    intervals = bootstrap_intervals(measure, labels, patients, resamples=resamples, centre=centre)
    return {
        "images": len(labels),
        "patients": len(set(patients)),
        "pneumonia": int(labels.sum()),
        "threshold": threshold,
        "metrics": found,
        "intervals": {name: list(interval) for name, interval in intervals.items()},
        "confusion": metrics.confusion_matrix(labels, called, labels=[0, 1]).tolist(),
        "by_kind": _by_kind(np.array(kinds), labels, called, logits),
        "reliability": reliability(labels, probabilities),
    }


def _by_kind(
    kinds: npt.NDArray[np.str_], labels: Labels, called: npt.NDArray[np.bool_], logits: Logits
) -> dict[str, dict[str, Any]]:
    """Each kind of pneumonia: images, how many are found, AUC against all normal images.

    The interval of the share found is Wilson's, by image.
    """
    normal = labels == 0
    rows = {}
    for kind in np.unique(kinds[~normal]):
        mine = ~normal & (kinds == kind)
        among = mine | normal
        rows[str(kind)] = {
            "images": int(mine.sum()),
            "found": int(called[mine].sum()),
            "interval": list(wilson_interval(int(called[mine].sum()), int(mine.sum()))),
            "auc": float(metrics.roc_auc_score(labels[among], logits[among])),
        }
    return rows
