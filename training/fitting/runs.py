"""The runs in a folder: their configuration, progress and results."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from cxr.errors import DatasetError
from cxr.messages import Message
from cxr.model.bundle import EVALUATION, Bundle
from cxr.model.fingerprint import is_among
from cxr.reading.radiograph import read_radiograph
from training.files import read_json
from training.fitting.config import TrainingConfig
from training.fitting.run_folder import RunDocument, RunFolder
from training.metrics.documents import BundleEvaluation, HistoryRow

Counts = npt.NDArray[np.int64]  # (2, 2): rows are the true classes, columns the predicted ones


@dataclass(frozen=True)
class Run:
    """A fit that was started.

    Attributes:
        folder: of the run.
        config: its configuration.
        data: the data folder, as it was given.
        history: one row for each epoch.
        split_digests: of all its images and of those in training, which say which were held out.
    """

    folder: Path
    config: TrainingConfig
    data: Path
    history: list[HistoryRow]
    split_digests: tuple[str, str]

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def bundle(self) -> Path | None:
        """The bundle's folder; None until there is one."""
        return RunFolder(self.folder).finished_bundle

    @property
    def evaluation(self) -> BundleEvaluation | None:
        """The evaluation in its bundle; None until there is one."""
        if self.bundle is None:
            return None
        try:
            document = read_json(self.bundle / EVALUATION)
        except (OSError, ValueError):  # another process is replacing it
            return None
        return cast(BundleEvaluation, document) if "result" in document else None

    def validation(self) -> list[dict[str, str]]:
        """The images that were held out of this fit: split, path, label, patient and kind."""
        path = RunFolder(self.folder).split
        if not path.exists():
            return []
        with path.open(newline="", encoding="utf-8") as file:
            # The column was called part until 0.5.
            rows = [
                row | {"split": row.get("split") or row["part"]} for row in csv.DictReader(file)
            ]
        return [row for row in rows if row["split"] == "validation"]

    def confusion(self) -> Counts | None:
        """Counts of the bundle's evaluation, or of the newest epoch's validation at 0.5."""
        evaluation = self.evaluation
        if evaluation:
            return np.array(evaluation["result"]["confusion"])
        if not self.history or "val_sensitivity" not in self.history[-1]:
            return None
        labels = [int(row["label"]) for row in self.validation()]
        negative, positive = labels.count(0), labels.count(1)
        true_negatives = round(self.history[-1]["val_specificity"] * negative)
        true_positives = round(self.history[-1]["val_sensitivity"] * positive)
        return np.array(
            [
                [true_negatives, negative - true_negatives],
                [positive - true_positives, true_positives],
            ]
        )

    def seconds_left(self) -> float | None:
        """Time until the last epoch ends, estimated from the epochs so far; None if unknown.

        Until there is an epoch at a size, its time is taken as proportional to the pixels.
        """
        measured: dict[int, list[float]] = {}
        for row in self.history:
            size = _size(self.config, int(row["epoch"]))
            measured.setdefault(size, []).append(row.get("seconds", np.nan))
        if not measured:
            return None
        newest = int(self.history[-1]["epoch"])
        size_now = _size(self.config, newest)
        medians = {size: float(np.median(seconds)) for size, seconds in measured.items()}
        sizes = [_size(self.config, epoch) for epoch in range(newest + 1, self.config.epochs + 1)]
        seconds = sum(
            medians.get(size, medians[size_now] * (size / size_now) ** 2) for size in sizes
        )
        return seconds if np.isfinite(seconds) else None


def _size(config: TrainingConfig, epoch: int) -> int:
    """Side of the images in an epoch, whose number is from 1."""
    return next(size for size, until in config.stages() if epoch <= until)


def read_run(folder: Path) -> Run | None:
    """The run in a folder; None if there is none."""
    run = RunFolder(folder)
    try:
        document: RunDocument = read_json(run.config)
        config = TrainingConfig.from_json(document["training"])
        history = run.read_history(config.epochs)
        if any(not 1 <= row["epoch"] <= config.epochs for row in history):
            return None
        data = document["data"]
        split = (data.get("file_list_sha256", ""), data.get("train_sha256", ""))
        return Run(folder, config, Path(data["folder"]), history, split)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def list_runs(folder: Path) -> list[Run]:
    """The runs in a folder, in order of their names."""
    if not folder.is_dir():
        return []
    return [run for path in sorted(folder.iterdir()) if (run := read_run(path))]


def unreadable_runs(folder: Path) -> list[str]:
    """Names of the runs in a folder that this version cannot read, as those of a later one."""
    found = []
    for path in sorted(folder.glob("*/config.json")):
        try:
            document = read_json(path)
        except (OSError, ValueError):
            continue
        described = isinstance(document, dict) and {"training", "data"} <= document.keys()
        if described and read_run(path.parent) is None:
            found.append(path.parent.name)
    return found


def images_to_compare_on(run: Run, others: Sequence[Bundle]) -> tuple[list[dict[str, str]], int]:
    """The images that a run held out, to measure it and other models on.

    Args:
        run: the run.
        others: models that it is compared with.

    Returns:
        Rows of path (absolute), label and patient. They are the images that none of the others was
        trained on, if these hold both classes; otherwise all, and the number of those that one of
        the others was trained on.

    Raises:
        DatasetError: the run held no images out, or they have been moved.
    """
    rows = run.validation()
    if not rows:
        raise DatasetError(Message("studio_none_held_out", {"run": str(run.folder)}))
    unseen: list[dict[str, str]] = []
    seen: list[dict[str, str]] = []
    for row in rows:
        path = (run.data / row["path"]).resolve()
        if not path.is_file():
            raise DatasetError(Message("studio_moved", {"path": str(path), "run": run.name}))
        image = {"path": str(path), "label": row["label"], "patient": row["patient"]}
        known = [other.trained_fingerprints for other in others if len(other.trained_fingerprints)]
        pixels = read_radiograph(path, name=row["path"]).pixels if known else None
        is_known = pixels is not None and any(is_among(pixels, each) for each in known)
        (seen if is_known else unseen).append(image)
    if len({image["label"] for image in unseen}) == 2:
        return unseen, 0
    return [*unseen, *seen], len(seen)
