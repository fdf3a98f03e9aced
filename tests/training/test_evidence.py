"""The evidence network: its heatmap is Grad-CAM, and the number follows from it."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf
import tf2onnx
from tf2onnx.optimizer.transpose_optimizer import TransposeOptimizer

from cxr.model.evidence import pool_evidence
from cxr.model.graph import GRAPH, Graph
from cxr.model.network_config import NetworkConfig
from cxr.model.session import graph_outputs
from training.fitting.prediction import batch_logits
from training.networks.export import write_network
from training.networks.gradcam import GradCAM
from training.networks.network import build_network

SIDE = 32
CONFIG = NetworkConfig(
    input_size=SIDE,
    stem_width=4,
    widths=(4, 8),
    blocks=(1, 1),
    lstm_units=4,
    last_width=6,
    lungs_width=4,
    lungs_from=0.4,
    lungs_full=0.8,
)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(3)
    network = build_network(CONFIG)
    # Lungs in some places and not in others, as a trained network has them.
    lungs = network(images(), training=False)[3].numpy()
    kernel, _ = network.get_layer("lungs").get_weights()
    scale = 4 / lungs.std()
    network.get_layer("lungs").set_weights([scale * kernel, np.array([-scale * lungs.mean()])])
    return network


@pytest.fixture(scope="module")
def batch() -> np.ndarray:
    return images()


def images() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((4, SIDE, SIDE, 1)).astype(np.float32)


def test_gradcam_by_gradient_is_the_evidence_up_to_one_factor(
    network: keras.Model, batch: np.ndarray
) -> None:
    image = tf.constant(batch)
    with tf.GradientTape() as tape:
        tape.watch(image)
        features, logit = network(image, training=False)[:2]
    gradient = tape.gradient(logit, features)
    weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)  # Selvaraju 2017, equation 1
    by_gradient = tf.nn.relu(tf.reduce_sum(weights * features, axis=-1)).numpy()

    _, maps = GradCAM(network)(batch)
    assert maps.max() > 0
    places = maps.shape[1] * maps.shape[2]
    np.testing.assert_allclose(by_gradient * places, maps, atol=1e-5)


@pytest.mark.parametrize("flip_tta", [False, True])
def test_the_number_follows_from_the_map(
    network: keras.Model, batch: np.ndarray, flip_tta: bool
) -> None:
    def maps(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        _, _, evidence, _, weights = network(images, training=False)
        return evidence.numpy()[..., 0], weights.numpy()[..., 0]

    evidence, weights = maps(batch)
    if flip_tta:
        mirrored_evidence, mirrored_weights = maps(batch[:, :, ::-1])
        evidence = (evidence + mirrored_evidence[:, :, ::-1]) / 2
        weights = (weights + mirrored_weights[:, :, ::-1]) / 2
    expected = pool_evidence(evidence, weights, sharpness=CONFIG.sharpness)

    logits, heat = GradCAM(network, flip_tta=flip_tta)(batch)
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    np.testing.assert_allclose(heat, np.maximum(evidence, 0), atol=1e-5)
    np.testing.assert_allclose(batch_logits(network, batch, flip_tta=flip_tta), expected, atol=1e-5)


def test_no_evidence_lies_outside_the_lungs(network: keras.Model, batch: np.ndarray) -> None:
    _, _, evidence, lungs, weights = (output.numpy() for output in network(batch, training=False))
    outside = 1 / (1 + np.exp(-lungs)) <= CONFIG.lungs_from
    np.testing.assert_array_equal(weights[outside], 0)
    assert 0 < outside.mean() < 1
    np.testing.assert_array_equal(evidence[outside], 0)


def test_the_graph_reads_rows_and_columns_with_one_operator_each(
    network: keras.Model, batch: np.ndarray, tmp_path: Path
) -> None:
    write_network(network, CONFIG, tmp_path, images=batch)  # compares both engines
    graph = onnx.load(tmp_path / GRAPH).graph
    operators = [node.op_type for node in graph.node]
    assert operators.count("LSTM") == 2
    assert "Tanh" not in operators  # no step of an LSTM on its own
    found = Graph(tmp_path / GRAPH, side=SIDE, outputs=graph_outputs(CONFIG)).run(batch)
    evidence = network(batch, training=False)[2].numpy()[..., 0]
    np.testing.assert_allclose(found["evidence"], evidence, atol=1e-5)


def test_an_export_moves_no_transposes(
    network: keras.Model, batch: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where tf2onnx moves them to depends on the order of sets: one file in thirty was another."""
    monkeypatch.setattr(TransposeOptimizer, "optimize", lambda *_: pytest.fail("one was moved"))
    before = list(tf2onnx.optimizer._optimizers)
    write_network(network, CONFIG, tmp_path, images=batch)
    assert list(tf2onnx.optimizer._optimizers) == before


def test_the_pooled_evidence_is_between_mean_and_maximum_of_the_lungs() -> None:
    evidence = np.zeros((1, 2, 2), np.float32)
    evidence[0, 0] = [3, 1]
    weights = np.array([[[1, 1], [0, 0]]], np.float32)
    expected = np.log((np.exp(2 * 3.0) + np.exp(2 * 1.0)) / 2) / 2

    assert pool_evidence(evidence, weights, sharpness=2)[0] == pytest.approx(expected, abs=1e-4)
    assert pool_evidence(evidence, weights, sharpness=1e-3)[0] == pytest.approx(2, abs=1e-2)
    assert pool_evidence(evidence, weights, sharpness=50)[0] == pytest.approx(3, abs=2e-2)


def test_one_hot_spot_suffices_and_without_it_the_number_falls() -> None:
    evidence = np.full((1, 8, 8), -2, np.float32)
    weights = np.ones((1, 8, 8), np.float32)
    without = pool_evidence(evidence, weights, sharpness=2)[0]
    evidence[0, 3, 4] = 6
    assert without == pytest.approx(-2)
    assert pool_evidence(evidence, weights, sharpness=2)[0] > 2
