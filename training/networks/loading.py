"""Networks with the weights of a file, all of them or none."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from cxr.errors import BundleError
from cxr.model.bundle import CONFIG, WEIGHTS, Bundle
from training.networks.network import build_network


def load_network(bundle: Bundle) -> keras.Model:
    """A bundle's network with its weights, to train on or to be measured.

    Raises:
        BundleError: config.json describes no network that can be built, or the weights do not fit
            it.
    """
    try:
        network = build_network(bundle.network)
    except (TypeError, ValueError) as error:
        raise BundleError(f"{bundle.folder / CONFIG}: no network of ours ({error}).") from error
    load_weights(network, bundle.folder / WEIGHTS, described_in=CONFIG)
    return network


def load_weights(network: keras.Model, path: Path, *, described_in: str) -> None:
    """Load a network's weights, all of them or none.

    Args:
        network: whose weights are replaced.
        path: a file as Keras saves it, ``*.weights.h5``.
        described_in: the file that the network was built from, for the message.

    Raises:
        BundleError: the file cannot be read, or does not hold a finite value for each weight.
    """
    misfit = f"{path}: does not fit the network that {described_in} describes"
    # Keras only warns about layers that the file has no weights for, and leaves them as they are:
    # at random values, unless they are made NaN first, which the check below finds.
    for variable in network.weights:
        variable.assign(np.full(variable.shape, np.nan))
    try:
        network.load_weights(path)
    except (OSError, ValueError, KeyError, RuntimeError) as error:  # the last is of HDF5
        raise BundleError(f"{misfit} ({error}).") from error
    for variable in network.weights:
        if not np.isfinite(variable).all():
            raise BundleError(f"{misfit} (no finite weights for {variable.path}).")
