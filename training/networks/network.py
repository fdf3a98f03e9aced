"""The networks: hybrids of convolutions and LSTMs.

Each returns the last convolution's features and the logit, so that Grad-CAM neither rebuilds nor
changes it. Only Keras is used: any of its backends can train them.

    published   convolutions → LSTM over the rows of the last map → logit
    evidence    residual convolutions → lung gate → LSTMs along rows and columns → last convolution
                → evidence at each place → its smooth maximum over the lungs, the logit
"""

from __future__ import annotations

import keras
from keras import layers, ops

from cxr.model.evidence import MIN_WEIGHT
from cxr.model.network_config import NetworkConfig

_LUNG_WIDTH = 32
_SWAP = (0, 2, 1, 3)  # rows and columns


def build_network(config: NetworkConfig) -> keras.Model:
    """Build a network with fresh weights.

    Returns:
        A functional model from float32 (N, S, S, 1) to ``[features, logit]``: features of shape
        (N, h, w, C), never negative, and logit of shape (N, 1), positive towards pneumonia. The
        evidence network adds ``evidence``, ``lungs`` and ``weights``, all (N, h, w, 1): each
        place's evidence in the unit of the logit, the logit of its lying in a lung, and how much it
        counts, in [0, 1]. Its own logit follows from evidence and weights, as
        `cxr.model.evidence.pool_evidence` has it.
    """
    build = _published if config.architecture == "published" else _evidence
    image = keras.Input((config.input_size, config.input_size, 1), name="image")
    return keras.Model(image, build(image, config), name=config.architecture)


# --- The published network: three convolutions, one LSTM ------------------------------------------


def _published(image: keras.KerasTensor, config: NetworkConfig) -> list[keras.KerasTensor]:
    x = image
    for i, width in enumerate(config.widths):
        last = i == len(config.widths) - 1
        name = "features" if last else f"convolution_{i + 1}"
        features = layers.Conv2D(width, 3, activation="relu", name=name)(x)
        x = layers.MaxPooling2D(2, name=f"pool_{i + 1}")(features)
    height, width, channels = x.shape[1:]
    x = layers.Reshape((height, width * channels), name="sequence_of_rows")(x)
    # Unrolled: only so can its gradient be exported.
    x = layers.LSTM(config.lstm_units, unroll=True, name="lstm")(x)
    x = layers.Dropout(config.dropout, name="dropout")(x)
    return [features, layers.Dense(1, name="logit")(x)]


# --- Our network: its heatmap is its reason -------------------------------------------------------


def _evidence(image: keras.KerasTensor, config: NetworkConfig) -> list[keras.KerasTensor]:
    # An even kernel at stride 2, like the 2×2 pooling below, keeps each output cell centred on the
    # pixels it came from; a 3×3 kernel at stride 2 would shift the heatmap by half a cell.
    x = _convolution(image, config.stem_width, kernel=4, strides=2, name="stem")
    stages = list(zip(config.widths, config.blocks, strict=True))
    for stage, (width, blocks) in enumerate(stages, 1):
        if stage < len(stages):
            x = layers.AveragePooling2D(2, name=f"stage_{stage}_pool")(x)
        for block in range(1, blocks + 1):
            x = _residual_block(x, width, name=f"stage_{stage}_block_{block}")

    lungs = _lungs(x, config)
    # The evidence must not move the outline of the lungs to where it would like them to be.
    inside = ops.stop_gradient(ops.sigmoid(lungs))
    span = config.lungs_full - config.lungs_from
    weights = ops.clip((inside - config.lungs_from) / span, 0, 1)
    x = _standardize_within(x, weights)  # nothing outside the lungs is seen from here on

    rows = _sweep(x, config.lstm_units, name="sweep_rows")
    columns = _sweep(ops.transpose(x, _SWAP), config.lstm_units, name="sweep_columns")
    x = layers.Concatenate(name="swept")([x, rows, ops.transpose(columns, _SWAP)])
    x = layers.Dropout(config.dropout, name="dropout")(x)
    features = _convolution(x, config.last_width, name="last") * weights
    # Without a bias: no evidence where there is no feature, and Grad-CAM of the last convolution
    # is this map itself.
    evidence = layers.Conv2D(1, 1, use_bias=False, name="evidence")(features)
    logit = EvidencePooling(config.sharpness, name="logit")([evidence, weights])
    return [features, logit, evidence, lungs, weights]


def _lungs(x: keras.KerasTensor, config: NetworkConfig) -> keras.KerasTensor:
    """Logits (N, h, w, 1) of places lying in a lung."""
    seen = x
    if config.lungs_width:
        # Whether a dark place is lung or air beside an arm depends on what is far from it.
        context = layers.AveragePooling2D(2, name="lungs_pool")(x)
        for block in (1, 2):
            context = _residual_block(context, config.lungs_width, name=f"lungs_block_{block}")
        context = layers.UpSampling2D(2, interpolation="bilinear", name="lungs_up")(context)
        seen = layers.Concatenate(name="lungs_seen")([x, context])
    hidden = _convolution(seen, _LUNG_WIDTH, kernel=1, name="lungs_hidden")
    return layers.Conv2D(1, 1, name="lungs")(hidden)


def _standardize_within(x: keras.KerasTensor, weights: keras.KerasTensor) -> keras.KerasTensor:
    """Each channel's deviation from its mean over the radiograph's own lungs, nought outside.

    How a radiograph was taken moves the features of all its places alike; that is taken away
    (instance normalisation, Ulyanov 2016, arXiv 1607.08022, over the lungs instead of the image).
    """
    shares = weights / (ops.sum(weights, axis=(1, 2), keepdims=True) + 1e-3)
    mean = ops.sum(shares * x, axis=(1, 2), keepdims=True)
    variance = ops.sum(shares * ops.square(x - mean), axis=(1, 2), keepdims=True)
    return weights * (x - mean) / ops.sqrt(variance + 1e-2)


class EvidencePooling(layers.Layer):  # type: ignore[misc]
    """`pool` as a layer, which keeps the sharpness for Grad-CAM and prediction."""

    def __init__(self, sharpness: float, *, name: str) -> None:
        """Take the sharpness of `cxr.model.evidence.pool_evidence`."""
        super().__init__(name=name)
        self.sharpness = sharpness

    def call(self, maps: list[keras.KerasTensor]) -> keras.KerasTensor:
        """Evidence and weights, (N, h, w, 1) each, as logits (N, 1)."""
        evidence, weights = maps
        return pool(evidence, weights, self.sharpness)


def has_evidence(network: keras.Model) -> bool:
    """Whether this is an evidence network, with all five of its outputs."""
    return len(network.outputs) == 5


def pool(
    evidence: keras.KerasTensor, weights: keras.KerasTensor, sharpness: float
) -> keras.KerasTensor:
    """`cxr.model.evidence.pool_evidence` on tensors (N, h, w, 1) of any backend: logits (N, 1)."""
    weights = weights + MIN_WEIGHT
    highest = ops.stop_gradient(ops.max(evidence, axis=(1, 2), keepdims=True))
    powers = weights * ops.exp(sharpness * (evidence - highest))
    mean = ops.sum(powers, axis=(1, 2)) / ops.sum(weights, axis=(1, 2))
    return highest[:, 0, 0] + ops.log(mean) / sharpness


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
