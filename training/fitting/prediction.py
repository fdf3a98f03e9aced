"""Images become logits, as the classifier's do, but in batches and on any backend."""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt

from cxr.model.evidence import lung_weights, pool_evidence
from cxr.model.network import has_evidence
from cxr.preprocessing import Preprocessing

Maps = npt.NDArray[np.float32]  # (N, h, w)

_CHUNK = 512  # images normalised at a time: a whole set as float32 is too much for small machines


def predict_logits(
    network: keras.Model,
    images: npt.NDArray[np.float16],
    preprocessing: Preprocessing,
    *,
    flip_tta: bool,
    batch_size: int = 64,
) -> npt.NDArray[np.float32]:
    """Logits of shape (N,), not yet calibrated.

    Args:
        network: as `cxr.model.network.build_network` makes it.
        images: (N, S, S) in [0, 1].
        preprocessing: whose normalisation the model expects.
        flip_tta: average over each image and its mirror image.
        batch_size: images at a time.
    """
    found = [np.zeros(0, dtype=np.float32)]
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK].astype(np.float32)
        batch = preprocessing.normalize(chunk)
        found.append(batch_logits(network, batch, flip_tta=flip_tta, batch_size=batch_size))
    return np.concatenate(found)


def batch_logits(
    network: keras.Model, batch: npt.NDArray[np.float32], *, flip_tta: bool, batch_size: int = 64
) -> npt.NDArray[np.float32]:
    """Logits of shape (N,) for a batch of shape (N, S, S, 1), as `Preprocessing` makes it."""

    def logits(images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.asarray(network.predict(images, batch_size=batch_size, verbose=0)[1])[:, 0]

    if flip_tta and has_evidence(network):
        return _mirrored_evidence(network, batch, batch_size)
    found = logits(batch)
    return (found + logits(batch[:, :, ::-1])) / np.float32(2) if flip_tta else found


def _mirrored_evidence(
    network: keras.Model, batch: npt.NDArray[np.float32], batch_size: int
) -> npt.NDArray[np.float32]:
    """Logits from the mean evidence and the mean lungs of images and mirror images."""

    def maps(images: npt.NDArray[np.float32]) -> tuple[Maps, Maps]:
        _, _, evidence, lungs = network.predict(images, batch_size=batch_size, verbose=0)
        return np.asarray(evidence)[..., 0], lung_weights(np.asarray(lungs)[..., 0])

    evidence, weights = maps(batch)
    mirrored_evidence, mirrored_weights = maps(batch[:, :, ::-1])
    return pool_evidence(
        (evidence + mirrored_evidence[:, :, ::-1]) / np.float32(2),
        (weights + mirrored_weights[:, :, ::-1]) / np.float32(2),
        sharpness=network.get_layer("logit").sharpness,
    )
