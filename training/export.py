"""A trained network becomes a bundle: thresholds and heatmap scale from its validation films.

Needs TensorFlow, for Grad-CAM; the fit before it does not.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from cxr.bundle import CLASS_NAMES, Bundle, save_bundle
from cxr.gradcam import GradCAM
from training import plots
from training.calibration import operating_points
from training.card import model_card
from training.config import TrainingConfig
from training.dataset import file_list_digest, is_kermany
from training.evaluation import classification_metrics, sigmoid
from training.films import Part, Parts
from training.run_folder import RunFolder, versions

# One film with pneumonia in twenty is hotter at its hottest place than the heatmap's top colour.
HEATMAP_PERCENTILE = 95

_KERMANY = {
    "name": "training split of chest_xray (Kermany 2018)",
    "population": "children of 1–5 years, anterior-posterior",
    "credit": "Kermany, Zhang, Goldbaum 2018, *Large Dataset of Labeled Optical Coherence "
    "Tomography (OCT) and Chest X-Ray Images*, Mendeley Data, CC BY 4.0.",
}


def export(
    config: TrainingConfig,
    parts: Parts,
    network: keras.Model,
    run: RunFolder,
    *,
    name: str,
    version: str,
) -> Bundle:
    """Measure a trained network on its validation films and write ``RUN/bundle``.

    Args:
        config: that it was trained with.
        parts: that it was trained and is measured on.
        network: with its final weights.
        run: where the bundle and the plots of its evaluation go.
        name: of the model.
        version: of the model.

    Returns:
        The bundle, read back and verified.
    """
    logits, activations = _explain(network, parts.validation, config)
    labels = parts.validation.labels
    source = f"{len(labels)} held-out films, {labels.sum()} of them with pneumonia"
    points = operating_points(labels, logits, source=source)
    probabilities = sigmoid(logits / points.temperature)
    called = probabilities >= points.threshold
    evaluation = {
        "source": source,
        "films": len(labels),
        "patients": parts.validation.patients,
        "pneumonia": int(labels.sum()),
        "metrics": dict(
            classification_metrics(labels, logits / points.temperature, threshold=points.threshold)
        ),
        "sensitivity_by_kind": _sensitivity_by_kind(parts.validation, called),
    }
    settings = config.to_json()
    document: dict[str, Any] = {
        "name": name,
        "version": version,
        "class_names": list(CLASS_NAMES),
        "network": settings["network"],
        "preprocessing": settings["preprocessing"],
        "heatmap": {"reference": _heatmap_reference(activations[labels == 1])},
        "parameters": network.count_params(),
        "trained_on": _provenance(parts.train),
        "training": settings,
        "versions": versions(),
    }
    plots.confusion_matrix(labels, called, CLASS_NAMES, run.folder / "confusion_matrix.png")
    plots.roc_curve(labels, probabilities, run.folder / "roc_curve.png")
    return save_bundle(
        run.bundle,
        network=network,
        config=document,
        operating_points=points,
        evaluation=evaluation,
        card=model_card(document, points, evaluation),
    )


def _explain(
    network: keras.Model, part: Part, config: TrainingConfig, *, batch_size: int = 32
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Logits (N,) and activation maps (N, h, w) of a part's films."""
    gradcam = GradCAM(network)
    batches = [
        gradcam(config.preprocessing.normalize(part.films[i : i + batch_size].astype(np.float32)))
        for i in range(0, len(part.films), batch_size)
    ]
    logits, activations = zip(*batches, strict=True)
    return np.concatenate(logits), np.concatenate(activations)


def _heatmap_reference(activations: npt.NDArray[np.float32]) -> float:
    """The activation that heatmaps show as 1, from the maps (N, h, w) of films with pneumonia."""
    reference = np.percentile(activations.max(axis=(1, 2)), HEATMAP_PERCENTILE)
    return max(float(reference), float(np.finfo(np.float32).tiny))


def _sensitivity_by_kind(part: Part, called: npt.NDArray[np.bool_]) -> dict[str, dict[str, int]]:
    """For each kind of pneumonia, how many films there are and how many are found."""
    kinds = np.array([record.kind for record in part.records])
    return {
        str(kind): {
            "films": int(np.sum(kinds == kind)),
            "found": int(np.sum(called[kinds == kind])),
        }
        for kind in np.unique(kinds[part.labels == 1])
    }


def _provenance(train: Part) -> dict[str, Any]:
    """What the model learned from; nothing is claimed of films that are not recognised."""
    known = is_kermany(train.records)
    unknown = {"name": "a private folder", "population": "not recorded", "credit": "Not recorded."}
    return {
        **(_KERMANY if known else unknown),
        "films": len(train.records),
        "patients": train.patients,
        "file_list_sha256": file_list_digest(train.records),
    }
