"""The files of a run. A process that is killed at any moment loses at most one epoch.

RUN/config.json            configuration, versions, digests of the images
RUN/split.csv              every image with its patient and its split
RUN/history.csv            metrics of each epoch
RUN/learning_curves.png    the same as a plot
RUN/checkpoints/           the last epoch's state, to resume from, and the best epoch's weights
RUN/network.weights.h5     the result; exists once the run has finished
RUN/bundle/                the model for others to use, written by training/sharing/bundle.py
RUN/confusion_matrix.png   of the bundle on the validation images, and roc_curve.png
RUN/mistakes.csv …         its worst mistakes on them; see training/validation/mistakes.py
"""

from __future__ import annotations

import csv
import importlib.metadata
import io
import math
import platform
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from filelock import FileLock, Timeout

from cxr.errors import RunError, not_written
from cxr.model.bundle import MANIFEST
from training.data.fingerprints import file_list_digest
from training.data.images import Splits
from training.files import make_folder, read_object, write_atomically, write_json, write_text
from training.fitting.config import TrainingConfig
from training.fitting.config_comparison import WITHOUT_EFFECT, differing_settings
from training.metrics.documents import HistoryRow
from training.networks.saving import save_weights

if TYPE_CHECKING:
    import keras  # which takes seconds: a run can be read without it

_LOCK = ".lock"
_CHECKPOINT_NAME = re.compile(r"epoch-(\d+)\.weights\.h5")
_RECORDED_PACKAGES = ("keras", "tensorflow", "jax", "torch", "numpy", "opencv-python-headless")


class RunData(TypedDict):
    """The images of a run: the section data of config.json.

    folder: as it was given. duplicates_left_out: paths. file_list_sha256: of all images;
    train_sha256: of those in training; outlines_sha256: of what is outlined on these, None without
    outlines.
    """

    folder: str
    images: int
    train_images: int
    validation_images: int
    duplicates_left_out: list[str]
    file_list_sha256: str
    train_sha256: str
    outlines_sha256: str | None


class RunDocument(TypedDict):
    """The content of a run's config.json.

    training: see `training.fitting.config.TrainingConfig`. versions: by package.
    """

    training: dict[str, Any]
    data: RunData
    versions: dict[str, str]


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
        self.split = folder / "split.csv"

    @property
    def finished_bundle(self) -> Path | None:
        """The bundle's folder; None until it is whole."""
        return self.bundle if (self.bundle / MANIFEST).is_file() else None

    # --- Configuration ---------------------------------------------------------------------------

    def start(self, config: TrainingConfig, data: Path, splits: Splits) -> None:
        """Record the configuration and the images, or check that a run begun here has the same.

        Args:
            config: of the fit.
            data: the data folder.
            splits: its images.

        Raises:
            RunError: the folder holds a run of another configuration or of other images, or files
                of something else.
        """
        document = _describe(config, data, splits)
        if self.config.exists():
            started = read_object(self.config)
            _check_same(self.folder, started, document)
            floor = document["training"]["floor"]
            if started["training"].get("floor") != floor:
                started["training"]["floor"] = floor
                write_json(self.config, started)
        else:
            self._make_folder()
            write_json(self.config, document)
        # Also when a run is resumed: the process may have been killed before it was written.
        rows = io.StringIO()
        writer = csv.writer(rows, lineterminator="\n")
        writer.writerow(["split", "path", "label", "patient", "kind"])
        for name, split in (("train", splits.train), ("validation", splits.validation)):
            writer.writerows([name, r.path, r.label, r.patient, r.kind] for r in split.records)
        write_text(self.split, rows.getvalue())

    def _make_folder(self) -> None:
        make_folder(self.folder)
        if any(not _is_left_over(path, self.config.name) for path in self.folder.iterdir()):
            raise RunError(
                f"{self.folder}: holds files, but no run that could be resumed. Choose another "
                "--out, or empty it."
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from fitting this run; a process that dies releases it, too.

        Raises:
            RunError: another process is fitting it, or the folder cannot be written.
        """
        lock = FileLock(self.folder / _LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise RunError(
                f"{self.folder}: another process is fitting this run. Wait until it ends, or stop "
                "it."
            ) from error
        except OSError as error:
            raise RunError(not_written(self.folder, error)) from error
        try:
            yield
        finally:
            lock.release()

    def is_locked(self) -> bool:
        """Whether a process is fitting this run now."""
        if not self.folder.exists():
            return False
        try:
            with self.locked():
                return False
        except RunError:
            return True

    # --- Progress --------------------------------------------------------------------------------

    def latest_checkpoint(self) -> tuple[int, Path | None]:
        """The number of finished epochs, and the file of the state after them."""
        found = [
            (int(match[1]), path)
            for path in self.checkpoints.glob("epoch-*.weights.h5")
            if (match := _CHECKPOINT_NAME.fullmatch(path.name))
        ]
        return max(found, default=(0, None))

    def save_checkpoint(self, model: keras.Model, epoch: int, *, best: int | None = None) -> None:
        """Save the state after `epoch` epochs, weights and optimizer, and delete older files.

        Args:
            model: the compiled model.
            epoch: how many epochs are finished.
            best: the epoch whose weights are kept as well; see `save_best`.
        """
        make_folder(self.checkpoints)
        newest = self.checkpoints / f"epoch-{epoch:04}.weights.h5"
        write_atomically(newest, partial(save_weights, model))
        self._delete_checkpoints(keep=[newest, *([self.best(best)] if best else [])])

    def best(self, epoch: int) -> Path:
        """Where the weights of the best epoch are, by its number from 1."""
        return self.checkpoints / f"best-epoch-{epoch:04}.weights.h5"

    def save_best(self, network: keras.Model, epoch: int) -> None:
        """Save an epoch's weights as the best; `save_checkpoint` deletes those of earlier ones."""
        make_folder(self.checkpoints)
        write_atomically(self.best(epoch), partial(save_weights, network))

    def save_result(self, network: keras.Model) -> None:
        """Save the trained weights and delete the checkpoints, which are not needed any more."""
        write_atomically(self.weights, partial(save_weights, network))
        self._delete_checkpoints()

    def _delete_checkpoints(self, *, keep: Sequence[Path] = ()) -> None:
        for path in self.checkpoints.glob("*epoch-*.weights.h5"):
            if path not in keep:
                path.unlink()

    def read_history(self, epochs: int) -> list[HistoryRow]:
        """The rows of the first `epochs` epochs: later ones may be without a checkpoint."""
        if not self.history.exists():
            return []
        with self.history.open(newline="") as file:
            rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
        return rows[:epochs]

    def save_history(self, rows: list[HistoryRow]) -> None:
        """Write all rows, one for each epoch."""
        columns = list(dict.fromkeys(name for row in rows for name in row))
        lines = [",".join(columns)]
        # Epochs of an earlier version of the code may lack a column.
        lines += [",".join(_digits(row.get(name, math.nan)) for name in columns) for row in rows]
        write_text(self.history, "\n".join(lines) + "\n")


def rounded(row: HistoryRow) -> HistoryRow:
    """A row as it is after writing and reading it, so that epochs compare equal after a resume."""
    return {name: float(_digits(value)) for name, value in row.items()}


def _digits(value: float) -> str:
    return f"{value:.6g}"


def _is_left_over(path: Path, name: str) -> bool:
    """Whether this is a lock, or what a killed process left of writing the file of this name."""
    return path.name == _LOCK or (path.name.startswith("partial-") and path.name.endswith(name))


def _describe(config: TrainingConfig, data: Path, splits: Splits) -> RunDocument:
    train, validation = splits.train, splits.validation
    images = [*train.records, *validation.records]
    return {
        "training": config.to_json(),
        "data": {
            "folder": str(data),
            "images": len(images),
            "train_images": len(train.records),
            "validation_images": len(validation.records),
            "duplicates_left_out": [record.path for record in splits.duplicates],
            "file_list_sha256": file_list_digest(images),
            "train_sha256": file_list_digest(train.records),
            "outlines_sha256": train.outlines_sha256,
        },
        "versions": versions(),
    }


def _check_same(folder: Path, started: dict[str, Any], now: RunDocument) -> None:
    """Images and configuration must be equal; the folder may have moved, versions may differ."""
    data, training = started.get("data"), started.get("training")
    if not (isinstance(data, dict) and isinstance(training, dict) and "file_list_sha256" in data):
        raise RunError(f"{folder / 'config.json'}: does not describe a run. Choose another --out.")
    if data["file_list_sha256"] != now["data"]["file_list_sha256"]:
        raise RunError(
            f"{folder}: this run was started on other images ({data.get('images')}, now "
            f"{now['data']['images']}). Choose another --out."
        )
    if differing := differing_settings(training, now["training"], but=WITHOUT_EFFECT):
        raise RunError(
            f"{folder}: this run was started with another "
            f"{', '.join(differing)}. Choose another --out, or give the settings of that start."
        )
    if data.get("train_sha256") != now["data"]["train_sha256"]:
        raise RunError(f"{folder}: this run was started on another split. Choose another --out.")
    if data.get("outlines_sha256") != now["data"]["outlines_sha256"]:
        raise RunError(f"{folder}: this run was started with other outlines. Choose another --out.")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that compute, and the Keras backend in use."""
    import keras  # which takes seconds: a run can be read without it

    found = {"python": platform.python_version(), "backend": keras.backend.backend()}
    for package in _RECORDED_PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
