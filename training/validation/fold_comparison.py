"""Two cross-validations on the same folds: their differences, with paired intervals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cxr.errors import RunError
from cxr.model.operating_points import OperatingPoints
from training.files import read_json
from training.metrics.calibration import calibrate
from training.metrics.comparison import Predictions, compare
from training.metrics.documents import Comparison
from training.metrics.evaluation import LogOdds, sigmoid
from training.validation.folds_folder import FoldsFolder


def compare_folds(first: Path, second: Path) -> Comparison:
    """Differences of two cross-validations, first minus second, on the images that both scored.

    Each is calibrated, and predicts, by its own operating points.

    Args:
        first: folder of one.
        second: folder of the other, with the same images and folds.

    Raises:
        RunError: one of them is missing or unfinished, or they have other images or folds.
    """
    documents = [_read(folder) for folder in (first, second)]
    for name, of in (("file_list_sha256", "images"), ("folds_sha256", "folds")):
        if documents[0].get(name) != documents[1].get(name):
            raise RunError(
                f"{first}, {second}: have other {of}, so that they cannot be compared image by "
                "image. Use the same data and the same --by, --folds and --folds-seed for both."
            )
    scores = [_scores(folder) for folder in (first, second)]
    both = scores[0].index.intersection(scores[1].index)
    if scores[0].loc[both, "label"].nunique() < 2:
        raise RunError(
            f"{first}, {second}: no images of both classes were scored by both. Finish the same "
            "folds of both."
        )
    ours, theirs = (table.loc[both] for table in scores)
    return compare(
        ours["label"].to_numpy(),
        _answers(ours, documents[0]),
        _answers(theirs, documents[1]),
        ours["patient"].tolist(),
    )


def _read(folder: Path) -> dict[str, Any]:
    path = FoldsFolder(folder).result
    try:
        document: dict[str, Any] = read_json(path)
        OperatingPoints.from_json(document["operating_points"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path}: no finished cross-validation ({error!r}).") from error
    return document


def _scores(folder: Path) -> pd.DataFrame:
    """The scores by path of image."""
    try:
        return FoldsFolder(folder).read_out_of_fold().set_index("path")
    except (OSError, ValueError, KeyError) as error:
        raise RunError(f"{folder}: its scores cannot be read ({error}).") from error


def _answers(scores: pd.DataFrame, document: dict[str, Any]) -> tuple[LogOdds, Predictions]:
    points = OperatingPoints.from_json(document["operating_points"])
    log_odds = calibrate(scores["logit"].to_numpy(dtype=np.float32), points)
    return log_odds, sigmoid(log_odds) >= points.threshold
