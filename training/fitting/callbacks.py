"""What a fit does beside gradient steps: it shows progress, validates, and saves checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from cxr.errors import RunError
from training.fitting.config import LAST, TrainingConfig
from training.fitting.prediction import predict_logits
from training.fitting.run_folder import RunFolder, rounded
from training.metrics import plots
from training.metrics.documents import HistoryRow
from training.metrics.evaluation import classification_metrics

_CURVES_EVERY = 10  # seconds
_MAX_STEPS = 1_000_000  # in an epoch


class Diverged(RunError):
    """The loss or the answers are not finite any more."""

    def __init__(self, run: RunFolder) -> None:
        """Name the run."""
        super().__init__(
            f"{run.folder}: the training diverged: its loss or its answers are not finite any "
            "more. Choose a lower learning rate, and another --out."
        )


class ProgressBar(keras.callbacks.Callback):  # type: ignore[misc]
    """One progress bar for the whole fit, with the time that is left."""

    def __init__(self, *, epochs: int, steps: int, initial_epoch: int) -> None:
        """Expect `epochs` epochs of `steps` batches, of which `initial_epoch` are done."""
        super().__init__()
        self.total, self.initial = epochs * steps, initial_epoch * steps

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Show the bar."""
        self.bar = tqdm(
            total=self.total, initial=self.initial, desc="fit", unit="batch", mininterval=1
        )

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Move the bar."""
        self.bar.update()
        if logs:
            self.bar.set_postfix(loss=f"{logs['loss']:.3f}", refresh=False)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Leave the bar as it is."""
        self.bar.close()


class RunRecorder(keras.callbacks.Callback):  # type: ignore[misc]
    """After each epoch validates, prints, writes the history, and saves a checkpoint.

    The curves are drawn after the last epoch, and before it every ten seconds at most.
    """

    def __init__(
        self,
        run: RunFolder,
        config: TrainingConfig,
        network: keras.Model,
        images: npt.NDArray[np.float16],
        labels: npt.NDArray[np.int64],
    ) -> None:
        """Record into `run`.

        Args:
            run: the run folder.
            config: of the fit.
            network: that is trained; the weights of its best epoch are saved if asked for.
            images: validation images, (N, S, S) in [0, 1]; there may be none.
            labels: (N,), 0 or 1.
        """
        super().__init__()
        self.run = run
        self.config = config
        self.network = network
        self.images = images
        self.labels = labels
        self.drawn = time.perf_counter()  # when the curves were, or the fit began

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Seed the epoch's dropout, whose state is not in checkpoints."""
        self.began = time.perf_counter()
        for layer in self.model.layers:
            if isinstance(layer, keras.layers.Dropout) and layer.rate:
                # Each step adds 1: the next epoch's steps must not repeat this one's.
                layer.seed_generator.state.assign([self.config.seed, epoch * _MAX_STEPS])

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Record the epoch that has ended; Keras counts epochs from 0."""
        logs = {} if logs is None else logs
        if not math.isfinite(logs["loss"]):
            raise Diverged(self.run)
        row: HistoryRow = {
            "epoch": epoch + 1,
            "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
            "loss": float(logs["loss"]),
            "accuracy": float(logs.get("accuracy", logs.get("logit_accuracy", math.nan))),
            **self._validate(),
        }
        row = rounded({**row, "seconds": time.perf_counter() - self.began})
        logs.update(row)  # for the callbacks that come after this one
        tqdm.write(_line(row, self.config.epochs))
        history = [*self.run.read_history(epoch), row]
        kept = None if self.config.select_by == LAST else self.config.best_epoch(history)
        if kept == epoch + 1:
            with _averaged_weights(self.model, self.config):
                self.run.save_best(self.network, kept)
        self.run.save_history(history)
        # Drawing takes a second, and so may an epoch of a small network.
        if epoch + 1 == self.config.epochs or time.perf_counter() - self.drawn >= _CURVES_EVERY:
            plots.save(plots.learning_curves(history, kept=kept), self.run.learning_curves)
            self.drawn = time.perf_counter()
        self.run.save_checkpoint(self.model, epoch + 1, best=kept)

    def _validate(self) -> HistoryRow:
        """Metrics on the validation images, with the weights that would be kept."""
        if not len(self.images):
            return {}
        with _averaged_weights(self.model, self.config):
            logits = predict_logits(
                self.network, self.images, self.config.preprocessing, flip_tta=self.config.flip_tta
            )
        if not np.isfinite(logits).all():
            raise Diverged(self.run)
        metrics = classification_metrics(self.labels, logits)
        return {f"val_{name}": value for name, value in metrics}


@contextmanager
def _averaged_weights(model: keras.Model, config: TrainingConfig) -> Iterator[None]:
    """Give a model its averaged weights for a while, which are the ones that a fit keeps."""
    if not config.uses_ema:
        yield
        return
    swap = keras.callbacks.SwapEMAWeights()
    swap.set_model(model)
    # With the hooks of `evaluate`: in Keras 3.15.1 those of `predict` do not swap back.
    swap.on_test_begin()
    try:
        yield
    finally:
        swap.on_test_end()


def _line(row: HistoryRow, epochs: int) -> str:
    names = ["loss", "accuracy", "val_loss", "val_auc", "val_sensitivity", "val_specificity"]
    values = "  ".join(
        f"{name.replace('val_', 'val ')} {row[name]:.4f}" for name in names if name in row
    )
    return f"epoch {row['epoch']:.0f}/{epochs}  {values}"
