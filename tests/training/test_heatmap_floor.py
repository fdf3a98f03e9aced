"""A model whose heatmaps fail on patients that it has not learned from is not written."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest

from cxr.errors import RunError
from training.data.dataset import Record
from training.data.images import Split
from training.fitting.evidence_config import HeatmapFloor
from training.fitting.presets import tiny
from training.networks.network import build_network
from training.validation.heatmap_floor import require_heatmap_floor

ANYTHING = HeatmapFloor(in_lungs=0, locality=1, planted_hit=0, normal_heat=1)


@pytest.fixture(scope="module")
def held_out() -> Split:
    """Images of both classes with outlined lungs; a sixth one had no outlines."""
    rng = np.random.default_rng(0)
    images = rng.random((6, 32, 32)).astype(np.float16)
    lungs = np.zeros((6, 32, 32), np.float16)
    lungs[:, 6:26, 4:13] = lungs[:, 6:26, 19:28] = 1
    lungs[5] = np.nan
    records = [
        Record(f"{i}.png", i % 2, f"patient{i}", "", "train", f"digest{i}") for i in range(6)
    ]
    return Split(images, records, lungs).with_outlined_lungs()


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    return build_network(tiny.CONFIG.network)


def test_what_was_reached_is_told(network: keras.Model, held_out: Split) -> None:
    config = dataclasses.replace(tiny.CONFIG, floor=ANYTHING)
    reached = require_heatmap_floor(network, config, held_out)
    assert set(reached) == {field.name for field in dataclasses.fields(HeatmapFloor)}
    assert all(0 <= value <= 1 for value in reached.values())


def test_heat_on_normal_images_is_enough_to_be_refused(
    network: keras.Model, held_out: Split
) -> None:
    floor = dataclasses.replace(ANYTHING, normal_heat=0.5)
    config = dataclasses.replace(tiny.CONFIG, floor=floor)
    with pytest.raises(RunError, match=r"normal_heat 1\.00"):
        require_heatmap_floor(network, config, held_out)


def test_a_network_that_knows_nothing_is_refused(network: keras.Model, held_out: Split) -> None:
    with pytest.raises(RunError, match=r"fail on 5 images .*in_lungs .*No bundle was written"):
        require_heatmap_floor(network, tiny.CONFIG, held_out)
