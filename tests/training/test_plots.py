"""Plots share one look, and leave Matplotlib as it was."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np

from training.metrics import plots


def test_drawing_leaves_the_settings_of_matplotlib_as_they_were(tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    figure = plots.confusion_matrix(np.array([[3, 1], [2, 5]]), ("NORMAL", "PNEUMONIA"))
    plots.save(figure, tmp_path / "confusion_matrix.png")
    assert dict(mpl.rcParams) == before
    assert (tmp_path / "confusion_matrix.png").stat().st_size > 0


def test_curves_are_drawn_on_a_grid() -> None:
    figure = plots.roc_curve(np.array([0, 0, 1, 1]), {"model": np.array([0.1, 0.6, 0.5, 0.9])})
    (axes,) = figure.axes
    assert axes.xaxis.get_gridlines()[0].get_visible()
    assert axes.get_title() == "Receiver operating characteristic"
