"""A finished cross-validation stands for a fit on all images: thresholds, calibration, figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cxr.errors import RunError
from cxr.model.operating_points import OperatingPoints
from training.data.dataset import Record, file_list_digest
from training.files import read_json
from training.fitting.config import TrainingConfig
from training.validation.cross_validation import RESULT, Plan
from training.validation.fold_figures import measure_folds


@dataclasses.dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a cross-validation says of networks fitted like the one at hand.

    Attributes:
        points: calibration and thresholds, from out-of-fold images alone.
        document: the content of ``cross_validation.json``.
    """

    points: OperatingPoints
    document: dict[str, Any]


def read_estimate(
    folder: Path,
    config: TrainingConfig,
    images: Sequence[Record],
    *,
    elsewhere: Path | None = None,
) -> Estimate:
    """Read a finished cross-validation.

    Args:
        folder: its folder.
        config: of the fit that it is to stand for.
        images: of that fit.
        elsewhere: folder of a second cross-validation, by typicality or acquisition, whose
            held-out images thresholds and calibration have to hold for, too.

    Raises:
        RunError: it is missing, unfinished, not by patient, of other images, or of another
            configuration.
    """
    path = folder / RESULT
    try:
        document = read_json(path)
        points = OperatingPoints.from_json(document["operating_points"])
        trained = TrainingConfig.from_json(document["training"]).to_json()
        plan = Plan(**document["plan"])
        folds = len(document["folds"])
        missing = {"source", "by", "result", "perturbations", "file_list_sha256"} - document.keys()
        if missing:
            raise KeyError(*missing)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path}: no finished cross-validation ({error!r}).") from error
    if plan.by != "patient" or folds != plan.folds:
        raise RunError(
            f"{path}: expected all folds by patient, so that every image is scored. Received: "
            f"{folds} of {plan.folds} folds by {plan.by}."
        )
    now = config.to_json()
    # A longer fit on more images is what the estimate is for; the floor is of heatmaps alone.
    free = {"epochs", "seed", "floor"}
    differing = sorted(key for key in now.keys() - free if trained.get(key) != now[key])
    if differing:
        raise RunError(
            f"{path}: was fitted with another {', '.join(differing)}. Give the settings that it "
            "was made with, or make it anew."
        )
    if document["file_list_sha256"] != file_list_digest(images):
        raise RunError(f"{path}: was made on other images. Make it anew on these.")
    if elsewhere:
        document |= measure_folds(folder, folds=plan.folds, elsewhere=elsewhere)
        points = OperatingPoints.from_json(document["operating_points"])
    return Estimate(points=points, document=document)
