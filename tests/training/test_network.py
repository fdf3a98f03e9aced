"""The networks: two outputs, a fine enough map, cells that sit where they look."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from cxr.model.network_config import NetworkConfig
from training.fitting.presets import baseline, default
from training.networks.network import build_network

TINY = NetworkConfig(input_size=32, stem_width=4, widths=(4, 8), blocks=(1, 1), lstm_units=4)


@pytest.mark.parametrize("config", [default.CONFIG.network, baseline.CONFIG.network], ids=str)
def test_presets_give_features_and_a_logit(config: NetworkConfig) -> None:
    network = build_network(config)
    side = config.input_size
    batch = np.random.default_rng(0).random((2, side, side, 1), dtype=np.float32)
    features, logit = network(batch, training=False)[:2]
    assert features.shape[1] >= 12
    assert features.shape[2] >= 12
    assert logit.shape == (2, 1)
    assert float(keras.ops.min(features)) >= 0


def test_the_default_has_an_lstm_and_fits_in_ten_megabytes() -> None:
    network = build_network(default.CONFIG.network)
    assert network.count_params() * 4 < 10e6
    kinds = {type(layer) for layer in network.layers}
    assert keras.layers.Bidirectional in kinds


def test_images_of_a_batch_do_not_interact() -> None:
    keras.utils.set_random_seed(0)
    network = build_network(TINY)
    batch = np.random.default_rng(0).random((3, 32, 32, 1), dtype=np.float32)
    together = network(batch, training=False)[1].numpy()
    apart = np.concatenate([network(batch[i : i + 1], training=False)[1] for i in range(3)])
    np.testing.assert_allclose(together, apart, rtol=1e-4, atol=1e-6)


def test_each_feature_is_centred_on_its_patch() -> None:
    """Where a cell looks, with equal weights everywhere, is symmetric about its own centre."""
    network = build_network(NetworkConfig(input_size=160, widths=(4, 4, 4), blocks=(1, 1, 1)))
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.set_weights([np.full_like(w, 0.1) for w in layer.get_weights()])
    image = tf.ones((1, 160, 160, 1))
    row, column = 9, 11
    with tf.GradientTape() as tape:
        tape.watch(image)
        # The lungs' head: what comes after it reads whole rows and columns.
        value = tf.reduce_sum(network(image, training=False)[3][0, row, column])
    seen = tape.gradient(value, image).numpy()[0, :, :, 0]
    centres = np.arange(160) + 0.5
    assert (seen.sum(axis=1) @ centres) / seen.sum() == pytest.approx((row + 0.5) * 8, abs=0.01)
    assert (seen.sum(axis=0) @ centres) / seen.sum() == pytest.approx((column + 0.5) * 8, abs=0.01)


def test_configuration_survives_json() -> None:
    document = {"widths": [4, 8], "blocks": [1, 1], "input_size": 32, "stem_width": 4}
    config = NetworkConfig.from_json(document)
    assert config.widths == (4, 8)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"architecture": "vit"}, "Received: architecture='vit'"),
        ({"input_size": 100}, "Received: input_size=100"),
        ({"sharpness": 0}, "Received: sharpness=0"),
        ({"blocks": (1,)}, r"Received: widths=.*blocks=\(1,\)"),
    ],
)
def test_impossible_configurations_say_what_came(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NetworkConfig(**fields)  # type: ignore[arg-type]
