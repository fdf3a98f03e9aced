"""Films become logits, as the classifier's do, but in batches and on any backend."""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt

from cxr.preprocessing import Preprocessing

_CHUNK = 512  # films normalised at a time: a whole set as float32 is too much for small machines


def predict_logits(
    model: keras.Model,
    films: npt.NDArray[np.float16],
    preprocessing: Preprocessing,
    *,
    mirror: bool,
    batch_size: int = 64,
) -> npt.NDArray[np.float32]:
    """Logits of shape (N,), not yet calibrated.

    Args:
        model: returns a logit, or ``[features, logit]``.
        films: (N, S, S) in [0, 1].
        preprocessing: whose normalisation the model expects.
        mirror: average over each film and its mirror image.
        batch_size: films at a time.
    """
    found = [np.zeros(0, dtype=np.float32)]
    for start in range(0, len(films), _CHUNK):
        chunk = films[start : start + _CHUNK].astype(np.float32)
        batch = preprocessing.normalize(chunk)
        found.append(batch_logits(model, batch, mirror=mirror, batch_size=batch_size))
    return np.concatenate(found)


def batch_logits(
    model: keras.Model, batch: npt.NDArray[np.float32], *, mirror: bool, batch_size: int = 64
) -> npt.NDArray[np.float32]:
    """Logits of shape (N,) for a batch of shape (N, S, S, 1), as `Preprocessing` makes it."""

    def logits(films: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        answer = model.predict(films, batch_size=batch_size, verbose=0)
        return np.asarray(answer[-1] if isinstance(answer, list) else answer)[:, 0]

    found = logits(batch)
    return (found + logits(batch[:, :, ::-1])) / np.float32(2) if mirror else found
