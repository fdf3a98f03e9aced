"""Plots share one look, and leave Matplotlib as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from cxr.model.operating_points import OperatingPoints
from training.metrics import plots
from training.metrics.roc import operating_curve, roc_curve


def test_drawing_leaves_the_settings_of_matplotlib_as_they_were(tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    figure = plots.confusion_matrix(np.array([[3, 1], [2, 5]]), ("NORMAL", "PNEUMONIA"))
    plots.save(figure, tmp_path / "confusion_matrix.png")
    assert dict(mpl.rcParams) == before
    assert (tmp_path / "confusion_matrix.png").stat().st_size > 0


def test_curves_are_drawn_on_a_grid() -> None:
    figure = roc_curve(np.array([0, 0, 1, 1]), {"model": np.array([0.1, 0.6, 0.5, 0.9])})
    (axes,) = figure.axes
    assert axes.xaxis.get_gridlines()[0].get_visible()
    assert axes.get_title() == "Receiver operating characteristic"


@pytest.mark.parametrize("name", ["a$\\x$", "x$^$", "_mine"])
@pytest.mark.parametrize("draw", [roc_curve, plots.precision_recall_curve])
def test_a_model_may_have_any_name(draw: Callable[..., Figure], name: str, tmp_path: Path) -> None:
    figure = draw(np.array([0, 1]), {name: np.array([0.1, 0.9])})
    (said, _) = figure.axes[0].get_legend().get_texts()
    assert said.get_text().startswith(f"{name.lstrip('_')}, ")
    plots.save(figure, tmp_path / "plot.png")


def test_a_roc_curve_rises_before_it_goes_right_where_a_model_is_good() -> None:
    """Two of two with pneumonia at no false alarm, then one, then all."""
    scores = {"model": np.array([0.1, 0.6, 0.8, 0.9])}
    curve, chance = roc_curve(np.array([0, 0, 1, 1]), scores).axes[0].lines
    steps = set(zip(*curve.get_data(), strict=True))
    assert steps >= {(0, 0), (0, 1), (1, 1)}
    assert (1, 0) not in steps
    assert curve.get_label() == "model, AUC 1.0000"
    assert list(chance.get_xdata()) == list(chance.get_ydata()) == [0, 1]


def test_the_curve_of_counts_is_that_of_the_scores(points: OperatingPoints) -> None:
    """Of the fixture's counts: sensitivity 1 - t / 2, false positive rate 1 - t."""
    figure = operating_curve(points.curve, points.threshold)
    curve, shipped, _ = figure.axes[0].lines
    x, y = (np.asarray(values, dtype=float) for values in curve.get_data())
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert (np.diff(x) >= 0).all()
    np.testing.assert_allclose(y[1:], 0.5 + x[1:] / 2, atol=0.006)
    assert shipped.get_data()[0][0] == 0.5


def test_the_words_in_a_plot_are_in_the_language_that_is_asked_for() -> None:
    labels, scores = np.array([0, 1, 0, 1]), {"tiny 1": np.array([0.1, 0.9, 0.6, 0.4])}
    axes = roc_curve(labels, scores, language="fr").axes[0]
    assert axes.get_ylabel() == "Sensibilité"
    assert [said.get_text() for said in axes.get_legend().get_texts()] == [
        "tiny 1, AUC 0,7500",
        "hasard",
    ]
    assert axes.yaxis.get_major_formatter()(0.5, None) == "0,5"
