"""A model on disk: a folder of data, never of code.

config.json            name, version, network, preprocessing, heatmap scale, what it learned from
model.weights.h5       weights; the architecture is built from `cxr.model.network`
operating_points.json  calibration, thresholds, threshold curve with counts
evaluation.json        metrics on radiographs that it was not trained on
README.md              the card, generated from the JSON
manifest.json          SHA-256 of each file above
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cxr.errors import BundleError
from cxr.model.heatmap_method import METHODS, Method
from cxr.model.network_config import NetworkConfig
from cxr.model.operating_points import OperatingPoints
from cxr.model.renamed import with_new_names
from cxr.preprocessing import Preprocessing

if TYPE_CHECKING:
    import keras

FORMAT = 2
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
_ANSWERING_FILES = (CONFIG, OPERATING_POINTS, WEIGHTS)
_FILES = (CARD, CONFIG, EVALUATION, OPERATING_POINTS, WEIGHTS)
FILES = (*_FILES, MANIFEST)  # all of a bundle


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A verified model folder. Reading it needs no TensorFlow; building its network does.

    Attributes:
        folder: where it is.
        config: the content of config.json.
        network: what to build.
        preprocessing: how radiographs reach the network.
        operating_points: calibration and thresholds.
        evaluation: the content of evaluation.json.
        sha256: digest of the files that an answer depends on.
        origin: ``"name/repository@commit"`` of a model of the Hub; None of one from a folder.
    """

    folder: Path
    config: dict[str, Any]
    network: NetworkConfig
    preprocessing: Preprocessing
    operating_points: OperatingPoints
    evaluation: dict[str, Any]
    sha256: str
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
    def heatmap_method(self) -> Method:
        """How the network's features become a heatmap; see `cxr.model.gradcam.GradCAM`."""
        method: Method = self.config["heatmap"]["method"]
        return method

    @property
    def flip_tta(self) -> bool:
        """Whether answers are the mean over a radiograph and its mirror image."""
        return bool(self.config["flip_tta"])

    @property
    def measured_on(self) -> dict[str, int] | None:
        """Numbers of radiographs, patients and folds behind its thresholds' counts, if by folds."""
        result = self.evaluation.get("result", {})
        folds = len(self.evaluation.get("folds", []))
        if not folds or not {"images", "patients"} <= result.keys():
            return None
        return {"images": result["images"], "patients": result["patients"], "folds": folds}

    @cached_property
    def heatmap_reference(self) -> float:
        """The Grad-CAM activation that is shown as 1; see `cxr.model.gradcam.scale_heatmap`."""
        return float(self.config["heatmap"]["reference"])

    def build_network(self) -> keras.Model:
        """The network with its weights.

        Raises:
            BundleError: config.json describes no network that can be built, or the weights do not
                fit it.
        """
        # Here, so that a page can show a model's thresholds before TensorFlow has been imported.
        from cxr.model.network import build_network

        try:
            network = build_network(self.network)
        except (TypeError, ValueError) as error:
            raise BundleError(f"{self.folder / CONFIG}: no network of ours ({error}).") from error
        # Keras only warns of layers that it finds no weights for, and leaves them as they are: not
        # numbers, then, and never random.
        for variable in network.weights:
            variable.assign(np.full(variable.shape, np.nan))
        try:
            network.load_weights(self.folder / WEIGHTS)
        except (OSError, ValueError, KeyError) as error:
            raise BundleError(
                f"{self.folder / WEIGHTS}: does not fit the network that {CONFIG} describes "
                f"({error})."
            ) from error
        for variable in network.weights:
            if not np.isfinite(variable).all():
                raise BundleError(
                    f"{self.folder / WEIGHTS}: does not fit the network that {CONFIG} describes "
                    f"(no weights for {variable.path})."
                )
        return network


def load_bundle(folder: str | os.PathLike[str] = BUNDLED_MODEL) -> Bundle:
    """Read and verify a model folder.

    Raises:
        BundleError: a file is missing, altered, or made for another version of this code; the
            message names it.
    """
    folder = Path(folder)
    digests = _verified_digests(folder)
    config = _read_json(folder / CONFIG)
    if config.get("format") != FORMAT:
        raise BundleError(
            f"{folder / CONFIG}: expected bundle format {FORMAT}. Received: "
            f"{config.get('format')!r}. Use the release of this project that made the bundle."
        )
    try:
        network = NetworkConfig.from_json(config["network"])
        preprocessing = Preprocessing(**config["preprocessing"])
        _check(config, network, preprocessing)
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{folder / CONFIG}: incomplete or malformed ({error!r}).") from error
    try:
        points = OperatingPoints.from_json(_read_json(folder / OPERATING_POINTS))
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{folder / OPERATING_POINTS}: malformed ({error!r}).") from error
    return Bundle(
        folder=folder,
        config=config,
        network=network,
        preprocessing=preprocessing,
        operating_points=points,
        evaluation=_read_json(folder / EVALUATION),
        sha256=_model_digest(digests),
    )


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
    network: keras.Model,
    config: dict[str, Any],
    operating_points: OperatingPoints,
    evaluation: dict[str, Any],
    card: str,
) -> Bundle:
    """Write a model folder and read it back.

    Args:
        folder: made if missing; its files of the same names are replaced.
        network: whose weights to save.
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
    network.save_weights(folder / WEIGHTS)
    _write_json(folder / CONFIG, {"format": FORMAT, **config})
    _write_json(folder / OPERATING_POINTS, operating_points.to_json())
    _write_json(folder / EVALUATION, evaluation)
    (folder / CARD).write_text(card, encoding="utf-8")
    _write_json(folder / MANIFEST, {name: _sha256(folder / name) for name in _FILES})
    return load_bundle(folder)


def save_evaluation(bundle: Bundle, *, evaluation: dict[str, Any], card: str) -> Bundle:
    """Replace what is said of a model, and leave the model as it is.

    Returns:
        The bundle, read back; its digest is the same.
    """
    folder = bundle.folder
    (folder / MANIFEST).unlink()
    _write_json(folder / EVALUATION, evaluation)
    (folder / CARD).write_text(card, encoding="utf-8")
    _write_json(folder / MANIFEST, {name: _sha256(folder / name) for name in _FILES})
    return load_bundle(folder)


def _verified_digests(folder: Path) -> dict[str, str]:
    """The manifest's digests, each equal to that of the file as it is."""
    if not folder.is_dir():
        raise BundleError(f"{folder}: no such folder. Expected a model bundle.")
    manifest = _read_json(folder / MANIFEST)
    for name in _FILES:
        if name not in manifest:
            raise BundleError(f"{folder / MANIFEST}: does not list {name}.")
        if not (folder / name).is_file():
            raise BundleError(f"{folder / name}: missing. Copy or download the bundle again.")
        if _sha256(folder / name) != manifest[name]:
            raise BundleError(
                f"{folder / name}: differs from what {MANIFEST} says: damaged or altered. "
                "Copy or download the bundle again."
            )
    return {name: str(manifest[name]) for name in _FILES}


def _model_digest(digests: dict[str, str]) -> str:
    """SHA-256 over ``sha256sum``-style lines of the files that an answer depends on."""
    lines = (f"{digests[name]}  {name}\n" for name in _ANSWERING_FILES)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror}).") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BundleError(f"{path}: missing. Expected a model bundle in this folder.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{path}: cannot be read as JSON ({error}).") from error
    if not isinstance(document, dict):
        raise BundleError(f"{path}: expected a JSON object. Received: {type(document).__name__}.")
    found: dict[str, Any] = with_new_names(document)
    return found


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
