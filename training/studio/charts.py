"""Curves and confusion matrices as HTML: in the page's own type and colours, light or dark.

The values of an epoch are shown while the pointer is on it; no script is needed for that.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from cxr.language import Language, format_decimal, format_number, format_percent
from cxr.messages import text
from cxr.model.bundle import CLASS_NAMES
from training.metrics.documents import HistoryRow

Points = Sequence[tuple[float, float]]  # epoch and value

_WIDTH, _HEIGHT = 380, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 10, 34
_LINE = 17  # between two lines of text
_COLOURS = 6  # of lines, as studio.css has them


@dataclass(frozen=True)
class Chart:
    """Lines over epochs.

    Attributes:
        title: what the values are.
        lines: points of each line by its name, in ascending order of epochs.
        kept: the epoch whose weights are kept, which is marked.
        digits: decimal places of the values.
        maximum: the highest value that there can be; None if there is none.
    """

    title: str
    lines: Mapping[str, Points] = field(default_factory=dict)
    kept: int | None = None
    digits: int = 4
    maximum: float | None = None


def metric_chart(
    name: str, title: str, lines: Mapping[str, Points], *, kept: int | None = None
) -> Chart:
    """The chart of a metric, as ``"val_auc"`` or ``"learning_rate"``, with what its values need."""
    of_any_size = name.removeprefix("val_") in ("loss", "learning_rate")
    digits = 6 if name == "learning_rate" else 4
    return Chart(title, lines, kept, digits, maximum=None if of_any_size else 1.0)


def charts_html(figures: Sequence[str]) -> str:
    """Figures of equal size, side by side."""
    return f'<div class="charts">{"".join(figures)}</div>' if figures else ""


def chart_html(chart: Chart, language: Language) -> str:
    """One chart as a figure; empty where no value is finite."""
    finite = {
        name: [(x, y) for x, y in points if math.isfinite(y)]
        for name, points in chart.lines.items()
    }
    lines = {name: points for name, points in finite.items() if points}
    if not lines:
        return ""
    # A line has the same look in every chart, also where others are missing.
    look = {name: f"line-{i % _COLOURS}" for i, name in enumerate(chart.lines)}
    xs = sorted({x for points in lines.values() for x, _ in points})
    ys = [y for points in lines.values() for _, y in points]
    scale = _Scale(xs[0], xs[-1], *_padded(min(ys), max(ys), chart.maximum))
    drawn = [_grid(scale, language)]
    if chart.kept:
        x = scale.x(chart.kept)
        drawn.append(f'<line class="kept" x1="{x}" x2="{x}" y1="{_TOP}" y2="{scale.bottom}"/>')
    drawn += [_line(points, scale, look[name]) for name, points in lines.items()]
    drawn += [_epoch(x, lines, look, scale, chart.digits, language) for x in xs]
    legend = "".join(f'<span class="{look[name]}">{html.escape(name)}</span>' for name in lines)
    if chart.kept:
        kept = text("studio_kept", language, epoch=chart.kept)
        legend += f'<span class="kept">{html.escape(kept)}</span>'
    return (
        f'<figure class="chart"><figcaption>{html.escape(chart.title)}</figcaption>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{html.escape(_in_words(chart.title, lines, chart, language))}">'
        f'{"".join(drawn)}</svg><p class="legend">{legend}</p></figure>'
    )


def confusion_html(counts: npt.NDArray[np.int64], caption: str, language: Language) -> str:
    """Counts (2, 2) of true classes (rows) against predicted ones, with each row's fractions."""
    names = [text(f"studio_class_{name}", language) for name in CLASS_NAMES]
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in names)
    rows = []
    for name, row in zip(names, counts.tolist(), strict=True):
        cells = ""
        for count in row:
            fraction = count / max(sum(row), 1)
            cells += (
                f'<td style="--part:{fraction:.3f}"><strong>{format_number(count, language)}'
                f"</strong><span>{format_percent(fraction, language)}</span></td>"
            )
        rows.append(f'<tr><th scope="row">{html.escape(name)}</th>{cells}</tr>')
    title, predicted, true = (
        html.escape(said)
        for said in (
            text("studio_confusion", language),
            text("studio_predicted", language),
            text("studio_true", language),
        )
    )
    return (
        f'<figure class="chart"><figcaption>{title}</figcaption><table class="confusion"><thead>'
        f'<tr><td></td><th colspan="2" scope="colgroup">{predicted}</th></tr>'
        f'<tr><th scope="col">{true}</th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
        f'<p class="legend">{html.escape(caption)}</p></figure>'
    )


def bars_html(title: str, bars: Mapping[str, float], caption: str, language: Language) -> str:
    """Fractions of a whole as bars, one below the other, each with its name."""
    rows = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th><td><span style="--part:{fraction:.3f}">'
        f"</span>{format_percent(fraction, language)}</td></tr>"
        for name, fraction in bars.items()
    )
    return (
        f'<figure class="chart"><figcaption>{html.escape(title)}</figcaption>'
        f'<table class="bars"><tbody>{rows}</tbody></table>'
        f'<p class="legend">{html.escape(caption)}</p></figure>'
    )


def points_of(history: Sequence[HistoryRow], column: str) -> Points:
    """A column of a run's history by epoch; empty if it was not measured."""
    return [(row["epoch"], row[column]) for row in history if column in row]


# --- Drawing --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Scale:
    """From epochs and values to places in the drawing."""

    first: float
    last: float
    low: float
    high: float

    bottom = _HEIGHT - _BOTTOM

    def x(self, epoch: float) -> float:
        if self.last == self.first:
            return (_LEFT + _WIDTH - _RIGHT) / 2
        part = (epoch - self.first) / (self.last - self.first)
        return round(_LEFT + part * (_WIDTH - _LEFT - _RIGHT), 1)

    def y(self, value: float) -> float:
        part = (value - self.low) / (self.high - self.low)
        return round(self.bottom - part * (self.bottom - _TOP), 1)


def _padded(low: float, high: float, maximum: float | None) -> tuple[float, float]:
    """A range with some space, which goes neither beyond `maximum` nor, without need, below 0."""
    pad = (high - low) * 0.05 or abs(high) * 0.05 or 0.5
    above = high + pad if maximum is None else max(high, min(high + pad, maximum))
    return (low - pad if low < 0 else max(low - pad, 0.0)), above


def _steps(low: float, high: float, count: int) -> list[float]:
    """At most about this many round values from `low` to `high`."""
    rough = (high - low) / count
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    first = math.ceil(low / step)
    return [round(i * step, 10) for i in range(first, math.floor(high / step) + 1)]


def _grid(scale: _Scale, language: Language) -> str:
    parts = []
    values = _steps(scale.low, scale.high, 5)
    for value in values:
        y = scale.y(value)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(
            f'<text x="{_LEFT - 6}" y="{y + 4}" class="end">{_tick(value, language)}</text>'
        )
    epochs = range(math.ceil(scale.first), math.floor(scale.last) + 1)
    every = max(1, -(-len(epochs) // 6))
    for epoch in epochs[::every]:
        x, y = scale.x(epoch), scale.bottom + 16
        parts.append(f'<text x="{x}" y="{y}" class="middle">{epoch}</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    name = html.escape(text("studio_epoch", language))
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 3}" class="middle">{name}</text>')
    return "".join(parts)


def _tick(value: float, language: Language) -> str:
    written = f"{value:.4g}"
    return written.replace(".", ",") if language == "fr" else written


def _line(points: Points, scale: _Scale, look: str) -> str:
    path = " ".join(f"{scale.x(x)},{scale.y(y)}" for x, y in points)
    dots = ""
    if len(points) == 1:
        (x, y) = points[0]
        dots = f'<circle class="dot" cx="{scale.x(x)}" cy="{scale.y(y)}" r="4"/>'
    return f'<g class="{look}"><polyline points="{path}"/>{dots}</g>'


def _epoch(
    epoch: float,
    lines: Mapping[str, Points],
    look: Mapping[str, str],
    scale: _Scale,
    digits: int,
    language: Language,
) -> str:
    """What is shown while the pointer is on an epoch: a rule, dots and the values."""
    x = scale.x(epoch)
    half = (_WIDTH - _LEFT - _RIGHT) / max(scale.last - scale.first, 1) / 2
    begin, end = max(x - half, 0), min(x + half, _WIDTH)
    said = [f"{text('studio_epoch', language)} {epoch:g}"]
    dots = ""
    for name, points in lines.items():
        found = next((y for at, y in points if at == epoch), None)
        if found is not None:
            value = format_decimal(found, language, digits=digits)
            said.append(f"{name}: {value}")
            dots += (
                f'<g class="{look[name]}"><circle class="dot" cx="{x}" '
                f'cy="{scale.y(found)}" r="4"/></g>'
            )
    width = 12 + 7 * max(map(len, said))
    # On the side with more room, and never on the values of the axis.
    right_of = x + 10 if x - _LEFT < _WIDTH - x else x - width - 10
    left = min(max(right_of, _LEFT), _WIDTH - width)
    height = _LINE * len(said) + 8
    texts = "".join(
        f'<text x="{left + 6}" y="{_TOP + _LINE * (i + 1)}">{html.escape(line)}</text>'
        for i, line in enumerate(said)
    )
    return (
        f'<g class="epoch"><rect class="catch" x="{begin}" y="0" width="{end - begin}" '
        f'height="{_HEIGHT}"/><g class="values"><line x1="{x}" x2="{x}" y1="{_TOP}" '
        f'y2="{scale.bottom}"/>{dots}<rect class="box" x="{left}" y="{_TOP}" width="{width}" '
        f'height="{height}" rx="4"/>{texts}</g></g>'
    )


def _in_words(title: str, lines: Mapping[str, Points], chart: Chart, language: Language) -> str:
    """The last values, for those who cannot see the drawing."""
    last = max(points[-1][0] for points in lines.values())
    values = ", ".join(
        f"{name} {format_decimal(points[-1][1], language, digits=chart.digits)}"
        for name, points in lines.items()
    )
    return f"{title}, {text('studio_epoch', language)} {last:g}: {values}"
