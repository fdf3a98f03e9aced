"""The look of all plots: a white grid, and one size."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

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


def with_numbers(figure: Figure, language: Language) -> Figure:
    """The same figure with the numbers at its axes as a language writes them."""
    if language == "fr":
        for axes in figure.axes:
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(lambda value, _: f"{value:g}".replace(".", ","))
    return figure
