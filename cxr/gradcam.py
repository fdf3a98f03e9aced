"""Grad-CAM: where on the film the evidence for pneumonia lies.

Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
Localization", arXiv 1610.02391. Equation 1 gives the weights, equation 2 the map.
"""

from __future__ import annotations

import cv2
import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from cxr.errors import BackendError


class GradCAM:
    """Logits and class activation maps of a network, from one compiled call.

    The call runs the network once and differentiates its logit, through the LSTM, with respect to
    the last convolution's features; the convolutions themselves are not differentiated.
    """

    def __init__(self, network: keras.Model) -> None:
        """Prepare a network.

        Args:
            network: returns ``[features, logit]``, as `cxr.network.build_network` makes it.

        Raises:
            BackendError: Keras runs on another backend than TensorFlow.
        """
        if keras.backend.backend() != "tensorflow":
            raise BackendError(
                "Grad-CAM expects Keras on TensorFlow. Received: KERAS_BACKEND="
                f"{keras.backend.backend()}. Unset KERAS_BACKEND, or set it to tensorflow."
            )
        self.network = network
        signature = tf.TensorSpec((None, *network.input_shape[1:]), tf.float32)
        self._compiled = tf.function(self._explain, input_signature=[signature])

    def __call__(
        self, batch: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Explain a batch.

        Args:
            batch: float32 of shape (N, S, S, 1), as `Preprocessing` makes it.

        Returns:
            Logits of shape (N,), and maps of shape (N, h, w), float32, at least 0, in the unit of
            the logit per feature: comparable between films, not yet scaled.
        """
        logits, maps = self._compiled(batch)
        return logits.numpy(), maps.numpy()

    def _explain(self, batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(batch)
            features, logit = self.network(batch, training=False)
        # Summed over the batch, whose films do not interact: each film's gradient is its own.
        gradient = tape.gradient(logit, features)
        weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)  # eq. 1: (N, 1, 1, C)
        maps = tf.nn.relu(tf.reduce_sum(weights * features, axis=-1))  # eq. 2: (N, h, w)
        return logit[:, 0], maps


def scale_heatmap(
    activation: npt.NDArray[np.float32], *, reference: float, shape: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Bring one map to [0, 1] and onto a film's pixel grid.

    Maps are divided by one `reference` for all films, which belongs to the model, and cut at 1. So
    equal colours mean equal evidence on any two films, and a film with nothing to show stays dark;
    dividing each map by its own maximum would make every film glow.

    Args:
        activation: float32 of shape (h, w), at least 0.
        reference: the activation that becomes 1, above 0.
        shape: height and width of the film.

    Returns:
        float32 of shape `shape` in [0, 1]; zero stays zero.
    """
    height, width = shape
    scaled = np.clip(activation / np.float32(reference), 0, 1)
    resized = cv2.resize(scaled, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.float32)
