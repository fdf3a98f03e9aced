"""The lung network: where the lungs are, and what kind of image this is.

A U-Net (Ronneberger 2015, arXiv 1505.04597) whose decoder outlines the lung fields. Its deepest
features also feed two classifiers: one tells frontal chest radiographs from other images, the other
adults from children. Learning to outline lungs gives features that also show when there are none.
"""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from cxr.gate.lungs import KINDS, LungNetworkConfig
from training.data.masks import ComputeLungs


def build_lung_network(config: LungNetworkConfig) -> keras.Model:
    """Build the network with fresh weights.

    Returns:
        A functional model from float32 (N, S, S, 1), each image standardised by itself, to a
        dictionary: ``lungs`` (N, S, S, 1), logits, positive inside lungs; ``kind`` (N, K), logits
        in the order of `KINDS`; ``adult`` (N, 1), logits; ``embedding`` (N, E), the features that
        the two classifiers are computed from.
    """
    image = keras.Input((config.size, config.size, 1), name="image")
    x, skips = image, []
    for level, width in enumerate(config.widths[:-1]):
        x = _convolutions(x, width, name=f"down_{level}")
        skips.append(x)
        x = layers.MaxPooling2D(2, name=f"pool_{level}")(x)
    x = _convolutions(x, config.widths[-1], name="bottom")
    embedding = layers.Concatenate(name="embedding")(
        [
            layers.GlobalAveragePooling2D(name="mean")(x),
            layers.GlobalMaxPooling2D(name="max")(x),
        ]
    )
    for level in reversed(range(len(skips))):
        x = layers.UpSampling2D(2, interpolation="bilinear", name=f"unpool_{level}")(x)
        x = layers.Concatenate(name=f"join_{level}")([x, skips[level]])
        x = _convolutions(x, config.widths[level], name=f"up_{level}")
    dropped = layers.Dropout(0.3, name="dropout")(embedding)
    outputs = {
        "lungs": layers.Conv2D(1, 1, name="lungs")(x),
        "kind": layers.Dense(len(KINDS), name="kind")(dropped),
        "adult": layers.Dense(1, name="adult")(dropped),
        "embedding": embedding,
    }
    return keras.Model(image, outputs, name="lungs")


def _convolutions(x: keras.KerasTensor, width: int, *, name: str) -> keras.KerasTensor:
    for letter in ("a", "b"):
        x = layers.Conv2D(
            width,
            3,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"{name}_{letter}",
        )(x)
        x = layers.BatchNormalization(name=f"{name}_{letter}_norm")(x)
        x = layers.ReLU(name=f"{name}_{letter}_relu")(x)
    return x


def lung_computer(network: keras.Model) -> ComputeLungs:
    """What a lung network answers for images, as `training.data.masks.compute_lungs` takes it."""

    def compute(batch: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
        answer: dict[str, npt.NDArray[np.float32]] = network.predict_on_batch(batch)
        return answer

    return compute
