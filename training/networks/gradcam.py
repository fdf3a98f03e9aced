"""Grad-CAM: where on the radiograph the evidence for pneumonia lies.

Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
Localization", arXiv 1610.02391. Equation 1 gives the weights, equation 2 the map. Two of its
relatives are here as well, so that they can be measured against it (`training explain-check`).
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from cxr.errors import BackendError
from cxr.model.heatmap import Method
from training.networks.network import has_evidence, pool


class GradCAM:
    """Logits and class activation maps of a network, from one compiled call.

    The call runs the network once. Of the evidence network the map has a closed form: Grad-CAM's
    weights are the evidence layer's up to one factor, so the map is the evidence, as far as it
    speaks for pneumonia. Of others, the logit is differentiated, through the LSTM, with respect to
    the last convolution's features; the convolutions themselves are not differentiated.
    """

    def __init__(
        self, network: keras.Model, *, method: Method = "gradcam", flip_tta: bool = False
    ) -> None:
        """Prepare a network.

        Args:
            network: as `training.networks.network.build_network` makes it.
            method: how features and gradient become a map.
            flip_tta: answer with the mean over a radiograph and its mirror image, logit and map
                alike. Of the evidence network, evidence and lungs are averaged, and the logit
                follows.

        Raises:
            BackendError: Keras runs on another backend than TensorFlow.
        """
        if keras.backend.backend() != "tensorflow":
            raise BackendError(
                "Grad-CAM expects Keras on TensorFlow. Received: KERAS_BACKEND="
                f"{keras.backend.backend()}. Unset KERAS_BACKEND, or set it to tensorflow."
            )
        self.network = network
        self._combine = _METHODS[method]
        self._flip_tta = flip_tta
        explain = self._explain
        if method == "gradcam" and has_evidence(network):
            explain = self._explain_by_evidence
        signature = tf.TensorSpec((None, *network.input_shape[1:]), tf.float32)
        self._compiled = tf.function(explain, input_signature=[signature])

    def __call__(
        self, batch: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Explain a batch.

        Args:
            batch: float32 of shape (N, S, S, 1), as `Preprocessing` makes it.

        Returns:
            Logits of shape (N,), and maps of shape (N, h, w), float32, at least 0, not yet scaled:
            the evidence in the unit of the logit, or Grad-CAM in that unit per feature. Either is
            comparable between radiographs.
        """
        logits, maps = self._compiled(batch)
        return logits.numpy(), maps.numpy()

    def _explain(self, batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        if not self._flip_tta:
            return self._explain_once(batch)
        logits, maps = self._explain_once(_with_mirror_images(batch))
        logit, mirrored_logit = tf.split(logits, 2)
        return (logit + mirrored_logit) / 2, _over_mirror_images(maps)

    def _explain_once(self, batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(batch)
            features, logit = self.network(batch, training=False)[:2]
        # Summed over the batch, whose radiographs do not interact: each radiograph's gradient is
        # its own.
        gradient = tape.gradient(logit, features)
        return logit[:, 0], self._combine(features, gradient)

    def _explain_by_evidence(self, batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        seen = _with_mirror_images(batch) if self._flip_tta else batch
        _, logits, evidence, _, weights = self.network(seen, training=False)
        if not self._flip_tta:
            return logits[:, 0], tf.nn.relu(evidence[..., 0])
        evidence = _over_mirror_images(evidence)
        weights = _over_mirror_images(weights)
        sharpness = self.network.get_layer("logit").sharpness
        return pool(evidence, weights, sharpness)[:, 0], tf.nn.relu(evidence[..., 0])


def _with_mirror_images(batch: tf.Tensor) -> tf.Tensor:
    return tf.concat([batch, batch[:, :, ::-1]], axis=0)


def _over_mirror_images(maps: tf.Tensor) -> tf.Tensor:
    """Means of maps (2 N, h, w, …) over radiographs and mirror images: (N, h, w, …)."""
    seen, mirrored = tf.split(maps, 2)
    return (seen + mirrored[:, :, ::-1]) / 2


# --- Features and gradient (N, h, w, C) -> map (N, h, w), at least 0 ------------------------------


def _gradcam(features: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)  # eq. 1: (N, 1, 1, C)
    return tf.nn.relu(tf.reduce_sum(weights * features, axis=-1))  # eq. 2


def _hirescam(features: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """Each place by its own gradient (Draelos 2020, arXiv 2011.08891, equation 4)."""
    return tf.nn.relu(tf.reduce_sum(gradient * features, axis=-1))


def _gradcam_plus_plus(features: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """Chattopadhay 2018, arXiv 1710.11063, equations 5 and 19, of the logit's exponential."""
    square, cube = gradient**2, gradient**3
    total = tf.reduce_sum(features, axis=(1, 2), keepdims=True)
    alpha = tf.math.divide_no_nan(square, 2 * square + total * cube)
    weights = tf.reduce_sum(alpha * tf.nn.relu(gradient), axis=(1, 2), keepdims=True)
    return tf.nn.relu(tf.reduce_sum(weights * features, axis=-1))


_METHODS: dict[Method, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "gradcam": _gradcam,
    "hirescam": _hirescam,
    "gradcam++": _gradcam_plus_plus,
}
