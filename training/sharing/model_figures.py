"""A model's thresholds and figures, from images that it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt

from cxr.model.bundle import CLASS_NAMES
from cxr.model.operating_points import OperatingPoints
from training.data.images import Split
from training.fitting.config import LAST, TrainingConfig
from training.fitting.prediction import predict_logits
from training.fitting.run_folder import RunFolder
from training.metrics import plots
from training.metrics.calibration import calibrate
from training.metrics.documents import ModelFigures
from training.metrics.evaluation import evaluate, sigmoid
from training.metrics.roc import roc_curve
from training.metrics.thresholds import operating_points
from training.validation.estimate import Estimate


@dataclass(frozen=True, eq=False, kw_only=True)
class Measured:
    """What was measured of a model.

    Attributes:
        points: calibration and thresholds.
        figures: for its evaluation.
        log_odds: calibrated, (N,), of the images that it was measured on; None where networks of a
            cross-validation were measured in its place.
    """

    points: OperatingPoints
    figures: ModelFigures
    log_odds: npt.NDArray[np.float32] | None = None


def by_cross_validation(estimate: Estimate) -> Measured:
    """The figures of a cross-validation with the same settings, for a model of all images."""
    document = estimate.document
    figures: ModelFigures = {
        "source": document["source"],
        "by": document["by"],
        "result": document["result"],
        "folds": document["folds"],
        "perturbations": document["perturbations"],
        "folds_sha256": document["folds_sha256"],
        "epochs": document["training"]["epochs"],
    }
    if "reserved" in document:
        figures["reserved"] = document["reserved"]
    if "elsewhere" in document:
        figures["elsewhere"] = document["elsewhere"]
    return Measured(points=estimate.points, figures=figures)


def on_validation(
    config: TrainingConfig, split: Split, network: keras.Model, run: RunFolder
) -> Measured:
    """Thresholds and figures from the validation split of a training; draws its plots, too."""
    logits = predict_logits(network, split.images, config.preprocessing, flip_tta=config.flip_tta)
    labels = split.labels
    source = f"{len(labels):,} images of {split.patients:,} patients, held out of training"
    if config.select_by != LAST:
        source += f"; the epoch was also chosen on them, by {config.select_by}"
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
    roc = roc_curve(labels, {"held-out images": sigmoid(calibrated)})
    plots.save(roc, run.folder / "roc_curve.png")
    figures: ModelFigures = {"source": source, "result": result}
    return Measured(points=points, figures=figures, log_odds=calibrated)
