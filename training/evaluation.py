"""Logits and labels become metrics."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from sklearn import metrics


def classification_metrics(
    labels: npt.NDArray[np.int64], logits: npt.NDArray[np.float32], *, threshold: float = 0.5
) -> Iterator[tuple[str, float]]:
    """Yield (name, value) pairs.

    Args:
        labels: (N,), 0 for normal and 1 for pneumonia, both present.
        logits: (N,), positive towards pneumonia.
        threshold: the probability from which a film is called pneumonia, in (0, 1).
    """
    probabilities = sigmoid(logits)
    called = probabilities >= threshold
    yield "loss", float(np.mean(np.logaddexp(0, np.where(labels == 1, -logits, logits))))
    yield "auc", float(metrics.roc_auc_score(labels, logits))
    yield "average_precision", float(metrics.average_precision_score(labels, logits))
    yield "accuracy", float(np.mean(called == labels))
    yield "sensitivity", float(np.mean(called[labels == 1]))
    yield "specificity", float(np.mean(~called[labels == 0]))


def sigmoid(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Probabilities in [0, 1], without overflow at large negative logits."""
    return np.exp(-np.logaddexp(0, -np.asarray(logits, dtype=np.float64)))
