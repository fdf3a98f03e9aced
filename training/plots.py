"""Pictures of a run. Each takes data and a path, and writes one PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import seaborn as sns
from matplotlib.figure import Figure
from sklearn import metrics

from training.run_folder import HistoryRow

mpl.use("Agg")  # files only: a fit needs no display
sns.set_theme(style="whitegrid", context="notebook")


def learning_curves(history: Sequence[HistoryRow], path: Path) -> None:
    """Loss, accuracy and validation AUC by epoch.

    Training figures are taken on augmented, mixed-up films: they may stay below validation's.
    """
    epochs = [row["epoch"] for row in history]
    figure = Figure(figsize=(13, 4), layout="constrained")
    panels = [
        ("Loss", {"loss": "training", "val_loss": "validation"}),
        ("Accuracy", {"accuracy": "training", "val_accuracy": "validation"}),
        (
            "Validation",
            {
                "val_auc": "AUC",
                "val_sensitivity": "sensitivity",
                "val_specificity": "specificity",
            },
        ),
    ]
    for axes, (title, curves) in zip(figure.subplots(1, 3), panels, strict=True):
        for column, label in curves.items():
            axes.plot(epochs, [row[column] for row in history], marker=".", label=label)
        axes.set(title=title, xlabel="Epoch")
        axes.legend()
    figure.savefig(path, dpi=120)


def confusion_matrix(
    labels: npt.NDArray[np.int64],
    called: npt.NDArray[np.bool_],
    class_names: Sequence[str],
    path: Path,
) -> None:
    """Counts, with each row's share, of true classes against called ones."""
    counts = metrics.confusion_matrix(labels, called)
    shares = counts / counts.sum(axis=1, keepdims=True)
    texts = [
        [f"{n}\n{share:.1%}" for n, share in zip(*row, strict=True)]
        for row in zip(counts, shares, strict=True)
    ]
    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = figure.subplots()
    sns.heatmap(
        shares,
        annot=texts,
        fmt="",
        cmap="Blues",
        vmin=0,
        vmax=1,
        square=True,
        cbar_kws={"label": "Share of the true class"},
        xticklabels=class_names,
        yticklabels=class_names,
        ax=axes,
    )
    axes.set(xlabel="Called", ylabel="True")
    figure.savefig(path, dpi=120)


def roc_curve(
    labels: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64], path: Path
) -> None:
    """Sensitivity against the share of normal films called pneumonia."""
    false_alarms, sensitivity, _ = metrics.roc_curve(labels, probabilities)
    area = metrics.roc_auc_score(labels, probabilities)
    figure = Figure(figsize=(5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(false_alarms, sensitivity, label=f"AUC {area:.4f}")
    axes.plot([0, 1], [0, 1], linestyle=":", color="grey", label="chance")
    axes.set(xlabel="1 - specificity", ylabel="Sensitivity", title="Receiver operating curve")
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=120)
