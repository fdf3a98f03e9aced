"""Plots of runs and evaluations. Each takes data and returns a figure, which `save` writes.

Those of ROC are in `roc`. Which of them a report shows is in `validation.report`, `report_page`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sklearn import metrics

from cxr.language import Language, format_decimal, format_percent
from cxr.messages import text
from training.files import write_atomically
from training.metrics.documents import WATCHED, Faithfulness, HistoryRow, ReliabilityRow
from training.metrics.theme import model_legend, model_line, square, theme, with_numbers

_GROUND, _ON_GROUND = "#111827", "#e2e8f0"  # of radiographs, and of words beside them


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, in one step.

    Raises:
        RunError: it cannot be written.
    """
    write_atomically(path, figure.savefig)


@theme()
def learning_curves(
    history: Sequence[HistoryRow],
    *,
    watch: Sequence[str] = WATCHED,
    kept: int | None = None,
    language: Language = "en",
) -> Figure:
    """One panel for each metric, by epoch.

    Training metrics are measured on augmented and mixed images: they may be below validation's.

    Args:
        history: one row for each epoch.
        watch: names of metrics, as ``"auc"``; those that were not measured are left out.
        kept: the epoch whose weights are kept, which is marked.
        language: of the words in the plot, as in the other plots.
    """
    measured = [name for name in watch if {name, f"val_{name}"} & set(history[0])]
    columns = min(len(measured), 3) or 1
    rows = -(-len(measured) // columns) or 1
    figure = Figure(figsize=(4.4 * columns, 3.4 * rows), dpi=120, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(measured) :]:
        axes.axis("off")
    for axes, name in zip(grid, measured, strict=False):
        for column, label in (
            (name, text("studio_training", language)),
            (f"val_{name}", text("studio_validation", language)),
        ):
            if column in history[0]:
                _by_epoch(axes, history, column, label)
        if kept:
            axes.axvline(
                kept, linestyle=":", color="grey", label=text("studio_kept", language, epoch=kept)
            )
        axes.set(title=text(f"metric_{name}", language), xlabel=text("studio_epoch", language))
        if name != "learning_rate" or kept:
            axes.legend(fontsize=9)
    return with_numbers(figure, language)


def _by_epoch(axes: Axes, history: Sequence[HistoryRow], column: str, label: str) -> None:
    epochs = [row["epoch"] for row in history]
    axes.plot(epochs, [row[column] for row in history], marker=".", label=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


@theme()
def confusion_matrix(
    counts: npt.NDArray[np.int64],
    class_names: Sequence[str],
    *,
    title: str = "",
    language: Language = "en",
) -> Figure:
    """Counts (2, 2) of true classes (rows) against predicted ones, with each row's fractions."""
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    texts = [
        [f"{n}\n{format_percent(fraction, language)}" for n, fraction in zip(*row, strict=True)]
        for row in zip(counts, fractions, strict=True)
    ]
    figure = Figure(figsize=(5, 4), dpi=120, layout="constrained")
    axes = figure.subplots()
    sns.heatmap(
        fractions,
        annot=texts,
        fmt="",
        cmap="Blues",
        vmin=0,
        vmax=1,
        square=True,
        cbar_kws={"label": text("drawn_fraction_of_class", language)},
        xticklabels=class_names,
        yticklabels=class_names,
        ax=axes,
    )
    axes.set(
        xlabel=text("studio_predicted", language), ylabel=text("studio_true", language), title=title
    )
    return figure


@theme()
def precision_recall_curve(
    labels: npt.NDArray[np.int64],
    scores: Mapping[str, npt.NDArray[np.float64]],
    *,
    language: Language = "en",
) -> Figure:
    """Precision against sensitivity, one line for each model.

    Args:
        labels: (N,), 0 or 1, both present.
        scores: (N,) of each model, by its name.
        language: of the words.
    """
    figure, axes = square()
    for name, values in scores.items():
        precision, sensitivity, _ = metrics.precision_recall_curve(labels, values)
        average = metrics.average_precision_score(labels, values)
        figure_of = {"name": name, "value": format_decimal(average, language, digits=4)}
        model_line(axes, sensitivity, precision, text("drawn_average", language, **figure_of))
    prevalence = float(labels.mean())
    by_chance = f"{text('drawn_chance', language)}, {format_decimal(prevalence, language)}"
    axes.axhline(prevalence, linestyle=":", color="grey", label=by_chance)
    axes.set(
        xlabel=text("drawn_recall", language),
        ylabel=text("metric_precision", language),
        title=text("plot_precision_and_recall", language),
    )
    model_legend(axes, "lower left")
    return with_numbers(figure, language)


@theme()
def reliability_diagram(
    rows: Sequence[ReliabilityRow], error: float, *, language: Language = "en"
) -> Figure:
    """Observed fraction with pneumonia against the predicted probability.

    Args:
        rows: of `training.metrics.evaluation.reliability`.
        error: the expected calibration error.
        language: of the words.
    """
    figure, axes = square()
    perfect = text("drawn_perfect", language)
    axes.plot([0, 1], [0, 1], linestyle=":", color="grey", label=perfect)
    axes.plot(
        [row["probability"] for row in rows],
        [row["share"] for row in rows],
        marker="o",
        label=text("drawn_error", language, value=format_decimal(error, language, digits=3)),
    )
    for row in rows:
        axes.annotate(
            f"{row['images']:.0f}",
            (row["probability"], row["share"]),
            textcoords="offset points",
            xytext=(6, -10),
            fontsize=8,
            color="grey",
        )
    axes.set(
        xlabel=text("drawn_probability", language),
        ylabel=text("drawn_with_pneumonia", language),
        title=text("drawn_reliability", language),
    )
    axes.legend(loc="upper left")
    return with_numbers(figure, language)


@theme()
def threshold_curve(
    labels: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float64],
    thresholds: dict[str, float],
    *,
    language: Language = "en",
) -> Figure:
    """Sensitivity and specificity by threshold, with the model's own thresholds."""
    grid = np.linspace(0, 1, 201)
    figure, axes = square(width=7)
    sensitivity = text("metric_sensitivity", language)
    specificity = text("metric_specificity", language)
    positive, negative = probabilities[labels == 1], probabilities[labels == 0]
    axes.plot(grid, [np.mean(positive >= t) for t in grid], label=sensitivity)
    axes.plot(grid, [np.mean(negative < t) for t in grid], label=specificity)
    for (name, threshold), style in zip(thresholds.items(), ("--", "-", "-."), strict=True):
        label = f"{name} {format_decimal(threshold, language)}"
        axes.axvline(threshold, color="grey", linestyle=style, linewidth=1, label=label)
    axes.set(
        xlabel=text("drawn_threshold", language),
        ylabel=text("drawn_fraction_of_class", language),
        title=text("drawn_by_threshold", language),
    )
    axes.legend(loc="lower center", fontsize=9)
    return with_numbers(figure, language)


@theme()
def explanation_curves(document: Faithfulness) -> Figure:
    """Deletion, insertion and randomisation; see `training.validation.faithfulness`."""
    figure = Figure(figsize=(15, 4.5), dpi=110, layout="constrained")
    deletion, insertion, randomisation = figure.subplots(1, 3)
    panels: tuple[tuple[Axes, Literal["deletion", "insertion"]], ...] = (
        (deletion, "deletion"),
        (insertion, "insertion"),
    )
    for axes, name in panels:
        fraction = np.linspace(0, 1, len(document["chance"][name]))
        for method, row in document["methods"].items():
            axes.plot(fraction, row[name], marker=".", label=method)
        axes.plot(fraction, document["chance"][name], linestyle=":", color="grey", label="random")
        axes.set(xlabel="Fraction of the image", ylabel="Mean probability", title=name.capitalize())
        axes.legend()
    reference, *rows = document["randomisation"]
    randomisation.plot([row["ssim"] for row in rows], [row["layers"] for row in rows], marker="o")
    randomisation.axvline(
        reference["ssim"], linestyle=":", color="grey", label="another image's heatmap"
    )
    randomisation.invert_yaxis()
    randomisation.set(xlim=(-0.05, 1), xlabel="Similarity to the trained network's heatmap (SSIM)")
    randomisation.set_title("Layers with random weights, down to")
    randomisation.legend()
    return figure


@theme()
def importance(fractions: Mapping[str, float]) -> Figure:
    """Importance of each setting in a search, the most important at the top.

    Args:
        fractions: of the validation AUC's variance, by setting, in descending order.
    """
    names = list(fractions)[::-1]
    figure = Figure(figsize=(7, 0.4 * len(names) + 1), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.barh(names, [fractions[name] for name in names], color=sns.color_palette()[0])
    axes.set(title="Importance of settings", xlabel="Fraction of the validation AUC's variance")
    return figure


@theme()
def image_grid(
    groups: Sequence[tuple[str, Sequence[tuple[npt.NDArray[np.uint8], str]]]],
    *,
    columns: int = 6,
    width: float = 2.4,
) -> Figure:
    """Groups of images with captions, each group under its title, on a dark ground.

    Args:
        groups: title, and pairs of an image, (H, W) or (H, W, 3), and its caption.
        columns: images in a row.
        width: of each image, in inches.
    """
    rows: list[tuple[str, Sequence[tuple[npt.NDArray[np.uint8], str]]]] = []
    for title, tiles in groups:
        starts = range(0, max(len(tiles), 1), columns)
        rows += [(title if i == 0 else "", tiles[i : i + columns]) for i in starts]
    size = (width * columns, 2.9 * len(rows))
    figure = Figure(figsize=size, dpi=100, layout="constrained", facecolor=_GROUND)
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes_row, (title, tiles) in zip(grid, rows, strict=True):
        for axes in axes_row:
            axes.axis("off")
        axes_row[0].set_title(
            title, loc="left", fontsize=12, fontweight="bold", pad=18, color=_ON_GROUND
        )
        for axes, (image, caption) in zip(axes_row, tiles, strict=False):
            axes.imshow(image, cmap="gray", aspect="auto")
            axes.text(
                *(0, -0.02, caption),
                transform=axes.transAxes,
                fontsize=8,
                va="top",
                color=_ON_GROUND,
                parse_math=False,  # a file name may hold dollar signs
            )
    return figure
