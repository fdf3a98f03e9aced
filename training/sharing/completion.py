"""Adds the graph that answers to a bundle of version 0.5 or earlier."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from cxr.errors import BundleError
from cxr.model.bundle import (
    CARD,
    CONFIG,
    EVALUATION,
    MANIFEST,
    OPERATING_POINTS,
    WEIGHTS,
    WITHOUT_GRAPH,
    Bundle,
    load_bundle,
    save_bundle,
)
from cxr.model.network_config import NetworkConfig
from cxr.model.operating_points import OperatingPoints
from cxr.saved_files import read_model_json, verify_digests
from training.files import replaced_whole
from training.networks.export import IMAGES, write_network
from training.networks.loading import load_weights
from training.networks.network import build_network

_FILES = (CARD, CONFIG, EVALUATION, OPERATING_POINTS, WEIGHTS)


def complete_bundle(folder: Path) -> Bundle:
    """Give a bundle its graph; one that has it stays as it is.

    Returns:
        The bundle, read back and verified. Its digest is another one than before.

    Raises:
        BundleError: the folder holds no intact bundle, or the graph would answer otherwise than
            the network.
        RunError: the folder cannot be written.
    """
    config = read_model_json(folder / CONFIG)
    if config.get("format") != WITHOUT_GRAPH:
        return load_bundle(folder)
    manifest = read_model_json(folder / MANIFEST)
    try:
        listed = {name: str(manifest[name]) for name in _FILES}
        network_config = NetworkConfig.from_json(config["network"])
        points = OperatingPoints.from_json(read_model_json(folder / OPERATING_POINTS))
        network = build_network(network_config)
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{folder}: incomplete or malformed ({error!r}).") from error
    verify_digests(folder, listed, listed_in=MANIFEST)
    load_weights(network, folder / WEIGHTS, described_in=CONFIG)
    side = network_config.input_size
    noise = np.random.default_rng(0).standard_normal((IMAGES, side, side, 1), dtype=np.float32)

    def write(new: Path) -> None:
        write_network(network, network_config, new, images=noise)
        # The weights as they were, to the byte: what was published stays recognisable.
        shutil.copy2(folder / WEIGHTS, new / WEIGHTS)

    with replaced_whole(folder) as new:
        save_bundle(
            new,
            write_network=write,
            config={key: value for key, value in config.items() if key != "format"},
            operating_points=points,
            evaluation=read_model_json(folder / EVALUATION),
            card=(folder / CARD).read_text(encoding="utf-8"),
        )
    return load_bundle(folder)
