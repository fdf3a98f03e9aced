"""Fit the lung network: masks of adults, then its own outlines of children's lungs."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
from keras import ops

from cxr.gate.lungs import LungNetworkConfig, LungReading, lung_fields
from cxr.gate.network import build_lung_network
from cxr.preprocessing import Preprocessing
from training.gate.batches import LungBatches, LungData, StoredImages

_LEARNING_RATE = 2e-3
_CHUNK = 512
# Which of its own outlines are good enough to learn from, as seen on contact sheets.
_MOST_DOUBT = 1.0
_AREA = (0.10, 0.50)
_SMALLER_FIELD = 0.04


def fit_lung_network(
    data: LungData,
    config: LungNetworkConfig,
    *,
    epochs: tuple[int, int],
    batches: int = 100,
    seed: int,
) -> keras.Model:
    """Fit in two rounds.

    The first learns from adults' masks; with it, children's lungs are outlined, and the second
    learns from those as well (pseudo-labels, Lee 2013).

    Args:
        data: what to learn from; its child masks are replaced.
        config: which network.
        epochs: of each round.
        batches: in an epoch.
        seed: of weights, batches and dropout.
    """
    keras.utils.set_random_seed(seed)
    network = build_lung_network(config)
    # The embedding has nothing to be compared with.
    answers = {name: output for name, output in network.output.items() if name != "embedding"}
    trainee = keras.Model(network.input, answers)
    for number, until in enumerate(epochs):
        if number:
            masks = outline(network, data.children)
            data = replace(data, child_masks=masks)
        steps = until * batches
        schedule = keras.optimizers.schedules.CosineDecay(
            _LEARNING_RATE / 20,
            steps - steps // 10,
            alpha=0.01,
            warmup_target=_LEARNING_RATE,
            warmup_steps=steps // 10,
        )
        trainee.compile(
            optimizer=keras.optimizers.AdamW(schedule, weight_decay=0.02, clipnorm=1.0),
            loss={
                "lungs": lung_loss,
                "kind": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                "adult": keras.losses.BinaryCrossentropy(from_logits=True),
            },
            loss_weights={"lungs": 1.0, "kind": 0.5, "adult": 0.2},
        )
        trainee.fit(
            LungBatches(data, batches=batches, seed=seed + 1000 * number),
            epochs=until,
            shuffle=False,  # the batches have their own order
            verbose=2,
        )
    return network


def lung_loss(targets: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
    """Cross-entropy, for every pixel, plus 1 - Dice, for the whole: of shape (N,)."""
    pixels = ops.mean(ops.binary_crossentropy(targets, logits, from_logits=True), axis=(1, 2, 3))
    inside = ops.sigmoid(logits)
    both = ops.sum(targets * inside, axis=(1, 2, 3))
    sizes = ops.sum(targets, axis=(1, 2, 3)) + ops.sum(inside, axis=(1, 2, 3))
    return pixels + 1 - (2 * both + 10) / (sizes + 10)


def read_lungs(
    network: keras.Model, images: StoredImages, *, flip_tta: bool = False
) -> LungReading:
    """What the network says of images (N, S, S) in [0, 1].

    Args:
        network: of `build_lung_network`.
        images: any number.
        flip_tta: average outlines, and only them, over each image and its mirror image.
    """
    preprocessing = Preprocessing(size=images.shape[1])
    answers = []
    for start in range(0, len(images), _CHUNK):
        batch = preprocessing.normalize(images[start : start + _CHUNK].astype(np.float32))
        answer = network.predict(batch, batch_size=32, verbose=0)
        if flip_tta:
            mirrored = network.predict(batch[:, :, ::-1], batch_size=32, verbose=0)["lungs"]
            answer["lungs"] = (answer["lungs"] + mirrored[:, :, ::-1]) / 2
        answers.append(answer)
    return LungReading.from_logits(
        {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}
    )


def outline(network: keras.Model, images: StoredImages) -> StoredImages:
    """The network's own masks of images (N, S, S), 0 or 1; not a number where it is in doubt."""
    masks = np.full(images.shape, np.nan, dtype=np.float16)
    for row, lungs in enumerate(read_lungs(network, images, flip_tta=True).lungs):
        fields = lung_fields(lungs)
        sure = fields.doubt < _MOST_DOUBT and fields.areas[1] > _SMALLER_FIELD
        if sure and _AREA[0] < fields.area < _AREA[1]:
            masks[row] = fields.mask
    return masks
