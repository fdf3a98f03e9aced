"""A model on disk: a folder of data, never of code.

config.json            name, version, network, preprocessing, heatmap scale, what it learned from
network.onnx           the graph that answers; see `cxr.model.graph`
model.weights.h5       weights to train on, of a network that `training.networks` builds
operating_points.json  calibration, thresholds, threshold curve with counts
evaluation.json        metrics on radiographs that it was not trained on
README.md              the card, generated from the JSON
manifest.json          SHA-256 of each file above
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cxr.errors import BundleError, not_written
from cxr.messages import Message
from cxr.model.fingerprint import fingerprints_from_text
from cxr.model.graph import GRAPH
from cxr.model.heatmap import METHODS, Method
from cxr.model.network_config import NetworkConfig
from cxr.model.operating_points import OperatingPoints
from cxr.preprocessing import Preprocessing
from cxr.saved_files import (
    combined_digest,
    file_digests,
    read_model_json,
    verify_digests,
    where_it_is,
    write_model_json,
)

FORMAT = 3
WITHOUT_GRAPH = 2  # the format until 0.5, whose bundles `python -m training export` completes
CLASS_NAMES = ("NORMAL", "PNEUMONIA")  # of the labels 0 and 1: what the logit's sign stands for
_MODELS = Path(__file__).parents[1] / "models"
BUNDLED_MODEL = _MODELS / "default"
LOCAL_MODEL = _MODELS / "local"  # put there by `python -m training use`

CONFIG = "config.json"
WEIGHTS = "model.weights.h5"
OPERATING_POINTS = "operating_points.json"
EVALUATION = "evaluation.json"
CARD = "README.md"
MANIFEST = "manifest.json"

# What an answer depends on; the card may be rewritten without making another model of it.
_ANSWERING_FILES = (CONFIG, GRAPH, OPERATING_POINTS)
_FILES = (CARD, CONFIG, EVALUATION, WEIGHTS, GRAPH, OPERATING_POINTS)
_DESCRIBING = (EVALUATION, CARD)  # no part of the model's identity
_NEXT = "next-"  # begins the names of files that are to replace others
FILES = (*_FILES, MANIFEST)  # all of a bundle


# What reading a document of another shape than expected raises.
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, OverflowError)


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A verified model folder.

    Attributes:
        folder: where it is.
        config: the content of config.json.
        network: what the graph was exported from.
        preprocessing: how radiographs reach the network.
        operating_points: calibration and thresholds.
        evaluation: the content of evaluation.json.
        sha256: digest of the files that an answer depends on.
        graph_sha256: digest of the graph's file.
        origin: ``"name/repository@commit"`` of a model of the Hub; None of one from a folder.
    """

    folder: Path
    config: dict[str, Any]
    network: NetworkConfig
    preprocessing: Preprocessing
    operating_points: OperatingPoints
    evaluation: dict[str, Any]
    sha256: str
    graph_sha256: str
    origin: str | None = None

    def identity(self) -> dict[str, str]:
        """Which model this is: what every output says of it."""
        named = {"name": self.name, "version": self.version, "sha256": self.sha256}
        return {**named, "origin": self.origin} if self.origin else named

    @property
    def name(self) -> str:
        """The model's name."""
        return str(self.config["name"])

    @property
    def version(self) -> str:
        """The model's version."""
        return str(self.config["version"])

    @property
    def title(self) -> str:
        """Name and version, for people."""
        return f"{self.name} {self.version}"

    @property
    def heatmap_method(self) -> Method:
        """How the network's features become a heatmap; see `training.networks.gradcam.GradCAM`."""
        method: Method = self.config["heatmap"]["method"]
        return method

    @property
    def flip_tta(self) -> bool:
        """Whether answers are the mean over a radiograph and its mirror image."""
        return bool(self.config["flip_tta"])

    @cached_property
    def heatmap_reference(self) -> float:
        """The value of a map that is shown as 1; see `cxr.model.heatmap.scale_heatmap`."""
        return float(self.config["heatmap"]["reference"])

    @cached_property
    def trained_fingerprints(self) -> npt.NDArray[np.uint8]:
        """Fingerprints (N, 16) of the images that it learned from; none where none were kept."""
        return self._fingerprints("trained_fingerprints")

    @cached_property
    def validation_fingerprints(self) -> npt.NDArray[np.uint8]:
        """The same of its validation images, on which its thresholds were chosen."""
        return self._fingerprints("validation_fingerprints")

    def _fingerprints(self, name: str) -> npt.NDArray[np.uint8]:
        return fingerprints_from_text(str(self.evaluation.get(name, "")))


def load_bundle(folder: str | os.PathLike[str] = BUNDLED_MODEL) -> Bundle:
    """Read and verify a model folder.

    Raises:
        BundleError: a file is missing, altered, or made for another version of this code; the
            message names it.
    """
    folder = where_it_is(Path(folder))
    if not folder.is_dir():
        raise BundleError(Message("bundle_no_folder", {"folder": str(folder)}))
    _check_format(read_model_json(folder / CONFIG), folder)
    digests = _verified_digests(folder)

    def read(name: str) -> dict[str, Any]:  # another folder may have taken the place since
        return read_model_json(folder / name, sha256=digests[name])

    config = read(CONFIG)
    try:
        network = NetworkConfig.from_json(config["network"])
        preprocessing = Preprocessing(**config["preprocessing"])
        _check(config, network, preprocessing)
    except MALFORMED as error:
        raise BundleError(f"{folder / CONFIG}: incomplete or malformed ({error!r}).") from error
    try:
        points = OperatingPoints.from_json(read(OPERATING_POINTS))
    except MALFORMED as error:
        raise BundleError(f"{folder / OPERATING_POINTS}: malformed ({error!r}).") from error
    return Bundle(
        folder=folder,
        config=config,
        network=network,
        preprocessing=preprocessing,
        operating_points=points,
        evaluation=read(EVALUATION),
        graph_sha256=digests[GRAPH],
        sha256=combined_digest({name: digests[name] for name in _ANSWERING_FILES}),
    )


def _check_format(config: dict[str, Any], folder: Path) -> None:
    if config.get("format") == WITHOUT_GRAPH:
        values = {"folder": str(folder), "graph": GRAPH}
        raise BundleError(Message("bundle_without_graph", values))
    if config.get("format") != FORMAT:
        received = f"{config.get('format')!r}"
        values = {"path": str(folder / CONFIG), "expected": str(FORMAT), "received": received}
        raise BundleError(Message("bundle_other_format", values))


def _check(config: dict[str, Any], network: NetworkConfig, preprocessing: Preprocessing) -> None:
    """Raise a KeyError, TypeError or ValueError where config.json disagrees with itself."""
    if preprocessing.size != network.input_size:
        raise ValueError(
            f"preprocessing makes {preprocessing.size} pixels, the network takes "
            f"{network.input_size}"
        )
    if tuple(config["class_names"]) != CLASS_NAMES:
        raise ValueError(f"expected class_names {CLASS_NAMES}, received {config['class_names']}")
    reference = float(config["heatmap"]["reference"])
    if not (math.isfinite(reference) and reference > 0):
        raise ValueError(f"expected a heatmap reference above 0, received {reference}")
    if config["heatmap"]["method"] not in METHODS:
        raise ValueError(
            f"expected a heatmap method of {METHODS}, received {config['heatmap']['method']!r}"
        )
    for key, kind in (("name", str), ("version", str), ("flip_tta", bool), ("trained_on", dict)):
        if not isinstance(config[key], kind):
            raise TypeError(f"expected {key} as {kind.__name__}, received {config[key]!r}")


def save_bundle(
    folder: Path,
    *,
    write_network: Callable[[Path], None],
    config: dict[str, Any],
    operating_points: OperatingPoints,
    evaluation: dict[str, Any],
    card: str,
) -> Bundle:
    """Write a model folder and read it back.

    Args:
        folder: made if missing; its files of the same names are replaced.
        write_network: writes weights and graph into a folder; see `training.networks.export`.
        config: content of config.json, without ``"format"``.
        operating_points: calibration and thresholds.
        evaluation: content of evaluation.json.
        card: content of README.md.

    Returns:
        The bundle, verified as any reader would.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # First the manifest goes: an interrupted save leaves a folder that is refused, not a mixture.
    (folder / MANIFEST).unlink(missing_ok=True)
    write_network(folder)
    write_model_json(folder / CONFIG, {"format": FORMAT, **config})
    write_model_json(folder / OPERATING_POINTS, operating_points.to_json())
    write_model_json(folder / EVALUATION, evaluation)
    (folder / CARD).write_text(card, encoding="utf-8")
    write_model_json(folder / MANIFEST, file_digests(folder, _FILES))
    return load_bundle(folder)


def save_evaluation(bundle: Bundle, *, evaluation: dict[str, Any], card: str) -> Bundle:
    """Replace what is said of a model, and leave the model as it is.

    If the process is killed, the folder holds either the former evaluation and card, or the new
    ones, some under names that `load_bundle` puts right.

    Returns:
        The bundle, read back; its digest is the same.

    Raises:
        BundleError: a file cannot be written; the former ones stay.
    """
    folder = bundle.folder
    try:
        write_model_json(folder / f"{_NEXT}{EVALUATION}", evaluation)
        (folder / f"{_NEXT}{CARD}").write_text(card, encoding="utf-8")
        new = file_digests(folder, [f"{_NEXT}{name}" for name in _DESCRIBING])
        said = {name: new[f"{_NEXT}{name}"] for name in _DESCRIBING}
        write_model_json(folder / f"{_NEXT}{MANIFEST}", {**file_digests(folder, _FILES), **said})
        (folder / f"{_NEXT}{MANIFEST}").replace(folder / MANIFEST)  # from here on the new ones hold
    except OSError as error:
        for name in (*_DESCRIBING, MANIFEST):
            with suppress(OSError):
                (folder / f"{_NEXT}{name}").unlink(missing_ok=True)
        raise BundleError(not_written(folder, error)) from error
    return load_bundle(folder)


def _finish_replacement(folder: Path, digests: Mapping[str, str]) -> None:
    """Give files of `save_evaluation` their names, where the manifest lists them already."""
    for name in _DESCRIBING:
        waiting = folder / f"{_NEXT}{name}"
        if waiting.exists() and file_digests(folder, [waiting.name])[waiting.name] == digests[name]:
            try:
                waiting.replace(folder / name)
            except OSError as error:
                reason = error.strerror
                raise BundleError(f"{waiting}: cannot be renamed to {name} ({reason}).") from error


def _verified_digests(folder: Path) -> dict[str, str]:
    """The manifest's digests, each equal to that of the file as it is."""
    manifest = read_model_json(folder / MANIFEST)
    for name in _FILES:
        if name not in manifest:
            raise BundleError(f"{folder / MANIFEST}: does not list {name}.")
    digests = {name: str(manifest[name]) for name in _FILES}
    _finish_replacement(folder, digests)
    verify_digests(folder, digests, listed_in=MANIFEST)
    return digests
