"""Heatmaps that fail on patients whom the network has not learned from."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from functools import cache

import keras
import numpy as np
import pytest

from cxr.errors import RunError
from training.data.dataset import Record
from training.data.images import Split
from training.fitting.evidence_config import HeatmapFloor
from training.fitting.presets import tiny
from training.networks.network import build_network
from training.validation import heatmap_floor
from training.validation.heatmap_floor import check_against_floor
from training.validation.localization_check import explainer

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


@pytest.fixture(scope="module")
def _explained_once() -> Iterator[None]:
    """What explains a network is compiled once, which takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(heatmap_floor, "explainer", cache(explainer))
        yield


def test_heatmaps_that_reach_the_floor(network: keras.Model, held_out: Split) -> None:
    config = dataclasses.replace(tiny.CONFIG, floor=ANYTHING)
    said = check_against_floor(network, config, held_out, required=True)
    assert re.fullmatch(
        r"Heatmaps: in_lungs 0\.\d\d, locality \d\.\d\d, planted_hit 0\.\d\d, normal_heat 1\.00",
        said,
    )


@pytest.mark.usefixtures("_explained_once")
@pytest.mark.parametrize(
    "beyond", [{"in_lungs": 1.0}, {"locality": 0.0}, {"planted_hit": 1.0}, {"normal_heat": 0.5}]
)
def test_one_figure_below_the_floor_is_enough(
    network: keras.Model, held_out: Split, beyond: dict[str, float]
) -> None:
    config = dataclasses.replace(tiny.CONFIG, floor=dataclasses.replace(ANYTHING, **beyond))
    said = check_against_floor(network, config, held_out, required=False)
    assert said.startswith("Warning: The heatmaps fail on 5 images")
    with pytest.raises(RunError, match=r"fail on 5 images .*No bundle was written"):
        check_against_floor(network, config, held_out, required=True)
