"""Lung fields: measured on shapes whose area, tilt and position are known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from cxr.gate.lungs import KINDS, LungNetworkConfig, LungReading, lung_fields
from training.networks.lung_network import build_lung_network

SIDE = 64


def lungs(*boxes: tuple[int, int, int, int], probability: float = 1.0) -> npt.NDArray[np.float32]:
    """Boxes (top, bottom, left, right) that are lungs with this probability."""
    probabilities = np.zeros((SIDE, SIDE), dtype=np.float32)
    for top, bottom, left, right in boxes:
        probabilities[top:bottom, left:right] = probability
    return probabilities


LEFT, RIGHT = (16, 48, 8, 24), (16, 48, 40, 56)


def test_two_fields() -> None:
    fields = lung_fields(lungs(LEFT, RIGHT))
    assert fields.areas == (0.125, 0.125)
    assert fields.area == 0.25
    assert fields.mask.sum() == 2 * 32 * 16
    assert fields.tilt == pytest.approx(0)
    assert fields.cut == 0
    assert fields.uncertainty == 0


def test_small_areas_beside_the_fields_are_left_out() -> None:
    fields = lung_fields(lungs(LEFT, RIGHT, (0, 4, 0, 4)))
    assert not fields.mask[:4, :4].any()
    assert fields.area == 0.25


def test_fields_that_touch_at_a_corner_are_two() -> None:
    fields = lung_fields(lungs((16, 32, 8, 24), (32, 48, 24, 40)))
    assert fields.areas == (0.0625, 0.0625)


@pytest.mark.parametrize(("boxes", "areas"), [((), (0, 0)), ((LEFT,), (0.125, 0))])
def test_fewer_fields(
    boxes: tuple[tuple[int, int, int, int], ...], areas: tuple[float, ...]
) -> None:
    fields = lung_fields(lungs(*boxes))
    assert fields.areas == areas
    assert fields.tilt == 0


def test_tilt() -> None:
    lower_on_the_right = lung_fields(lungs((10, 42, 8, 24), (26, 58, 40, 56)))
    assert lower_on_the_right.tilt == pytest.approx(np.degrees(np.arctan2(16, 32)))


def test_cut_off_at_the_edge() -> None:
    fields = lung_fields(lungs((32, 64, 8, 24), (32, 64, 40, 56)))
    assert fields.cut == pytest.approx(16 / (2 * 32 + 14))


def test_uncertainty() -> None:
    fields = lung_fields(lungs(LEFT, RIGHT, probability=0.7))
    assert fields.uncertainty == pytest.approx(1)


def test_the_shapes_and_ranges_of_what_the_network_answers() -> None:
    network = build_lung_network(LungNetworkConfig(size=32, widths=(2, 2, 4, 4, 8)))
    reading = LungReading.from_logits(
        network.predict_on_batch(np.random.default_rng(0).random((3, 32, 32, 1)))
    )
    assert reading.lungs.shape == (3, 32, 32)
    assert reading.kinds.shape == (3, len(KINDS))
    np.testing.assert_allclose(reading.kinds.sum(axis=1), 1, rtol=1e-5)
    assert reading.adult.shape == (3,)
    assert len(reading.embedding) == 3
    for probabilities in (reading.lungs, reading.adult):
        assert probabilities.min() >= 0
        assert probabilities.max() <= 1


def test_the_network_is_smaller_than_two_megabytes() -> None:
    assert build_lung_network(LungNetworkConfig()).count_params() * 4 < 2e6
