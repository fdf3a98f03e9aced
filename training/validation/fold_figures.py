"""Figures of a cross-validation, from the scores that its folds have written."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cxr.errors import RunError
from cxr.model.operating_points import OperatingPoint, OperatingPoints
from training.files import write_text
from training.metrics.calibration import Group, calibrate
from training.metrics.documents import Evaluation, FoldsDocument, GroupFigures
from training.metrics.evaluation import classification_metrics, evaluate, sigmoid
from training.metrics.thresholds import operating_points, threshold_curve
from training.validation.perturbations import PERTURBATIONS

_OUT_OF_FOLD = "out_of_fold.csv"


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
    numbers = [n for n in range(1, folds + 1) if (out / f"fold-{n}" / "perturbed.csv").exists()]
    scores = _read(out, numbers, "held_out.csv").sort_values("path")
    perturbed = _read(out, numbers, "perturbed.csv")
    write_text(out / _OUT_OF_FOLD, scores.to_csv(index=False, float_format="%.6f"))
    source = (
        f"{len(scores):,} images of {scores['patient'].nunique():,} patients, each scored by a "
        f"network that never saw its patient ({len(numbers)} folds)"
    )
    groups = {
        int(table["perturbation"].iloc[0]): table
        for _, table in perturbed.groupby("perturbation")
        if table["label"].nunique() == 2
    }
    binding = {number: number < 0 or PERTURBATIONS[number].binding for number in groups}
    others = _read_elsewhere(elsewhere) if elsewhere else None
    conditions = [
        *(table for number, table in groups.items() if binding[number]),
        *([] if others is None else [_without_reserved(others)]),
    ]
    points = operating_points(
        *_group(_without_reserved(scores)), source=source, conditions=list(map(_group, conditions))
    )
    points = dataclasses.replace(points, curve=_curve(scores, points))

    def measure(table: pd.DataFrame) -> GroupFigures:
        return _measure(table, points)

    names = {-1: ("as they are", "")} | {
        i: (s.name, s.strength) for i, s in enumerate(PERTURBATIONS)
    }
    document: FoldsDocument = {
        "source": source,
        "operating_points": points.to_json(),
        "result": _evaluate(scores, points),
        "folds": [
            {"fold": number, **measure(fold)}
            for number in numbers
            if len(fold := scores[scores["fold"] == number])
        ],
        "perturbations": [
            {
                "name": names[number][0],
                "strength": names[number][1],
                "binding": binding[number],
                **measure(table),
            }
            for number, table in groups.items()
        ],
    }
    if "reserved" in scores:
        reserved = scores[scores["reserved"] == 1]
        document["reserved"] = {
            "images": len(reserved),
            "patients": reserved["patient"].nunique(),
        }
    if others is not None:
        document["elsewhere"] = {
            **measure(others),
            "intervals": _evaluate(others, points)["intervals"],
            "curve": [dataclasses.asdict(point) for point in _curve(others, points)],
        }
    return document


def read_scores(out: Path) -> pd.DataFrame:
    """The scores that `measure_folds` found: path, label, patient, kind, fold and logit.

    Raises:
        OSError: there are none.
    """
    return _read_csv(out / _OUT_OF_FOLD)


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
        return read_scores(folder)
    except (OSError, ValueError) as error:
        raise RunError(
            f"{folder}: no finished cross-validation ({error}). Run cross-validate --by typicality "
            "or --by acquisition first."
        ) from error


def _group(table: pd.DataFrame) -> Group:
    """Labels and logits, (N,) each."""
    return table["label"].to_numpy(), table["logit"].to_numpy(dtype=np.float32)


def _read(out: Path, numbers: Sequence[int], name: str) -> pd.DataFrame:
    tables = [_read_csv(out / f"fold-{number}" / name) for number in numbers]
    if any("reserved" in table for table in tables):  # a fold of 0.20 has no such column
        tables = [table.assign(reserved=table.get("reserved", 0)) for table in tables]
    return pd.concat([table for table in tables if len(table)] or tables)


def _read_csv(path: Path) -> pd.DataFrame:
    # Patients' ids are kept as text: "0012" is not 12, and "NA" is not a missing value.
    types = {
        "path": str,
        "patient": str,
        "kind": str,
        "label": int,
        "logit": float,
        "fold": int,
        "reserved": int,
        "perturbation": int,
    }
    return pd.read_csv(path, dtype=types, keep_default_na=False)
