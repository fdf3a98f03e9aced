"""The look of all plots: a white grid, and one size."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import seaborn as sns
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler

from cxr.language import Language

_settings_lock = threading.Lock()  # the studio draws in several threads


@contextmanager
def theme() -> Iterator[None]:
    """Draw with our look, and leave Matplotlib's settings as they were; also as a decorator."""
    settings = {
        **sns.axes_style("whitegrid"),
        **sns.plotting_context("notebook"),
        "axes.prop_cycle": cycler(color=sns.color_palette("deep")),
    }
    with _settings_lock, rc_context(settings):
        yield


def square(*, width: float = 5.5) -> tuple[Figure, Axes]:
    """A figure with one plot, 5 inches high."""
    figure = Figure(figsize=(width, 5), dpi=120, layout="constrained")
    return figure, figure.subplots()


def model_line(axes: Axes, x: Sequence[float], y: Sequence[float], label: str) -> None:
    """Draw the line of a model, which may have any name."""
    # What begins with an underscore, Matplotlib leaves out of the legend.
    axes.plot(x, y, label=label.lstrip("_"))


def model_legend(axes: Axes, place: Literal["lower left", "lower right"]) -> None:
    """The legend of models' lines."""
    for said in axes.legend(loc=place).get_texts():
        said.set_parse_math(False)  # a model's name may hold a dollar sign


def with_numbers(figure: Figure, language: Language) -> Figure:
    """The same figure with the numbers at its axes as a language writes them."""
    if language == "fr":
        for axes in figure.axes:
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(lambda value, _: f"{value:g}".replace(".", ","))
    return figure
