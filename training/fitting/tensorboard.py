"""A fit's metrics for TensorBoard: python -m tensorboard.main --logdir DIR."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
from tensorboard.summary import Writer


class TensorBoardLog(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes each epoch's metrics. It needs no TensorFlow, so that it works with any backend."""

    def __init__(self, folder: Path) -> None:
        """Log into `folder`, which is made; TensorBoard shows each folder as one run."""
        super().__init__()
        self.folder = folder

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Open a file of events; a resumed fit adds another."""
        self.writer = Writer(str(self.folder))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the epoch's metrics to disk, which the run's recorder has put into the logs."""
        for name, value in (logs or {}).items():
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
