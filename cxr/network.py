"""The networks: a convolutional stem whose last feature map is read by an LSTM.

Each returns two outputs, the last convolution's features and the logit, so that Grad-CAM neither
rebuilds nor changes it. Only Keras is used: any of its backends can train them.
"""

from __future__ import annotations

import keras
from keras import layers, ops

from cxr.network_config import NetworkConfig


def build_network(config: NetworkConfig) -> keras.Model:
    """Build a network with fresh weights.

    Returns:
        A functional model from float32 (N, S, S, 1) to ``[features, logit]``: features of shape
        (N, h, w, C), never negative, and logit of shape (N, 1), positive towards pneumonia.
    """
    build = _published if config.architecture == "published" else _residual
    image = keras.Input((config.input_size, config.input_size, 1), name="image")
    features, logit = build(image, config)
    return keras.Model(image, [features, logit], name=config.architecture)


# --- The published network: three convolutions, one LSTM ------------------------------------------


def _published(
    image: keras.KerasTensor, config: NetworkConfig
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    x = image
    for i, width in enumerate(config.widths):
        last = i == len(config.widths) - 1
        name = "features" if last else f"convolution_{i + 1}"
        features = layers.Conv2D(width, 3, activation="relu", name=name)(x)
        x = layers.MaxPooling2D(2, name=f"pool_{i + 1}")(features)
    height, width, channels = x.shape[1:]
    x = layers.Reshape((height, width * channels), name="sequence_of_rows")(x)
    x = layers.LSTM(config.lstm_units, name="lstm")(x)
    x = layers.Dropout(config.dropout, name="dropout")(x)
    return features, layers.Dense(1, name="logit")(x)


# --- Our network: residual stages, then LSTMs that sweep the map along rows and columns -----------


def _residual(
    image: keras.KerasTensor, config: NetworkConfig
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    # An even kernel at stride 2, like the 2×2 pooling below, keeps each output cell centred on the
    # pixels it came from; a 3×3 kernel at stride 2 would shift the heatmap by half a cell.
    x = _convolution(image, config.stem_width, kernel=4, strides=2, name="stem")
    for stage, (width, blocks) in enumerate(zip(config.widths, config.blocks, strict=True), 1):
        x = layers.AveragePooling2D(2, name=f"stage_{stage}_pool")(x)
        for block in range(1, blocks + 1):
            x = _residual_block(x, width, name=f"stage_{stage}_block_{block}")
    features = layers.Activation("linear", name="features")(x)

    x = _sweep(features, config.lstm_units, name="sweep_rows")
    x = layers.Permute((2, 1, 3), name="rows_to_columns")(x)
    x = _sweep(x, config.lstm_units, name="sweep_columns")
    # The mean keeps every position's say equal, which Grad-CAM's channel means assume.
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = layers.Dropout(config.dropout, name="dropout")(x)
    return features, layers.Dense(1, name="logit")(x)


def _convolution(
    x: keras.KerasTensor,
    width: int,
    *,
    kernel: int = 3,
    strides: int = 1,
    activation: bool = True,
    name: str,
) -> keras.KerasTensor:
    x = layers.Conv2D(
        width,
        kernel,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_convolution",
    )(x)
    x = layers.BatchNormalization(name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if activation else x


def _residual_block(x: keras.KerasTensor, width: int, *, name: str) -> keras.KerasTensor:
    """Two 3×3 convolutions and a shortcut (He 2015, arXiv 1512.03385)."""
    shortcut = x
    if x.shape[-1] != width:
        shortcut = _convolution(x, width, kernel=1, activation=False, name=f"{name}_shortcut")
    y = _convolution(x, width, name=f"{name}_a")
    y = _convolution(y, width, activation=False, name=f"{name}_b")
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([shortcut, y]))


def _sweep(x: keras.KerasTensor, units: int, *, name: str) -> keras.KerasTensor:
    """Read every row of a (N, h, w, C) map as a sequence, both ways: (N, h, w, 2 units).

    Rows are independent sequences, so w steps suffice for h·w positions (ReNet, Visin 2015,
    arXiv 1505.00393).
    """
    height, width, channels = x.shape[1:]
    rows = ops.reshape(x, (-1, width, channels))  # (N·h, w, C)
    # Unrolled: the steps are few, and a symbolic loop costs more than they do.
    lstm = layers.LSTM(units, return_sequences=True, unroll=True)
    rows = layers.Bidirectional(lstm, name=name)(rows)  # (N·h, w, 2 units)
    return ops.reshape(rows, (-1, height, width, 2 * units))
