"""Weights in HDF5: a file that Keras wrote, with bytes changed. Needs Keras."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import keras

from cxr.errors import BundleError
from cxr.model.network_config import NetworkConfig
from tests.fuzz.choices import Choices
from training.networks.loading import load_weights
from training.networks.network import build_network


@cache
def _network() -> keras.Model:
    keras.utils.set_random_seed(0)
    return build_network(
        NetworkConfig(
            architecture="published", input_size=32, widths=(4, 8), lstm_units=4, dropout=0.1
        )
    )


@cache
def _written(folder: Path) -> bytes:
    path = folder / "whole.weights.h5"
    _network().save_weights(path)
    return path.read_bytes()


def load_changed(choices: Choices, folder: Path) -> None:
    """Change some bytes of the file and load it: all weights finite, or an error of ours."""
    changed = bytearray(_written(folder))
    for _ in range(choices.number(1, 8)):
        place = choices.number(0, len(changed) - 1)
        changed[place] = choices.number(0, 255)
    if choices.number(0, 7) == 0:
        del changed[choices.number(0, len(changed) - 1) :]
    path = folder / "model.weights.h5"
    path.write_bytes(changed)
    try:
        load_weights(_network(), path, described_in="config.json")
    except BundleError as error:
        assert str(path) in str(error), error
