"""The runs of a folder: what was asked, how far they are, what came out."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cxr.errors import DatasetError
from cxr.model.bundle import EVALUATION, Bundle
from training.data.dataset import fingerprints, make_record
from training.files import read_json
from training.fitting.config import TrainingConfig
from training.fitting.run_folder import HistoryRow, RunFolder

Counts = npt.NDArray[np.int64]  # (2, 2): rows are the true classes, columns what was called


@dataclass(frozen=True)
class Run:
    """A fit that was begun.

    Attributes:
        folder: of the run.
        config: its configuration.
        data: the data folder, as it was given.
        history: a row an epoch.
    """

    folder: Path
    config: TrainingConfig
    data: Path
    history: list[HistoryRow]

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def bundle(self) -> Path | None:
        """The bundle's folder; None before there is one."""
        folder = self.folder / "bundle"
        return folder if (folder / "manifest.json").is_file() else None

    @property
    def evaluation(self) -> dict[str, Any] | None:
        """What its bundle says of its evaluation; None before there is one."""
        if self.bundle is None:
            return None
        try:
            document: dict[str, Any] = read_json(self.bundle / EVALUATION)
        except (OSError, ValueError):  # being written anew
            return None
        return document if "result" in document else None

    def validation(self) -> list[dict[str, str]]:
        """Path, label, patient and kind of the images that were held out of this fit."""
        path = self.folder / "split.csv"
        if not path.exists():
            return []
        with path.open(newline="", encoding="utf-8") as file:
            # The column was called part until 0.5.
            rows = [
                row | {"split": row.get("split") or row["part"]} for row in csv.DictReader(file)
            ]
        return [row for row in rows if row["split"] == "validation"]

    def confusion(self) -> Counts | None:
        """Counts of validation images, of the result, or of the newest epoch at 0.5."""
        evaluation = self.evaluation
        if evaluation:
            return np.array(evaluation["result"]["confusion"])
        if not self.history or "val_sensitivity" not in self.history[-1]:
            return None
        labels = [int(row["label"]) for row in self.validation()]
        normal, positive = labels.count(0), labels.count(1)
        left_alone = round(self.history[-1]["val_specificity"] * normal)
        found = round(self.history[-1]["val_sensitivity"] * positive)
        return np.array([[left_alone, normal - left_alone], [positive - found, found]])

    def seconds_left(self) -> float | None:
        """To the last epoch, from how long epochs have taken; None if that is not known.

        Epochs of a size that was not seen yet are taken to cost as their number of pixels.
        """
        took: dict[int, list[float]] = {}
        for row in self.history:
            size = _size(self.config, int(row["epoch"]))
            took.setdefault(size, []).append(row.get("seconds", np.nan))
        if not took:
            return None
        last = _size(self.config, int(self.history[-1]["epoch"]))
        cost = {size: float(np.median(seconds)) for size, seconds in took.items()}
        left = range(int(self.history[-1]["epoch"]) + 1, self.config.epochs + 1)
        sizes = [_size(self.config, epoch) for epoch in left]
        seconds = sum(cost.get(size, cost[last] * (size / last) ** 2) for size in sizes)
        return seconds if np.isfinite(seconds) else None


def _size(config: TrainingConfig, epoch: int) -> int:
    """Side of the images in an epoch, from 1."""
    return next(size for size, until in config.stages() if epoch <= until)


def read_run(folder: Path) -> Run | None:
    """A run; None if the folder is none."""
    run = RunFolder(folder)
    try:
        document = read_json(run.config)
        config = TrainingConfig.from_json(document["training"])
        history = run.read_history(config.epochs)
        return Run(folder, config, Path(document["data"]["folder"]), history)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def list_runs(folder: Path) -> list[Run]:
    """The runs in a folder, in order of their names."""
    if not folder.is_dir():
        return []
    return [run for path in sorted(folder.iterdir()) if (run := read_run(path))]


def images_to_compare_on(run: Run, others: Sequence[Bundle]) -> tuple[list[dict[str, str]], int]:
    """Images that a run held out, to measure it and other models on.

    Returns:
        Rows of path (absolute), label and patient: those that none of the others has learned from
        if these hold both classes, else all; and how many of them one of the others has learned
        from.

    Raises:
        DatasetError: the run has held none out, or its images are not where they were.
    """
    rows = run.validation()
    if not rows:
        raise DatasetError(f"{run.folder}: no images were held out. Name labelled images.")
    learned = {mark for other in others for mark in _learned_from(other)}
    unseen: list[dict[str, str]] = []
    seen: list[dict[str, str]] = []
    for row in rows:
        path = (run.data / row["path"]).resolve()
        if not path.is_file():
            raise DatasetError(
                f"{path}: is not there any more; {run.name} held it out. Name labelled images."
            )
        record = make_record(run.data, path, int(row["label"]), split="validation")
        image = {"path": str(path), "label": row["label"], "patient": row["patient"]}
        (seen if fingerprints([record]) & learned else unseen).append(image)
    if len({image["label"] for image in unseen}) == 2:
        return unseen, 0
    return [*unseen, *seen], len(seen)


def _learned_from(bundle: Bundle) -> list[str]:
    return str(bundle.evaluation.get("trained_images", "")).split()
