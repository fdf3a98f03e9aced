"""95 % intervals of metrics, by patient."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from cxr.model.operating_points import Interval, wilson_interval

Labels = npt.NDArray[np.int64]

_TINY = 1e-9  # beside an end of the range of an AUC


def bootstrap_intervals(
    measure: Callable[[npt.NDArray[np.int64]], Iterable[tuple[str, float]]],
    labels: Labels,
    patients: Sequence[str],
    *,
    resamples: int = 1000,
    seed: int = 0,
    centre: Mapping[str, float] | None = None,
) -> dict[str, Interval]:
    """95 % percentile intervals (Efron 1979) by patient, since images of one patient are alike.

    Args:
        measure: computes (name, value) pairs from the row numbers of a resample.
        labels: (N,), 0 or 1, both present.
        patients: (N,), ids. Patients with images of one class, of the other and of both are drawn
            separately, so that no resample lacks a class.
        resamples: how many to draw.
        seed: of the draws.
        centre: estimates by name of metrics that resampling makes larger. Their intervals are
            shifted by the difference between the resamples' mean and the estimate, but not below 0.

    Returns:
        Lower and upper end by name.
    """
    rng = np.random.default_rng(seed)
    strata = _rows_by_patient(labels, patients)
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


def mean_intervals(
    values: Mapping[str, npt.NDArray[Any]], groups: Sequence[str] | None = None
) -> dict[str, Interval]:
    """95 % intervals of means over images.

    Args:
        values: (N,) each, by name. Of booleans, which are fractions of the images, an interval
            keeps a width where all are alike: Wilson's of as many trials as there are groups.
        groups: (N,), patients or images whose values are alike; each image for itself if None.
    """
    count = len(next(iter(values.values())))
    groups = list(map(str, range(count))) if groups is None else groups
    intervals = bootstrap_intervals(
        lambda rows: ((name, float(array[rows].mean())) for name, array in values.items()),
        np.zeros(count, dtype=np.int64),
        groups,
    )
    trials = len(set(groups))
    for name, array in values.items():
        if array.dtype == bool and (array.all() or not array.any()):
            intervals[name] = wilson_interval(trials * int(array.all()), trials)
    return intervals


def _rows_by_patient(labels: Labels, patients: Sequence[str]) -> list[list[npt.NDArray[np.int64]]]:
    """Row numbers of each patient; patients with images of the same classes together."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, patient in enumerate(patients):
        rows[patient].append(row)
    strata: dict[tuple[int, int], list[npt.NDArray[np.int64]]] = defaultdict(list)
    for found in rows.values():
        strata[int(labels[found].min()), int(labels[found].max())].append(np.array(found))
    return [strata[classes] for classes in sorted(strata)]


def without_mistakes(
    found: dict[str, float],
    labels: Labels,
    predicted: npt.NDArray[np.bool_],
    patients: Sequence[str],
) -> dict[str, Interval]:
    """Intervals where no image is predicted wrongly, of which a bootstrap would have no width.

    They count patients, as if each had one image. Precision has none where no image is predicted
    as pneumonia.
    """
    names = np.array(patients)
    with_pneumonia, normal = len(set(names[labels == 1])), len(set(names[labels == 0]))
    trials = {
        "accuracy": len(set(patients)),
        "sensitivity": with_pneumonia,
        "specificity": normal,
        "precision": len(set(names[predicted])),
    }
    intervals = {
        name: wilson_interval(round(found[name] * count), count)
        for name, count in trials.items()
        if count
    }
    return {**intervals, "auc": newcombe_interval(found["auc"], with_pneumonia, normal)}


def newcombe_interval(area: float, positives: int, negatives: int) -> Interval:
    """95 % interval of an AUC that keeps a width where it is 0 or 1.

    Method 5 of Newcombe 2006, doi:10.1002/sim.2324: the areas from which the one found is no
    further than 1.96 of their standard errors (Hanley and McNeil's, with equal class sizes).
    """
    z = stats.norm.ppf(0.975)
    extra = (positives + negatives) / 2 - 1

    def beyond(other: float) -> float:
        spread = 1 + extra * ((1 - other) / (2 - other) + other / (1 + other))
        variance = other * (1 - other) * spread / (positives * negatives)
        return float((other - area) ** 2 - z**2 * variance)

    low = optimize.brentq(beyond, _TINY, area - _TINY) if area > 2 * _TINY else 0.0
    high = optimize.brentq(beyond, area + _TINY, 1 - _TINY) if area < 1 - 2 * _TINY else 1.0
    return float(low), float(high)
