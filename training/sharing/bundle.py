"""Makes a bundle of a trained network.

Needs TensorFlow for Grad-CAM; training itself does not.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from cxr.errors import BundleError
from cxr.model.bundle import CLASS_NAMES, Bundle, load_bundle, save_bundle, save_evaluation
from training.data.dataset import is_kermany, unnamed_patients
from training.data.fingerprints import file_list_digest, split_fingerprints
from training.data.images import Split, Splits
from training.files import replaced_whole
from training.fitting.config import TrainingConfig
from training.fitting.run_folder import RunFolder, versions
from training.metrics.documents import BundleEvaluation
from training.networks.export import IMAGES, write_network
from training.networks.gradcam import GradCAM
from training.sharing.card import measured_sections, model_card
from training.sharing.model_figures import Measured
from training.validation.heatmap_scale import HEATMAP_METHOD, heatmap_reference

_MOST_KNOWN = 80_000  # images of a training by their fingerprints, of 33 bytes each
_KERMANY = {
    "name": "training split of chest_xray (Kermany 2018)",
    "population": "children of 1–5 years, anterior-posterior",
    "hub_dataset": "hf-vision/chest-xray-pneumonia",
    "credit": "Kermany, Zhang, Goldbaum 2018, *Large Dataset of Labeled Optical Coherence "
    "Tomography (OCT) and Chest X-Ray Images*, Mendeley Data, CC BY 4.0.",
}


def write_bundle(
    config: TrainingConfig,
    splits: Splits,
    network: keras.Model,
    run: RunFolder,
    *,
    name: str,
    version: str,
    measured: Measured,
    credit: str = "",
) -> Bundle:
    """Write ``RUN/bundle``: the network, its thresholds, its figures and its card.

    Args:
        config: the configuration that it was trained with.
        splits: the images that it was trained on; those for validation set the heatmap's scale.
        network: the network with its final weights.
        run: folder for the bundle.
        name: of the model.
        version: of the model.
        measured: its thresholds and figures.
        credit: who drew the outlines that it was trained on; empty if nobody did.

    Returns:
        The bundle, read back and verified.
    """
    history = run.read_history(config.epochs)
    evaluation: BundleEvaluation = {
        **measured.figures,
        "history": history,
        "kept_epoch": config.best_epoch(history),
        "trained_fingerprints": split_fingerprints(splits.train, most=_MOST_KNOWN),
        # Its extra images are those of the training.
        "validation_fingerprints": split_fingerprints(
            replace(splits.validation, extra=None), most=_MOST_KNOWN // 4
        ),
    }
    document = {
        "name": name,
        "version": version,
        **_settings(config),
        "heatmap": {
            "method": HEATMAP_METHOD,
            "reference": _heatmap_reference(network, splits, config),
        },
        "parameters": network.count_params(),
        "trained_on": _provenance(splits.train) | ({"outlines": credit} if credit else {}),
        "versions": versions(),
    }
    former = _former_bundle(run)
    # In one step: a bundle that was there answers until the new one is whole.
    with replaced_whole(run.bundle) as new:
        save_bundle(
            new,
            write_network=partial(
                write_network, network, config.network, images=_some_images(splits.train, config)
            ),
            config=document,
            operating_points=measured.points,
            evaluation=dict(evaluation),
            card=model_card(document, measured.points, dict(evaluation)),
        )
    return _with_sections_of(former, load_bundle(run.bundle))


def _former_bundle(run: RunFolder) -> Bundle | None:
    """The bundle that a run has already; None if it has none that is intact."""
    try:
        return load_bundle(run.bundle)
    except BundleError:
        return None


def _with_sections_of(former: Bundle | None, bundle: Bundle) -> Bundle:
    """The bundle with what was measured later of a former one, if it is the same model."""
    sections = measured_sections(former) if former else {}
    if not sections:
        return bundle
    if former is None or former.sha256 != bundle.sha256:
        tqdm.write(
            f"{bundle.folder}: is another model than before. What was measured of that one is left "
            f"out: {', '.join(sections)}. Measure again, and add it with python -m training card."
        )
        return bundle
    evaluation = {**bundle.evaluation, **sections}
    card = model_card(bundle.config, bundle.operating_points, evaluation)
    return save_evaluation(bundle, evaluation=evaluation, card=card)


def _settings(config: TrainingConfig) -> dict[str, Any]:
    """The configuration: by itself what an answer depends on, and under ``training`` all of it."""
    settings = config.to_json()
    return {
        "class_names": list(CLASS_NAMES),
        "network": settings["network"],
        "preprocessing": settings["preprocessing"],
        "flip_tta": config.flip_tta,
        "training": settings,
    }


def _some_images(split: Split, config: TrainingConfig) -> npt.NDArray[np.float32]:
    """Images of both classes, normalised, to compare the exported graph with the network on."""
    chosen = np.linspace(0, len(split.images) - 1, IMAGES).astype(int)
    return config.preprocessing.normalize(split.images[chosen].astype(np.float32))


def _heatmap_reference(network: keras.Model, splits: Splits, config: TrainingConfig) -> float:
    """The evidence that heatmaps show as 1, from the validation split if there is one."""
    split = splits.validation if splits.validation.records else splits.train
    gradcam = GradCAM(network, method=HEATMAP_METHOD, flip_tta=config.flip_tta)
    return heatmap_reference(gradcam, split, config.preprocessing)


def _provenance(train: Split) -> dict[str, Any]:
    """What the model was trained on; nothing is claimed about images that are not recognised."""
    known = is_kermany(train.records)
    unknown = {"name": "a private folder", "population": "not recorded", "credit": "Not recorded."}
    return {
        **(_KERMANY if known else unknown),
        "images": len(train.records),
        "patients": train.patients,
        "without_patient": len(unnamed_patients(train.records)),
        "file_list_sha256": file_list_digest(train.records),
    }
