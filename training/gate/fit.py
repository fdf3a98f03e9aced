"""Fits the lung network: on masks that people drew, then also on its own masks of other images."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
from keras import ops

from cxr.cores import cores
from cxr.gate.lungs import LungNetworkConfig
from training.data.images import Outlines
from training.data.masks import predict_masks
from training.fitting.quick_steps import (
    KeepMemory,
    WarmupCosine,
    make_variables,
    run_steps_as_traced,
)
from training.gate.batches import LungBatches, LungData
from training.networks.lung_network import build_lung_network, lung_computer

_LEARNING_RATE = 2e-3
_SMOOTHING = 10  # pixels that 1 - Dice is smoothed by: it is 0, not undefined, without any lung


def fit_lung_network(
    data: LungData,
    config: LungNetworkConfig,
    *,
    epochs: tuple[int, int],
    batches: int = 100,
    seed: int,
) -> keras.Model:
    """Fit a network in two rounds.

    The first round learns from the masks that people drew. The network then outlines the lungs of
    the children whose lungs nobody outlined, and the second round learns from these masks as well
    (pseudo-labels, Lee 2013).

    Args:
        data: what to learn from.
        config: which network.
        epochs: of each round.
        batches: in an epoch.
        seed: of weights, batches and dropout.

    Returns:
        The fitted network, as `training.networks.lung_network.build_lung_network` builds it.
    """
    run_steps_as_traced()
    keras.utils.set_random_seed(seed)
    network = build_lung_network(config)
    # The embedding has no target, so it is left out of what is fitted.
    outputs = {name: output for name, output in network.output.items() if name != "embedding"}
    fitted = keras.Model(network.input, outputs)
    for number, round_epochs in enumerate(epochs):
        if number:
            data = replace(data, child_masks=_completed_masks(network, data))
        steps = round_epochs * batches
        schedule = WarmupCosine(
            _LEARNING_RATE, start=_LEARNING_RATE / 20, warmup_steps=steps // 10, steps=steps
        )
        fitted.compile(
            optimizer=keras.optimizers.AdamW(schedule, weight_decay=0.02, clipnorm=1.0),
            loss={
                "lungs": lung_loss,
                "kind": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                "adult": keras.losses.BinaryCrossentropy(from_logits=True),
            },
            loss_weights={"lungs": 1.0, "kind": 0.5, "adult": 0.2},
        )
        rounds_batches = LungBatches(
            data, batches=batches, seed=seed + 1000 * number, workers=cores()
        )
        make_variables(fitted, *rounds_batches[0])
        fitted.fit(
            rounds_batches,
            epochs=round_epochs,
            shuffle=False,  # the batches are random already
            verbose=2,
            callbacks=[KeepMemory()],
        )
    return network


def _completed_masks(network: keras.Model, data: LungData) -> Outlines:
    """The children's masks, with the network's own where none is known and it is certain."""
    masks = data.child_masks.copy()
    unknown = np.isnan(masks[:, 0, 0])
    if unknown.any():
        masks[unknown] = predict_masks(lung_computer(network), data.children[unknown])
    return masks


def lung_loss(targets: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
    """Mean cross-entropy over the pixels plus 1 - Dice.

    Args:
        targets: (N, S, S, 1), 0 or 1.
        logits: (N, S, S, 1).

    Returns:
        The loss of each image, (N,).
    """
    pixels = ops.mean(ops.binary_crossentropy(targets, logits, from_logits=True), axis=(1, 2, 3))
    inside = ops.sigmoid(logits)
    overlap = ops.sum(targets * inside, axis=(1, 2, 3))
    sizes = ops.sum(targets, axis=(1, 2, 3)) + ops.sum(inside, axis=(1, 2, 3))
    return pixels + 1 - (2 * overlap + _SMOOTHING) / (sizes + _SMOOTHING)
