"""Grad-CAM against a hand-computed case, and on a planted blob."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

from cxr.model.heatmap import scale_heatmap
from cxr.model.network_config import NetworkConfig
from cxr.preprocessing import Preprocessing
from cxr.reading.radiograph import Radiograph
from training.networks.gradcam import GradCAM
from training.networks.network import build_network


def two_channel_network(weights: tuple[float, float]) -> keras.Model:
    """Features (x, 1 - x) on a 4×4 radiograph; the logit is their weighted mean."""
    image = keras.Input((4, 4, 1))
    features = layers.Concatenate(name="features")([image, 1 - image])
    mean = layers.GlobalAveragePooling2D()(features)
    logit = layers.Dense(1, use_bias=False, name="logit")(mean)
    network = keras.Model(image, [features, logit])
    network.get_layer("logit").set_weights([np.array(weights, np.float32)[:, np.newaxis]])
    return network


def test_weights_are_the_mean_gradients_of_each_channel() -> None:
    image = np.zeros((1, 4, 4, 1), np.float32)
    image[0, 1, 2, 0] = 1
    logits, maps = GradCAM(two_channel_network((8.0, 1.0)))(image)
    # d logit / d feature is w / 16 everywhere, so the weights are 8/16 and 1/16:
    # 0.5·x + 0.0625·(1 - x) is 0.5 at the blob and 0.0625 elsewhere.
    expected = np.full((4, 4), 0.0625)
    expected[1, 2] = 0.5
    np.testing.assert_allclose(maps[0], expected, rtol=1e-6)
    assert logits[0] == pytest.approx((8 * 1 + 1 * 15) / 16)


def test_evidence_against_pneumonia_is_not_shown() -> None:
    image = np.ones((1, 4, 4, 1), np.float32)
    _, maps = GradCAM(two_channel_network((-3.0, 0.0)))(image)
    np.testing.assert_array_equal(maps, 0)


def test_the_gradient_passes_through_the_lstm() -> None:
    """Against differences: an LSTM reads the map's rows, Grad-CAM must agree."""
    keras.utils.set_random_seed(1)
    given = keras.Input((3, 3, 1))
    features = layers.Conv2D(2, 1, activation="relu", name="features")(given)
    sequence = ops.reshape(features, (-1, 3, 6))
    head_lstm, head_dense = layers.LSTM(4), layers.Dense(1)
    network = keras.Model(given, [features, head_dense(head_lstm(sequence))])
    network.get_layer("features").set_weights(
        [np.array([[[[1.0, 0.5]]]], np.float32), np.array([0.1, 0.2], np.float32)]
    )
    image = np.random.default_rng(0).random((1, 3, 3, 1), dtype=np.float32)
    _, maps = GradCAM(network)(image)

    values = network(image)[0].numpy().astype(np.float64)

    def logit(features: np.ndarray) -> float:
        rows = features.reshape(1, 3, 6).astype(np.float32)
        return float(head_dense(head_lstm(rows))[0, 0])

    step = 1e-2
    gradient = np.zeros_like(values)
    for position in np.ndindex(*values.shape):
        up, down = values.copy(), values.copy()
        up[position] += step
        down[position] -= step
        gradient[position] = (logit(up) - logit(down)) / (2 * step)
    weights = gradient.mean(axis=(1, 2), keepdims=True)
    expected = np.maximum((weights * values).sum(axis=-1), 0)
    np.testing.assert_allclose(maps, expected, atol=1e-4)
    assert maps.max() > 0


@pytest.mark.parametrize("centre", [(7, 9), (20, 12), (15, 24)])
def test_the_heatmaps_peak_is_on_a_planted_blob(centre: tuple[int, int]) -> None:
    """The published network with weights by which brightness is evidence, on a wide image."""
    network = build_network(
        NetworkConfig(architecture="published", input_size=32, widths=(1,), lstm_units=2)
    )
    for layer in network.layers:
        # Every gate opens with its input, and every unit speaks for pneumonia.
        layer.set_weights([np.full_like(weights, 0.05) for weights in layer.get_weights()])
    pixels = np.zeros((64, 96), np.float32)
    row, column = 2 * centre[0], 3 * centre[1]
    pixels[row - 4 : row + 4, column - 6 : column + 6] = 1
    radiograph = Radiograph(pixels=pixels, name="blob")

    batch = Preprocessing(size=32, intensity="unit")(radiograph)
    _, maps = GradCAM(network)(batch)
    heatmap = scale_heatmap(maps[0], reference=float(maps.max()), shape=radiograph.shape)
    peak = np.unravel_index(heatmap.argmax(), heatmap.shape)
    assert abs(int(peak[0]) - row) <= 4
    assert abs(int(peak[1]) - column) <= 6
    assert heatmap[pixels == 1].mean() > 4 * heatmap[pixels == 0].mean()


def test_each_image_of_a_batch_gets_its_own_map() -> None:
    images = np.random.default_rng(0).random((3, 4, 4, 1), dtype=np.float32)
    explain = GradCAM(two_channel_network((2.0, 1.0)))
    _, together = explain(images)
    for i in range(3):
        np.testing.assert_allclose(together[i], explain(images[i : i + 1])[1][0], rtol=1e-6)


def test_scaled_heatmaps_can_be_compared_between_images() -> None:
    faint, strong = np.full((2, 2), 1, np.float32), np.full((2, 2), 3, np.float32)
    assert scale_heatmap(faint, reference=4, shape=(6, 8)).max() == pytest.approx(0.25)
    assert scale_heatmap(strong, reference=4, shape=(6, 8)).max() == pytest.approx(0.75)
    assert scale_heatmap(strong, reference=2, shape=(6, 8)).max() == 1


def test_zero_stays_zero_on_the_images_own_grid() -> None:
    heatmap = scale_heatmap(np.zeros((12, 12), np.float32), reference=1, shape=(30, 50))
    assert heatmap.shape == (30, 50)
    assert heatmap.dtype == np.float32
    np.testing.assert_array_equal(heatmap, 0)


def test_heat_rises_evenly_between_two_cells() -> None:
    """As the page enlarges it, and without the edges of cells, which would look like findings."""
    heatmap = scale_heatmap(np.array([[0, 1]], np.float32), reference=1, shape=(2, 8))
    rising = [0, 0, 1 / 8, 3 / 8, 5 / 8, 7 / 8, 1, 1]
    np.testing.assert_allclose(heatmap, [rising, rising], atol=1e-6)


def test_a_hot_cell_stays_at_its_place() -> None:
    activation = np.zeros((12, 12), np.float32)
    activation[3, 8] = 1
    heatmap = scale_heatmap(activation, reference=1, shape=(240, 120))
    rows, columns = np.nonzero(heatmap > 0.9)
    assert rows.mean() + 0.5 == pytest.approx(3.5 * 20, abs=1)
    assert columns.mean() + 0.5 == pytest.approx(8.5 * 10, abs=1)


def one_sided_network() -> keras.Model:
    """Feature and evidence on the left half alone: logit = mean of the left half."""
    image = keras.Input((4, 4, 1))
    features = layers.Activation("relu", name="features")(image)
    left = ops.concatenate([ops.ones((1, 4, 2, 1)), ops.zeros((1, 4, 2, 1))], axis=2)
    return keras.Model(image, [features, ops.mean(features * left, axis=(1, 2))])


def test_the_mirror_image_is_averaged_and_turned_back() -> None:
    image = np.zeros((1, 4, 4, 1), np.float32)
    image[0, 1, 0] = 1  # on the left, where the network looks
    image[0, 2, 3] = 3  # on the right, which it sees in the mirror alone
    network = one_sided_network()
    logit, maps = GradCAM(network)(image)
    both_logit, both_maps = GradCAM(network, flip_tta=True)(image)
    mirrored_logit, mirrored_maps = GradCAM(network)(np.ascontiguousarray(image[:, :, ::-1]))
    assert (logit[0], mirrored_logit[0]) == (pytest.approx(1 / 16), pytest.approx(3 / 16))
    assert both_logit[0] == pytest.approx(2 / 16)
    np.testing.assert_allclose(both_maps, (maps + mirrored_maps[:, :, ::-1]) / 2, rtol=1e-6)
    assert both_maps[0, 2, 3] > both_maps[0, 1, 0] > 0
    assert np.count_nonzero(both_maps) == 2


def test_hirescam_weighs_each_place_by_its_own_gradient() -> None:
    image = np.ones((1, 4, 4, 1), np.float32)
    _, maps = GradCAM(one_sided_network(), method="hirescam")(image)
    expected = np.zeros((4, 4))
    expected[:, :2] = 1 / 16  # the gradient of the mean, on the half that is looked at
    np.testing.assert_allclose(maps[0], expected, rtol=1e-6)
    _, blind = GradCAM(one_sided_network(), method="gradcam")(image)
    assert blind[0, 0, 3] > 0  # one weight a channel cannot tell the halves apart


def test_gradcam_plus_plus_of_a_hand_computed_case() -> None:
    image = np.ones((1, 4, 4, 1), np.float32)
    _, maps = GradCAM(one_sided_network(), method="gradcam++")(image)
    gradient = 1 / 16
    alpha = gradient**2 / (2 * gradient**2 + 16 * gradient**3)  # equation 19; features sum to 16
    np.testing.assert_allclose(maps[0], 8 * alpha * gradient, rtol=1e-5)
