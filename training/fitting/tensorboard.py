"""A fit's metrics for TensorBoard: python -m tensorboard.main --logdir DIR."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import keras
from tensorboard.summary import Writer

from cxr.errors import RunError, not_written
from training.files import reserve_space

_BYTES = 1 << 16  # more than an epoch's metrics take


class TensorBoardLog(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes each epoch's metrics. It needs no TensorFlow, so that it works with any backend."""

    def __init__(self, folder: Path) -> None:
        """Log into `folder`, which is made; TensorBoard shows each folder as one run."""
        super().__init__()
        self.folder = folder

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Open a file of events; a resumed fit adds another."""
        self._write(self._open)

    def _open(self) -> None:
        self.writer = Writer(str(self.folder))

    def _write(self, write: Callable[[], object]) -> None:
        room = self.folder / f"partial-{os.getpid()}-room"
        try:
            # What the writer's own thread fails to write, it would print as a traceback.
            self.folder.mkdir(parents=True, exist_ok=True)
            reserve_space(room, _BYTES)
            room.unlink()
            write()
        except OSError as error:
            with suppress(OSError):
                room.unlink(missing_ok=True)
            raise RunError(not_written(self.folder, error)) from error

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the epoch's metrics to disk, which the run's recorder has put into the logs.

        Raises:
            RunError: they cannot be written.
        """
        self._write(lambda: self._add(epoch, logs or {}))

    def _add(self, epoch: int, logs: dict[str, Any]) -> None:
        for name, value in logs.items():
            if name in ("epoch", "seconds", "learning_rate"):
                tag = name
            elif name.startswith("val_"):
                tag = f"{name.removeprefix('val_')}/validation"
            else:
                tag = f"{name}/training"
            self.writer.add_scalar(tag, value, epoch + 1)
        self.writer.flush()

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Close the file."""
        self.writer.close()
