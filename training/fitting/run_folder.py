"""What a fit leaves on disk, written so that a kill at any moment loses at most one epoch.

RUN/config.json            configuration, versions, digest of the images
RUN/split.csv              every image, its patient, and the part that it is in
RUN/history.csv            metrics of each epoch
RUN/learning_curves.png    the same as a picture
RUN/checkpoints/           the last epoch's state, to resume from, and the best epoch's weights
RUN/network.weights.h5     the result: there once the run has finished
RUN/bundle/                the model as others take it, written by training/sharing/bundle.py
RUN/confusion_matrix.png   of the bundle on the validation images, and roc_curve.png
"""

from __future__ import annotations

import csv
import importlib.metadata
import io
import json
import math
import platform
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from cxr.errors import RunError
from training.data.dataset import file_list_digest
from training.files import make_folder, read_json, write_atomically, write_text
from training.fitting.config import TrainingConfig, as_written_now

if TYPE_CHECKING:
    import keras

    from training.data.images import Splits

_LOCK = ".lock"
_CHECKPOINT_NAME = re.compile(r"epoch-(\d+)\.weights\.h5")
_RECORDED_PACKAGES = ("keras", "tensorflow", "jax", "torch", "numpy", "opencv-python-headless")

HistoryRow = dict[str, float]


class RunFolder:
    """One run on disk."""

    def __init__(self, folder: Path) -> None:
        """Refer to a run; nothing is read or written yet."""
        self.folder = folder
        self.config = folder / "config.json"
        self.checkpoints = folder / "checkpoints"
        self.weights = folder / "network.weights.h5"
        self.history = folder / "history.csv"
        self.learning_curves = folder / "learning_curves.png"
        self.bundle = folder / "bundle"

    # --- Configuration ---------------------------------------------------------------------------

    def start(self, config: TrainingConfig, data: Path, splits: Splits) -> None:
        """Record what the run is, or check that it is the same as when it was started.

        Args:
            config: of the fit.
            data: the data folder.
            splits: its images.

        Raises:
            RunError: the folder holds a run of another configuration or of other images.
        """
        train, validation = splits.train, splits.validation
        images = [*train.records, *validation.records]
        document = {
            "training": config.to_json(),
            "data": {
                "folder": str(data),
                "images": len(images),
                "train_images": len(train.records),
                "validation_images": len(validation.records),
                "copies_left_out": [record.path for record in splits.duplicates],
                "file_list_sha256": file_list_digest(images),
                "train_sha256": file_list_digest(train.records),
                "outlines_sha256": train.outlines_sha256,
            },
            "versions": versions(),
        }
        if self.config.exists():
            _check_same(self.folder, read_json(self.config), document)
        else:
            self._make_folder()
            write_text(self.config, json.dumps(document, indent=2) + "\n")
        # Again each time: equal images are parted alike, and a kill may have come before it.
        rows = io.StringIO()
        writer = csv.writer(rows, lineterminator="\n")
        writer.writerow(["split", "path", "label", "patient", "kind"])
        for name, split in (("train", train), ("validation", validation)):
            writer.writerows([name, r.path, r.label, r.patient, r.kind] for r in split.records)
        write_text(self.folder / "split.csv", rows.getvalue())

    def _make_folder(self) -> None:
        make_folder(self.folder)
        if any(not _may_be_there(path, self.config.name) for path in self.folder.iterdir()):
            raise RunError(
                f"{self.folder}: holds files, but no run that could be resumed. Choose another "
                "--out, or empty it."
            )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from fitting this run. Ends with the process, however that ends.

        Raises:
            RunError: another one is.
        """
        try:
            with FileLock(self.folder / _LOCK, timeout=0):
                yield
        except Timeout as error:
            raise RunError(
                f"{self.folder}: another process is fitting this run. Wait for it, or stop it."
            ) from error

    # --- Progress --------------------------------------------------------------------------------

    def latest_checkpoint(self) -> tuple[int, Path | None]:
        """The number of finished epochs, and the state after them."""
        found = [
            (int(match[1]), path)
            for path in self.checkpoints.glob("epoch-*.weights.h5")
            if (match := _CHECKPOINT_NAME.fullmatch(path.name))
        ]
        return max(found, default=(0, None))

    def save_checkpoint(self, model: keras.Model, epoch: int, *, best: int | None = None) -> None:
        """Keep the state after `epoch` epochs, weights and optimizer, and drop what came before.

        Args:
            model: the compiled model.
            epoch: how many epochs are finished.
            best: the epoch whose weights are kept as well; see `save_best`.
        """
        self.checkpoints.mkdir(exist_ok=True)
        newest = self.checkpoints / f"epoch-{epoch:04}.weights.h5"
        write_atomically(newest, model.save_weights)
        self._drop_checkpoints(but=[newest, *([self.best(best)] if best else [])])

    def best(self, epoch: int) -> Path:
        """Weights of an epoch that was the best when it ended."""
        return self.checkpoints / f"best-epoch-{epoch:04}.weights.h5"

    def save_best(self, network: keras.Model, epoch: int) -> None:
        """Keep an epoch's weights; those of the best before stay until its checkpoint is there."""
        self.checkpoints.mkdir(exist_ok=True)
        write_atomically(self.best(epoch), network.save_weights)

    def save_result(self, network: keras.Model) -> None:
        """Keep the trained weights and drop the checkpoints, which have done their work."""
        write_atomically(self.weights, network.save_weights)
        self._drop_checkpoints()

    def _drop_checkpoints(self, *, but: Sequence[Path] = ()) -> None:
        for path in self.checkpoints.glob("*epoch-*.weights.h5"):
            if path not in but:
                path.unlink()

    def read_history(self, epochs: int) -> list[HistoryRow]:
        """The rows of the first `epochs` epochs; a row whose checkpoint was lost is left out."""
        if not self.history.exists():
            return []
        with self.history.open(newline="") as file:
            rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
        return rows[:epochs]

    def save_history(self, rows: list[HistoryRow]) -> None:
        """Write all rows, one an epoch."""
        columns = list(dict.fromkeys(name for row in rows for name in row))
        lines = [",".join(columns)]
        # A column that came with a newer version of the code is not known of older epochs.
        lines += [",".join(_digits(row.get(name, math.nan)) for name in columns) for row in rows]
        write_text(self.history, "\n".join(lines) + "\n")


def rounded(row: HistoryRow) -> HistoryRow:
    """A row as reading it back gives it: what is compared has to be what is on record."""
    return {name: float(_digits(value)) for name, value in row.items()}


def _digits(value: float) -> str:
    return f"{value:.6g}"


def _may_be_there(path: Path, name: str) -> bool:
    """Whether this is a lock, or what a kill left of writing the file of this name."""
    return path.name == _LOCK or (path.name.startswith("partial-") and path.name.endswith(name))


def _check_same(folder: Path, started: dict[str, Any], now: dict[str, Any]) -> None:
    """Images and configuration must be equal; the folder may have moved, versions may differ."""
    if not {"data", "training"} <= started.keys():
        raise RunError(f"{folder}: its config.json is of no run. Choose another --out.")
    if started["data"]["file_list_sha256"] != now["data"]["file_list_sha256"]:
        raise RunError(
            f"{folder}: this run was started on other images "
            f"({started['data']['images']}, now {now['data']['images']}). Choose another --out."
        )
    before, after = as_written_now(started["training"]), as_written_now(now["training"])
    differing = sorted(key for key in after if before.get(key) != after[key])
    if differing:
        raise RunError(
            f"{folder}: this run was started with another "
            f"{', '.join(differing)}. Choose another --out, or the settings that it began with."
        )
    if started["data"].get("train_sha256") != now["data"]["train_sha256"]:
        raise RunError(f"{folder}: this run was started on another split. Choose another --out.")
    if started["data"].get("outlines_sha256") != now["data"]["outlines_sha256"]:
        raise RunError(f"{folder}: this run was started with other outlines. Choose another --out.")


def versions() -> dict[str, str]:
    """Versions of what computes, by package, and the Keras backend in use."""
    import keras  # here, so that a run can be read without TensorFlow

    found = {"python": platform.python_version(), "backend": keras.backend.backend()}
    for package in _RECORDED_PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
