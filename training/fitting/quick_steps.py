"""Makes steps quick: TensorFlow traces a step once, optimises no graph, and reuses memory.

A step of the evidence network has thousands of operations. TensorFlow traces it anew where it made
variables on the way, and an optimizer computes the learning rate anew for each kernel.
"""

from __future__ import annotations

import ctypes
import math
import sys
from typing import Any

import keras
import numpy as np
from keras import ops

_LEAST = 0.01  # of the highest rate, at the end
_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -3, -1  # in malloc.h of glibc
_MAX_REUSED = 32 << 20  # bytes; the highest that glibc takes
_KEPT_FREE = 512 << 20  # bytes


class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """The values of Keras's `CosineDecay` with a warm-up, without its branches.

    Each of two branches would become a graph of its own, for each kernel that decays.
    """

    def __init__(self, rate: float, *, start: float, warmup_steps: int, steps: int) -> None:
        """Rise from `start` to `rate` in the first of all steps, then fall to a hundredth of it."""
        super().__init__()
        self.rate, self.start = rate, start
        self.warmup_steps, self.steps = warmup_steps, steps

    def __call__(self, step: Any) -> keras.KerasTensor:
        """The learning rate at a step, as a scalar."""
        step = ops.minimum(ops.cast(step, "float32"), float(self.steps))
        rise = float(np.float32(self.rate) - np.float32(self.start))
        rising = rise * (step / float(max(self.warmup_steps, 1))) + self.start
        fraction = (step - float(self.warmup_steps)) / float(self.steps - self.warmup_steps)
        cosine = 0.5 * (1.0 + ops.cos(math.pi * fraction))
        falling = self.rate * ((1 - _LEAST) * cosine + _LEAST)
        return ops.where(step < float(self.warmup_steps), rising, falling)

    def get_config(self) -> dict[str, Any]:
        """What `__init__` takes."""
        return {
            "rate": self.rate,
            "start": self.start,
            "warmup_steps": self.warmup_steps,
            "steps": self.steps,
        }


def run_steps_as_traced() -> None:
    """Have TensorFlow, where Keras uses it, run graphs as they were traced, in this process.

    It would optimise each first (Grappler). For a step of the evidence network that takes eight to
    ten seconds, and the steps are no quicker for it.
    """
    if keras.backend.backend() == "tensorflow":
        tensorflow: Any = sys.modules["tensorflow"]  # Keras has imported it: a fit needs no other
        tensorflow.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


def make_variables(model: keras.Model, images: Any, *targets: Any) -> None:
    """Make all variables that a compiled model needs for its steps, of its losses and metrics, too.

    Args:
        model: whose weights are left as they are.
        images: a batch.
        targets: of that batch, then their weights if it has any.
    """
    model.optimizer.build(model.trainable_variables)
    predicted = model(images, training=False)
    model.compute_loss(images, targets[0], predicted, *targets[1:])
    model.compute_metrics(images, targets[0], predicted, *targets[1:])
    model.reset_metrics()


class KeepMemory(keras.callbacks.Callback):  # type: ignore[misc]
    """Let a step use the memory of the one before, where it is glibc that gives it.

    When TensorFlow begins to read batches from Python (`GeneratorDataset`), it has glibc return
    every freed array from 128 KiB on to the system at once. Each step then takes hundreds of MB
    anew, page by page: a fifth of its time at 128×128. After an epoch's first batch, that is
    undone. See mallopt(3).
    """

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:  # noqa: ARG002
        """Undo it."""
        if batch == 0 and sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
            libc.mallopt(_M_MMAP_THRESHOLD, _MAX_REUSED)
            libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_FREE)
