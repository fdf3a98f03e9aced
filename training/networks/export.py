"""A network becomes a graph (ONNX): what `cxr` answers with, without Keras or TensorFlow.

One graph from images to all that an answer needs: of the evidence network the evidence and the
lungs, of the published network the logit and its Grad-CAM, of the gate's network its answers. The
export ends by running both engines on the same images, and keeps no graph that answers otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf2onnx

from cxr.errors import BundleError
from cxr.gate.files import graph_outputs as gate_outputs
from cxr.gate.lungs import LungNetworkConfig
from cxr.model.bundle import WEIGHTS
from cxr.model.graph import GRAPH, Graph
from cxr.model.graph_verification import INPUT, OPSET, Shape
from cxr.model.network_config import NetworkConfig
from cxr.model.session import graph_outputs as model_outputs
from cxr.preprocessing import lung_preprocessing
from training.data.images import StoredImages
from training.files import write_atomically
from training.networks.lstm_export import HANDLERS as SWEEPS
from training.networks.lstm_export import calls_of_unknown_shape, with_carried_sweeps
from training.networks.repeatable import canonical, transposes_left_in_place
from training.networks.saving import save_weights

IMAGES = 32  # that both engines are compared on
LOGIT_TOLERANCE = 1e-4
MAP_TOLERANCE = 1e-3

Compute = Callable[[tf.Tensor], dict[str, tf.Tensor]]


def export_graph(
    compute: Compute,
    path: Path,
    *,
    side: int,
    outputs: Mapping[str, Shape],
    images: npt.NDArray[np.float32],
    batch: int | None = None,
) -> None:
    """Write what a function of images computes as a graph, and check it.

    Args:
        compute: from float32 (N, S, S, 1) to outputs by name, differentiable or not.
        path: the file.
        side: S.
        outputs: shapes of the outputs.
        images: float32 (M, S, S, 1), normalised, to compare both engines on.
        batch: N, where the graph needs it fixed: gradients do.

    Raises:
        BundleError: the graph answers otherwise than the function, or is none that `cxr` runs; the
            message has the differences.
    """
    signature = tf.TensorSpec((batch, side, side, 1), tf.float32, name=INPUT)
    traced = tf.function(compute, input_signature=[signature])

    def write(partial: Path) -> None:
        with calls_of_unknown_shape(), transposes_left_in_place():
            model, _ = tf2onnx.convert.from_function(
                traced,
                input_signature=[signature],
                opset=OPSET,
                custom_op_handlers=_GRADIENTS | SWEEPS,
            )
        partial.write_bytes(canonical(model).SerializeToString(deterministic=True))
        _compare(traced, Graph(partial, side=side, outputs=outputs), images, batch or len(images))

    write_atomically(path, write)


def _compare(traced: Compute, graph: Graph, images: npt.NDArray[np.float32], batch: int) -> None:
    worst: dict[str, float] = {}
    for start in range(0, len(images) - batch + 1, batch):
        some = images[start : start + batch]
        expected, found = traced(tf.constant(some)), graph.run(some)
        for name, value in found.items():
            difference = float(np.abs(value - expected[name].numpy()).max())
            worst[name] = float(np.maximum(worst.get(name, 0.0), difference))  # or NaN
    tolerances = {name: LOGIT_TOLERANCE if name == "logit" else MAP_TOLERANCE for name in worst}
    if any(not worst[name] <= tolerances[name] for name in worst):
        figures = ", ".join(f"{name} by {difference:.2g}" for name, difference in worst.items())
        raise BundleError(
            f"The exported graph answers otherwise than the network: {figures}. It was not kept."
        )


# --- Our networks -----------------------------------------------------------------------------


def write_network(
    network: keras.Model, config: NetworkConfig, folder: Path, *, images: npt.NDArray[np.float32]
) -> None:
    """Write a model's weights and its graph into a bundle's folder.

    Args:
        network: of `training.networks.network.build_network`.
        config: what it was built from.
        folder: of the bundle.
        images: float32 (M, S, S, 1), normalised, to compare both engines on.

    Raises:
        BundleError: the graph answers otherwise than the network.
    """
    published = config.architecture == "published"
    export_graph(
        _gradcam_of_published(network, config) if published else _evidence_and_lungs(network),
        folder / GRAPH,
        side=config.input_size,
        outputs=model_outputs(config),
        images=images[:IMAGES],
        batch=1 if published else None,
    )
    save_weights(network, folder / WEIGHTS)


def export_lung_network(
    network: keras.Model, config: LungNetworkConfig, path: Path, *, images: StoredImages
) -> None:
    """Write the gate's graph.

    Args:
        network: of `training.networks.lung_network.build_lung_network`.
        config: what it was built from.
        path: of the graph.
        images: (M, S, S) in [0, 1], to compare both engines on.

    Raises:
        BundleError: the graph answers otherwise than the network.
    """
    batch = lung_preprocessing(config.size).normalize(images[:IMAGES].astype(np.float32))
    export_graph(
        lambda image: network(image, training=False),
        path,
        side=config.size,
        outputs=gate_outputs(config),
        images=batch,
    )


def _evidence_and_lungs(network: keras.Model) -> Compute:
    network = with_carried_sweeps(network)

    def compute(image: tf.Tensor) -> dict[str, tf.Tensor]:
        _, _, evidence, _, weights = network(image, training=False)
        # What the graph calls lungs are the network's weights, not its lungs, which are logits.
        return {"evidence": evidence[..., 0], "lungs": weights[..., 0]}

    return compute


def _gradcam_of_published(network: keras.Model, config: NetworkConfig) -> Compute:
    """Logit and Grad-CAM, without the gradient of the last pooling, which cannot be exported.

    Grad-CAM's weights are means of the gradient over all places, and pooling hands each place's
    gradient on to one place: the means follow from the pooled features' gradient.
    """
    pooled = network.get_layer(f"pool_{len(config.widths)}").output
    features, logit = network.outputs
    seen = keras.Model(network.input, [features, pooled, logit])

    def compute(image: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(image)
            features, pooled, logit = seen(image, training=False)
        total = tf.reduce_sum(tape.gradient(logit, pooled), axis=(1, 2), keepdims=True)
        weights = total / (features.shape[1] * features.shape[2])
        evidence = tf.nn.relu(tf.reduce_sum(weights * features, axis=-1))
        return {"logit": logit[:, 0], "map": evidence}

    return compute


# --- Gradients within an LSTM, which tf2onnx does not know ----------------------------------------


def _sigmoid_gradient(context: Any, node: Any, name: str, _: Any) -> None:
    """Dy · y · (1 - y)."""
    y, dy = node.input
    _replace(context, node, name, dy, [y, _one_less(context, y)])


def _tanh_gradient(context: Any, node: Any, name: str, _: Any) -> None:
    """Dy · (1 - y²)."""
    y, dy = node.input
    square = context.make_node("Mul", [y, y]).output[0]
    _replace(context, node, name, dy, [_one_less(context, square)])


def _bias_gradient(context: Any, node: Any, name: str, _: Any) -> None:
    """The sum over all axes but the last."""
    (dy,) = node.input
    axes = np.arange(len(context.get_shape(dy)) - 1, dtype=np.int64)
    over = context.make_const(tf2onnx.utils.make_name("axes"), axes).output[0]
    shapes, dtypes, outputs = node.output_shapes, node.output_dtypes, node.output
    context.remove_node(node.name)
    context.make_node(
        "ReduceSum",
        [dy, over],
        attr={"keepdims": 0},
        name=name,
        outputs=outputs,
        shapes=shapes,
        dtypes=dtypes,
    )


def _one_less(context: Any, value: str) -> str:
    one = context.make_const(tf2onnx.utils.make_name("one"), np.float32(1)).output[0]
    return str(context.make_node("Sub", [one, value]).output[0])


def _replace(context: Any, node: Any, name: str, value: str, factors: list[str]) -> None:
    """Put the product of a value and factors in a node's place."""
    shapes, dtypes = node.output_shapes, node.output_dtypes
    context.remove_node(node.name)
    for factor in factors[:-1]:
        value = context.make_node("Mul", [value, factor]).output[0]
    context.make_node(
        "Mul", [value, factors[-1]], name=name, outputs=node.output, shapes=shapes, dtypes=dtypes
    )


_GRADIENTS: dict[str, tuple[Callable[..., None], list[str]]] = {
    "BiasAddGrad": (_bias_gradient, []),
    "SigmoidGrad": (_sigmoid_gradient, []),
    "TanhGrad": (_tanh_gradient, []),
}
