"""ROC curves, from scores or from counts at each threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn import metrics

from cxr.language import Language, format_decimal
from cxr.messages import text
from cxr.model.operating_points import OperatingPoint
from training.metrics.evaluation import auc
from training.metrics.theme import model_legend, model_line, square, theme, with_numbers


@theme()
def roc_curve(
    labels: npt.NDArray[np.int64],
    scores: Mapping[str, npt.NDArray[np.float64]],
    *,
    language: Language = "en",
) -> Figure:
    """Sensitivity against 1 - specificity, one line for each model.

    Args:
        labels: (N,), 0 or 1, both present.
        scores: (N,) of each model, by its name.
        language: of the words in the plot.
    """
    figure, axes = square()
    for name, values in scores.items():
        false_positive_rate, sensitivity, _ = metrics.roc_curve(labels, values)
        area = format_decimal(auc(labels, values), language, digits=4)
        model_line(axes, false_positive_rate, sensitivity, f"{name}, AUC {area}")
    _finish_roc(axes, language)
    return with_numbers(figure, language)


def _finish_roc(axes: Axes, language: Language = "en") -> None:
    axes.plot([0, 1], [0, 1], linestyle=":", color="grey", label=text("drawn_chance", language))
    axes.set(
        xlabel=text("drawn_false_alarms", language),
        ylabel=text("metric_sensitivity", language),
        title=text("drawn_roc", language),
    )
    model_legend(axes, "lower right")


@theme()
def operating_curve(curve: Sequence[OperatingPoint], shipped: float) -> Figure:
    """The same from counts at each threshold, with the shipped threshold marked."""
    figure, axes = square()
    rates = {
        point.threshold: (
            point.false_positives / max(point.false_positives + point.true_negatives, 1),
            point.true_positives / max(point.true_positives + point.false_negatives, 1),
        )
        for point in curve
    }
    steps = sorted({(0.0, 0.0), *rates.values(), (1.0, 1.0)})
    axes.plot(*zip(*steps, strict=True), label="held-out images")
    nearest = min(rates, key=lambda threshold: abs(threshold - shipped))
    axes.plot(*rates[nearest], marker="o", linestyle="", label=f"shipped threshold {shipped:.2f}")
    _finish_roc(axes)
    return figure
