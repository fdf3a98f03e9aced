"""Logits and evidence of many images, as the classifier computes them, but in batches."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import numpy.typing as npt

from cxr.model.evidence import pool_evidence
from cxr.preprocessing import Preprocessing
from training.networks.network import has_evidence

Batch = npt.NDArray[np.float32]  # (N, S, S, 1), as `Preprocessing` makes it
Logits = npt.NDArray[np.float32]  # (N,), not calibrated
Evidence = npt.NDArray[np.float32]  # (N, h, w)

_CHUNK = 512  # images normalised at a time: all as float32 may not fit into memory
_BATCH, _EXPLAINED = 64, 32  # images that a network answers, and explains, at a time


def predict_logits(
    network: keras.Model,
    images: npt.NDArray[np.float16],
    preprocessing: Preprocessing,
    *,
    flip_tta: bool,
) -> Logits:
    """Logits of shape (N,), not calibrated, on any backend.

    Args:
        network: as `training.networks.network.build_network` makes it.
        images: (N, S, S) in [0, 1].
        preprocessing: whose normalisation the model expects.
        flip_tta: average over each image and its mirror image.
    """
    found = [np.zeros(0, dtype=np.float32)]
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK].astype(np.float32)
        batch = preprocessing.normalize(chunk)
        found.append(batch_logits(network, batch, flip_tta=flip_tta))
    return np.concatenate(found)


def batch_logits(network: keras.Model, batch: Batch, *, flip_tta: bool) -> Logits:
    """Logits of shape (N,) of images (N, S, S, 1) as `Preprocessing` makes them."""

    def logits(images: Batch) -> Logits:
        return _outputs(network, images)[1][:, 0]

    if flip_tta and has_evidence(network):
        return _mirrored_evidence(network, batch)
    found = logits(batch)
    return (found + logits(batch[:, :, ::-1])) / np.float32(2) if flip_tta else found


def _mirrored_evidence(network: keras.Model, batch: Batch) -> Logits:
    """Logits from evidence and weights averaged over images and mirror images."""

    def maps(images: Batch) -> tuple[Evidence, Evidence]:
        _, _, evidence, _, weights = _outputs(network, images)
        return evidence[..., 0], weights[..., 0]

    evidence, weights = maps(batch)
    mirrored_evidence, mirrored_weights = maps(batch[:, :, ::-1])
    return pool_evidence(
        (evidence + mirrored_evidence[:, :, ::-1]) / np.float32(2),
        (weights + mirrored_weights[:, :, ::-1]) / np.float32(2),
        sharpness=network.get_layer("logit").sharpness,
    )


def _outputs(network: keras.Model, images: Batch) -> list[npt.NDArray[np.float32]]:
    """Every output of a network for at least one image."""
    # `predict` would set up a dataset at each call, which takes longer than a small batch does.
    batches = [
        network.predict_on_batch(np.ascontiguousarray(images[i : i + _BATCH]))
        for i in range(0, len(images), _BATCH)
    ]
    return [np.concatenate(output) for output in zip(*batches, strict=True)]


def explain_in_batches(
    explain: Callable[[Batch], tuple[Logits, Evidence]], batch: Batch
) -> tuple[Logits, Evidence]:
    """Logits (N,) and evidence (N, h, w), a few images at a time, since gradients need memory.

    Args:
        explain: as `training.networks.gradcam.GradCAM` does it.
        batch: (N, S, S, 1), as `Preprocessing` makes it; at least one image.
    """
    answers = [explain(batch[i : i + _EXPLAINED]) for i in range(0, len(batch), _EXPLAINED)]
    logits, evidence = zip(*answers, strict=True)
    return np.concatenate(logits), np.concatenate(evidence)
