"""A trained network becomes a bundle: thresholds and figures from images not trained on.

Needs TensorFlow, for Grad-CAM; the fit before it does not.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from cxr.model.bundle import CLASS_NAMES, Bundle, save_bundle
from cxr.model.gradcam import GradCAM
from cxr.model.heatmap_method import Method
from cxr.model.operating_points import OperatingPoints
from training.data.dataset import file_list_digest, fingerprints, is_kermany
from training.data.images import Split, Splits
from training.fitting.config import LAST, TrainingConfig
from training.fitting.prediction import predict_logits
from training.fitting.run_folder import RunFolder, versions
from training.metrics import plots
from training.metrics.calibration import calibrate, operating_points
from training.metrics.evaluation import evaluate, sigmoid
from training.sharing.card import model_card
from training.validation.estimate import Estimate

# One image with pneumonia in twenty is hotter at its hottest place than the heatmap's top colour.
HEATMAP_PERCENTILE = 95
HEATMAP_IMAGES = 600
HEATMAP_METHOD: Method = "gradcam"  # the one that measures best, see training/EXPERIMENTS.md

_KERMANY = {
    "name": "training split of chest_xray (Kermany 2018)",
    "population": "children of 1–5 years, anterior-posterior",
    "hub_dataset": "hf-vision/chest-xray-pneumonia",
    "credit": "Kermany, Zhang, Goldbaum 2018, *Large Dataset of Labeled Optical Coherence "
    "Tomography (OCT) and Chest X-Ray Images*, Mendeley Data, CC BY 4.0.",
}


def export(
    config: TrainingConfig,
    splits: Splits,
    network: keras.Model,
    run: RunFolder,
    *,
    name: str,
    version: str,
    credit: str = "",
    estimate: Estimate | None = None,
) -> Bundle:
    """Write ``RUN/bundle``: the network, its thresholds, and what is known of it.

    Args:
        config: that it was trained with.
        splits: that it was trained on, and is measured on unless there is an estimate.
        network: with its final weights.
        run: where the bundle and the plots of its evaluation go.
        name: of the model.
        version: of the model.
        credit: of who drew the outlines that it learned from; empty if nobody did.
        estimate: out-of-fold figures and thresholds of networks fitted alike, if there are any.

    Returns:
        The bundle, read back and verified.
    """
    if estimate:
        points, measured = estimate.points, _of_estimate(estimate)
    else:
        points, measured = _on_validation(config, splits.validation, network, run)
    history = run.read_history(config.epochs)
    evaluation = {
        **measured,
        "history": history,
        "kept_epoch": config.best_epoch(history),
        "trained_images": " ".join(sorted(fingerprints(splits.train.records))),
    }
    settings = config.to_json()
    document: dict[str, Any] = {
        "name": name,
        "version": version,
        "class_names": list(CLASS_NAMES),
        "network": settings["network"],
        "preprocessing": settings["preprocessing"],
        "flip_tta": config.flip_tta,
        "heatmap": {
            "method": HEATMAP_METHOD,
            "reference": _heatmap_reference(network, splits, config),
        },
        "parameters": network.count_params(),
        "trained_on": _provenance(splits.train) | ({"outlines": credit} if credit else {}),
        "training": settings,
        "versions": versions(),
    }
    return save_bundle(
        run.bundle,
        network=network,
        config=document,
        operating_points=points,
        evaluation=evaluation,
        card=model_card(document, points, evaluation),
    )


def _of_estimate(estimate: Estimate) -> dict[str, Any]:
    keys = ("source", "by", "result", "folds", "perturbations", "folds_sha256", "elsewhere")
    return {
        **{key: estimate.document[key] for key in keys if key in estimate.document},
        "epochs": estimate.document["training"]["epochs"],
    }


def _on_validation(
    config: TrainingConfig, split: Split, network: keras.Model, run: RunFolder
) -> tuple[OperatingPoints, dict[str, Any]]:
    """Thresholds and figures from images that were held out of this one fit."""
    logits = predict_logits(network, split.images, config.preprocessing, flip_tta=config.flip_tta)
    labels = split.labels
    source = f"{len(labels):,} images of {split.patients:,} patients, held out of training"
    if config.select_by != LAST:
        source += f"; the epoch was chosen on them, too, by {config.select_by}"
    points = operating_points(labels, logits, source=source)
    calibrated = calibrate(logits, points)
    result = evaluate(
        labels,
        calibrated,
        [record.patient for record in split.records],
        [record.kind for record in split.records],
        threshold=points.threshold,
    )
    confusion = plots.confusion_matrix(np.array(result["confusion"]), CLASS_NAMES)
    plots.save(confusion, run.folder / "confusion_matrix.png")
    roc = plots.roc_curve(labels, {"held-out images": sigmoid(calibrated)})
    plots.save(roc, run.folder / "roc_curve.png")
    return points, {"source": source, "result": result}


def _heatmap_reference(network: keras.Model, splits: Splits, config: TrainingConfig) -> float:
    """The activation that heatmaps show as 1, from images with pneumonia, held out if there are."""
    split = splits.validation if splits.validation.records else splits.train
    images = split.images[np.flatnonzero(split.labels == 1)[:HEATMAP_IMAGES]]
    gradcam = GradCAM(network, method=HEATMAP_METHOD, flip_tta=config.flip_tta)
    hottest = [
        gradcam(config.preprocessing.normalize(images[i : i + 32].astype(np.float32)))[1].max(
            (1, 2)
        )
        for i in range(0, len(images), 32)
    ]
    reference = np.percentile(np.concatenate(hottest), HEATMAP_PERCENTILE)
    return max(float(reference), float(np.finfo(np.float32).tiny))


def _provenance(train: Split) -> dict[str, Any]:
    """What the model learned from; nothing is claimed of images that are not recognised."""
    known = is_kermany(train.records)
    unknown = {"name": "a private folder", "population": "not recorded", "credit": "Not recorded."}
    return {
        **(_KERMANY if known else unknown),
        "images": len(train.records),
        "patients": train.patients,
        "file_list_sha256": file_list_digest(train.records),
    }
