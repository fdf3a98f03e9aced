"""Thresholds and figures of a model trained on all images, taken from a cross-validation.

A model that is trained on all images has none left to be measured on. A finished cross-validation
of the same settings gives its figures, and the thresholds are chosen on its out-of-fold images.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, cast

from cxr.errors import RunError
from cxr.model.operating_points import OperatingPoints
from training.data.fingerprints import file_list_digest
from training.data.images import Split
from training.files import read_json
from training.fitting.config import TrainingConfig
from training.fitting.config_comparison import MAY_DIFFER, differing_settings
from training.metrics.documents import CrossValidation
from training.validation.fold_figures import measure_folds
from training.validation.folds import Plan
from training.validation.folds_folder import FoldsFolder

_NEEDED = {
    *("source", "by", "result", "perturbations", "folds"),
    *("file_list_sha256", "folds_sha256"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a cross-validation found for networks that are fitted by the same settings.

    Attributes:
        points: calibration and thresholds, chosen on out-of-fold images.
        document: the content of ``cross_validation.json``, with the section elsewhere if a second
            cross-validation was given.
    """

    points: OperatingPoints
    document: CrossValidation


def read_estimate(
    folder: Path,
    config: TrainingConfig,
    images: Split,
    *,
    elsewhere: Path | None = None,
) -> Estimate:
    """Read a finished cross-validation.

    Args:
        folder: its folder.
        config: of the fit that it is used for.
        images: of that fit, with their outlines.
        elsewhere: folder of a second cross-validation, by typicality or acquisition. Thresholds and
            calibration are chosen to hold for its held-out images, too.

    Raises:
        RunError: one of them is missing, unfinished, not by what it should be, of other images or
            outlines, or of another configuration.
    """
    points, document, plan = _read(folder, config, images)
    folds = len(document["folds"])
    if plan.by != "patient" or folds != plan.folds:
        raise RunError(
            f"{FoldsFolder(folder).result}: expected all folds by patient, so that every image is "
            f"scored. Received: {folds} of {plan.folds} folds by {plan.by}. Run cross-validate "
            "--by patient for all folds."
        )
    if elsewhere:
        _, _, other = _read(elsewhere, config, images)
        if other.by == "patient":
            raise RunError(
                f"{FoldsFolder(elsewhere).result}: expected folds by typicality or acquisition, "
                "whose images stand for images from elsewhere. Received: folds by patient."
            )
        document |= measure_folds(folder, folds=plan.folds, elsewhere=elsewhere)
        points = OperatingPoints.from_json(document["operating_points"])
    return Estimate(points=points, document=cast(CrossValidation, document))


def _read(
    folder: Path, config: TrainingConfig, images: Split
) -> tuple[OperatingPoints, dict[str, Any], Plan]:
    """What a cross-validation of these settings on these images found, and its plan."""
    path = FoldsFolder(folder).result
    try:
        document = read_json(path)
        points = OperatingPoints.from_json(document["operating_points"])
        trained = TrainingConfig.from_json(document["training"]).to_json()
        plan = Plan(**document["plan"])
        missing = _NEEDED - document.keys()
        if missing:
            raise KeyError(*missing)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{path}: no finished cross-validation ({error!r}). Run cross-validate first."
        ) from error
    if differing := differing_settings(trained, config.to_json(), but=MAY_DIFFER):
        raise RunError(
            f"{path}: was fitted with another {', '.join(differing)}. Give the settings of that "
            "cross-validation, or run it again with these."
        )
    if document["file_list_sha256"] != file_list_digest(images.records):
        raise RunError(f"{path}: was made on other images. Run cross-validate on these.")
    # Until 0.17 it was not written down.
    outlines = images.outlines_sha256
    if document.get("outlines_sha256", outlines) != outlines:
        raise RunError(
            f"{path}: was made with other outlines, or with other images from outside the data "
            "folder. Give the tables of that cross-validation, or run it again with these."
        )
    return points, document, plan
