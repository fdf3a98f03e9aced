"""Figures of a cross-validation, from the scores that its folds have written."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from cxr.errors import RunError
from cxr.model.operating_points import OperatingPoint, OperatingPoints
from training.metrics.calibration import Group, calibrate
from training.metrics.documents import (
    Evaluation,
    FoldsDocument,
    GroupFigures,
    PerturbationName,
)
from training.metrics.evaluation import classification_metrics, evaluate, sigmoid
from training.metrics.thresholds import operating_points, threshold_curve
from training.validation.folds_folder import FoldsFolder
from training.validation.perturbations import PERTURBATIONS


def measure_folds(out: Path, *, folds: int, elsewhere: Path | None = None) -> FoldsDocument:
    """Choose operating points on a cross-validation's finished folds, and compute all figures.

    The figures count images of reserved patients, too; what is chosen is chosen without them.

    Args:
        out: folder of the cross-validation; ``out_of_fold.csv`` is written there.
        folds: how many it has.
        elsewhere: folder of another one, by typicality or acquisition. Its held-out images
            represent images from elsewhere: thresholds and calibration have to hold for them, too.

    Raises:
        RunError: `elsewhere` is missing or unfinished.
    """
    folder = FoldsFolder(out)
    numbers = folder.finished(range(1, folds + 1))
    scores = folder.read_held_out(numbers)
    folder.save_out_of_fold(scores)
    perturbed = _by_perturbation(folder.read_perturbed(numbers))
    others = _read_elsewhere(elsewhere) if elsewhere else None
    source = (
        f"{len(scores):,} images of {scores['patient'].nunique():,} patients, each scored by a "
        f"network that never saw its patient ({len(numbers)} folds)"
    )
    points = _choose_points(scores, perturbed, others, source=source)
    document: FoldsDocument = {
        "source": source,
        "operating_points": points.to_json(),
        "result": _evaluate(scores, points),
        "folds": [
            {"fold": number, **_measure(fold, points)}
            for number in numbers
            if len(fold := scores[scores["fold"] == number])
        ],
        "perturbations": [
            {**_description(number), **_measure(table, points)}
            for number, table in perturbed.items()
        ],
    }
    if "reserved" in scores:
        reserved = scores[scores["reserved"] == 1]
        patients = reserved["patient"].nunique()
        document["reserved"] = {"images": len(reserved), "patients": patients}
    if others is not None:
        document["elsewhere"] = {
            **_measure(others, points),
            "intervals": _evaluate(others, points)["intervals"],
            "curve": [dataclasses.asdict(point) for point in _curve(others, points)],
        }
    return document


def _by_perturbation(perturbed: pd.DataFrame) -> dict[int, pd.DataFrame]:
    """The scores under each perturbation, by its number; -1 of the same images as they are."""
    return {
        int(table["perturbation"].iloc[0]): table
        for _, table in perturbed.groupby("perturbation")
        if table["label"].nunique() == 2
    }


def _choose_points(
    scores: pd.DataFrame,
    perturbed: Mapping[int, pd.DataFrame],
    others: pd.DataFrame | None,
    *,
    source: str,
) -> OperatingPoints:
    """Thresholds and calibration that hold under each binding perturbation and elsewhere, too."""
    conditions = [
        *(table for number, table in perturbed.items() if _description(number)["binding"]),
        *([] if others is None else [_without_reserved(others)]),
    ]
    points = operating_points(
        *_group(_without_reserved(scores)), source=source, conditions=list(map(_group, conditions))
    )
    return dataclasses.replace(points, curve=_curve(scores, points))


def _description(number: int) -> PerturbationName:
    if number < 0:
        return {"name": "as they are", "strength": "", "binding": True}
    found = PERTURBATIONS[number]
    return {"name": found.name, "strength": found.strength, "binding": found.binding}


def _without_reserved(scores: pd.DataFrame) -> pd.DataFrame:
    # Until 0.20 they were not scored.
    return scores[scores["reserved"] == 0] if "reserved" in scores else scores


def _curve(table: pd.DataFrame, points: OperatingPoints) -> tuple[OperatingPoint, ...]:
    labels, logits = _group(table)
    return threshold_curve(labels, sigmoid(calibrate(logits, points)))


def _evaluate(scores: pd.DataFrame, points: OperatingPoints) -> Evaluation:
    labels, logits = _group(scores)
    return evaluate(
        labels,
        calibrate(logits, points),
        scores["patient"].tolist(),
        scores["kind"].tolist(),
        threshold=points.threshold,
    )


def _measure(table: pd.DataFrame, points: OperatingPoints) -> GroupFigures:
    labels, logits = _group(table)
    found = dict(
        classification_metrics(labels, calibrate(logits, points), threshold=points.threshold)
    )
    return {
        "images": len(table),
        "auc": found["auc"],
        "accuracy": found["accuracy"],
        "sensitivity": found["sensitivity"],
        "specificity": found["specificity"],
        "calibration_error": found["calibration_error"],
    }


def _read_elsewhere(folder: Path) -> pd.DataFrame:
    try:
        return FoldsFolder(folder).read_out_of_fold()
    except (OSError, ValueError) as error:
        raise RunError(
            f"{folder}: no finished cross-validation ({error}). Run cross-validate --by typicality "
            "or --by acquisition first."
        ) from error


def _group(table: pd.DataFrame) -> Group:
    """Labels and logits, (N,) each."""
    return table["label"].to_numpy(), table["logit"].to_numpy(dtype=np.float32)
