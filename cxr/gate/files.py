"""The gate's files: one function writes them, one reads and verifies them.

gate.json         which network, the limits of `cxr.gate.rules`, how well the gate does
network.onnx      the lung network's graph; see `cxr.model.graph`
features.npz      the distribution of known radiographs' features
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict
from zipfile import BadZipFile

import numpy as np

from cxr.errors import BundleError
from cxr.gate.lungs import KINDS, LungNetworkConfig
from cxr.gate.rules import KnownFeatures, Limits
from cxr.model.graph import GRAPH, Graph
from cxr.model.graph_verification import Shape
from cxr.saved_files import (
    combined_digest,
    file_digests,
    read_model_json,
    verify_digests,
    where_it_is,
    write_model_json,
)

FORMAT = 2
BUNDLED_GATE = Path(__file__).parents[1] / "models" / "gate"
CONFIG = "gate.json"
FEATURES = "features.npz"
FILES = (CONFIG, FEATURES, GRAPH)  # what an answer depends on: all of a gate


class Refusals(TypedDict):
    """How many of some images are refused."""

    images: int
    refused: int


class DiceFigures(TypedDict):
    """How well lungs are outlined: the Dice coefficient against masks that people drew."""

    images: int
    mean: float
    worst: float


class GateEvaluation(TypedDict):
    """How well a gate does on images that its network did not learn from.

    Keys:
        refused: by group of radiographs, ``"adults"`` and ``"children"``, and by kind of other
            images.
        dice: by the same groups of radiographs.
    """

    refused: dict[str, Refusals]
    dice: dict[str, DiceFigures]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class SavedGate:
    """A gate as its files hold it.

    Attributes:
        folder: where the files are.
        network: what to build.
        limits: chosen on known radiographs.
        features: of known radiographs.
        evaluation: how well the gate does.
        sha256: digest of the files that an answer depends on.
        graph_sha256: digest of the graph's file.
    """

    folder: Path
    network: LungNetworkConfig
    limits: Limits
    features: KnownFeatures
    evaluation: GateEvaluation
    sha256: str
    graph_sha256: str

    def load_graph(self, *, threads: int | None = None) -> Graph:
        """The lung network's graph, ready to run.

        Args:
            threads: of one run; all cores if None.

        Raises:
            BundleError: it is not the graph that gate.json describes.
        """
        return Graph(
            self.folder / GRAPH,
            side=self.network.size,
            outputs=graph_outputs(self.network),
            sha256=self.graph_sha256,
            threads=threads,
        )


def graph_outputs(network: LungNetworkConfig) -> dict[str, Shape]:
    """Names and shapes of what the lung network's graph gives; see `LungReading.from_logits`."""
    side = network.size
    return {
        "lungs": (None, side, side, 1),
        "kind": (None, len(KINDS)),
        "adult": (None, 1),
        "embedding": (None, 2 * network.widths[-1]),
    }


def read_gate(folder: str | os.PathLike[str] = BUNDLED_GATE) -> SavedGate:
    """Read and verify a gate's files.

    Raises:
        BundleError: a file is missing, altered, or made for another version of this code; the
            message names it.
    """
    folder = where_it_is(Path(folder))
    config = read_model_json(folder / CONFIG)
    if config.get("format") != FORMAT or config.get("kinds") != list(KINDS):
        raise BundleError(
            f"{folder / CONFIG}: expected gate format {FORMAT} with the kinds {', '.join(KINDS)}. "
            f"Received: {config.get('format')!r}, {config.get('kinds')!r}. Use the gate that comes "
            "with this version, or make it again with `python -m training fit-gate`."
        )
    try:
        network = LungNetworkConfig.from_json(config["network"])
        limits = Limits(**config["limits"])
        listed = {name: str(config["sha256"][name]) for name in (FEATURES, GRAPH)}
        evaluation: GateEvaluation = config["evaluation"]
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{folder / CONFIG}: incomplete or malformed ({error!r}).") from error
    verify_digests(folder, listed, listed_in=CONFIG)
    return SavedGate(
        folder=folder,
        network=network,
        limits=limits,
        features=_read_features(folder / FEATURES),
        evaluation=evaluation,
        sha256=combined_digest({**file_digests(folder, [CONFIG]), **listed}),
        graph_sha256=listed[GRAPH],
    )


def _read_features(path: Path) -> KnownFeatures:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return KnownFeatures(mean=arrays["mean"], precision=arrays["precision"])
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise BundleError(f"{path}: expected the arrays mean and precision ({error}).") from error


def write_gate(
    folder: Path,
    *,
    write_graph: Callable[[Path], None],
    network: LungNetworkConfig,
    limits: Limits,
    features: KnownFeatures,
    evaluation: GateEvaluation,
) -> SavedGate:
    """Write a gate's files and read them back.

    Args:
        folder: made if missing; its files of the same names are replaced.
        write_graph: writes the lung network's graph to a path; see `training.networks.export`.
        network: what it was exported from.
        limits: chosen on known radiographs.
        features: of known radiographs.
        evaluation: how well the gate does.

    Returns:
        The gate, verified as any reader would.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Without its configuration a folder is refused: so is one whose writing was interrupted.
    (folder / CONFIG).unlink(missing_ok=True)
    write_graph(folder / GRAPH)
    np.savez(folder / FEATURES, mean=features.mean, precision=features.precision)
    write_model_json(
        folder / CONFIG,
        {
            "format": FORMAT,
            "kinds": KINDS,
            "network": dataclasses.asdict(network),
            "limits": dataclasses.asdict(limits),
            "sha256": file_digests(folder, [FEATURES, GRAPH]),
            "evaluation": evaluation,
        },
    )
    return read_gate(folder)
