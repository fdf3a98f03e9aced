"""Cross-validation: every image is scored by a network that has not seen its patient.

OUT/config.json             configuration, images and folds
OUT/fold-1/ …               a run folder for each fold (see run_folder.py), and in it:
OUT/fold-1/held_out.csv     logits of the images that this fold holds out
OUT/fold-1/perturbed.csv    logits of a sample of them under each perturbation (perturbations.py)
OUT/out_of_fold.csv         the held-out images of all folds
OUT/cross_validation.json   figures: all images, each fold, each perturbation
OUT/mistakes.csv …          the worst mistakes; see mistakes.py
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, get_args

import keras
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from cxr.errors import DatasetError, RunError
from cxr.model.bundle import CLASS_NAMES
from cxr.model.operating_points import OperatingPoints
from cxr.ray_processes import Spreading, spread
from training.data.acquisition import acquisition_features, acquisition_groups, typicality_groups
from training.data.dataset import file_list_digest
from training.data.images import Split, Splits
from training.data.patients import folds_digest, patient_folds
from training.files import as_json, make_folder, read_json, read_object, write_json
from training.fitting.config import TrainingConfig, as_written_now
from training.fitting.fit import fit
from training.fitting.run_folder import RunFolder
from training.metrics.documents import CrossValidation
from training.validation.fold_figures import measure_folds
from training.validation.fold_scores import score, score_perturbed
from training.validation.mistakes import TABLE

By = Literal["patient", "acquisition", "typicality"]
RESULT = "cross_validation.json"

_CONFIG = "config.json"
_LAST = "perturbed.csv"  # of a fold: it is finished once it exists
IN_WORDS: dict[By, str] = {
    "patient": "at random, by patient",
    "acquisition": "by how the images were acquired (k-means), one group held out",
    "typicality": "by how typical their acquisition is of their class, the least typical first",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """How images are divided into folds, and how many are perturbed.

    Attributes:
        by: ``"patient"``, at random; ``"acquisition"``, into groups of images that were acquired
            alike; ``"typicality"``, from those acquired least like their class to the most typical.
        folds: how many, 2 or more.
        perturbed_images: how many images, half of each class, are scored under each perturbation.
        seed: of the folds and of the sample.
    """

    by: By
    folds: int
    perturbed_images: int
    seed: int

    def __post_init__(self) -> None:
        if self.by not in get_args(By):
            raise ValueError(
                f"Expected by to be one of {', '.join(get_args(By))}. Received: {self.by!r}"
            )
        if self.folds < 2:
            raise ValueError(f"Expected 2 folds or more. Received: {self.folds}")


class _Start(TypedDict):
    """The content of config.json: what has to be the same to go on with a cross-validation."""

    plan: dict[str, Any]
    training: dict[str, Any]
    file_list_sha256: str
    folds_sha256: str
    outlines_sha256: str | None


def cross_validate(
    config: TrainingConfig,
    whole: Split,
    data: Path,
    out: Path,
    plan: Plan,
    *,
    only: Sequence[int] | None = None,
    spreading: Spreading | None = None,
) -> CrossValidation:
    """Fit a network for each fold and score the images that it has not seen.

    An interrupted cross-validation is resumed.

    Args:
        config: of every fit.
        whole: all images.
        data: the folder that their paths are relative to.
        out: where everything goes.
        plan: how images are divided into folds.
        only: numbers of the folds to fit, from 1; all by default.
        spreading: over processes that fit a fold each; by default, all are fitted here.

    Returns:
        The content of ``OUT/cross_validation.json``.

    Raises:
        RunError: `out` holds another cross-validation.
        DatasetError: there are too few patients, or a fold lacks a class.
    """
    if only and not all(1 <= number <= plan.folds for number in only):
        raise DatasetError(f"Expected folds from 1 to {plan.folds}. Received: {only}")
    folds = _folds(plan, whole, data)
    _start(out, config, whole, plan, folds)
    numbers = sorted(set(only or range(1, plan.folds + 1)))
    waiting = [number for number in numbers if not (out / f"fold-{number}" / _LAST).exists()]
    shared = (config, whole, data, out, plan, folds)
    if spreading is None:
        for number in waiting:
            _run_fold(*shared, number)
    elif waiting:
        for number in spread(_run_fold, shared, waiting, spreading, shared_bytes=whole.nbytes):
            tqdm.write(f"fold {number} of {plan.folds}: finished")
    document = _summarize(out, config, plan)
    if waiting or not (out / TABLE).exists():
        _write_mistakes(out, config, whole, data, document)
    return document


def _run_fold(
    config: TrainingConfig,
    whole: Split,
    data: Path,
    out: Path,
    plan: Plan,
    folds: npt.NDArray[np.int64],
    number: int,
) -> int:
    """Fit the network of a fold and score the images that it has not seen; returns its number."""
    folder = out / f"fold-{number}"
    held_out = folds == number - 1
    tqdm.write(f"fold {number} of {plan.folds}: {held_out.sum()} images held out")
    splits = Splits(
        train=whole.take(np.flatnonzero(~held_out)),
        validation=whole.take(np.flatnonzero(held_out)),
        duplicates=[],
    )
    run = RunFolder(folder)
    run.start(config, data, splits)
    # Nothing is chosen by the held-out images, so the fit does not validate on them.
    network = fit(config, dataclasses.replace(splits, validation=whole.take([])), run)
    score(network, config, splits.validation, number, folder / "held_out.csv")
    perturbed = whole.take(np.flatnonzero(held_out & _perturbation_sample(whole, plan)))
    score_perturbed(network, config, perturbed, data, folder / _LAST)
    return number


def _folds(plan: Plan, whole: Split, data: Path) -> npt.NDArray[np.int64]:
    """The fold (N,) that holds each image out, from 0."""
    # Typicality is itself estimated by five folds.
    min_patients = max(plan.folds, 5 if plan.by == "typicality" else 2)
    for label, name in enumerate(CLASS_NAMES):
        patients = {record.patient for record in whole.records if record.label == label}
        if len(patients) < min_patients:
            raise DatasetError(
                f"{data}: expected at least {min_patients} patients of each class for this. "
                f"Found: {plan.folds} folds, {len(patients)} patients of {name}. Use fewer folds, "
                "or more images."
            )
    if plan.by == "patient":
        folds = patient_folds(whole.records, folds=plan.folds, seed=plan.seed)
    else:
        group = acquisition_groups if plan.by == "acquisition" else typicality_groups
        features = acquisition_features(data, whole.records)
        folds = group(features, whole.records, groups=plan.folds, seed=plan.seed)
    for number in range(plan.folds):
        present = set(whole.labels[folds == number])
        if present != {0, 1}:
            raise DatasetError(
                f"{data}: fold {number + 1} of {plan.folds} would lack a class. Use fewer folds."
            )
    return folds


def _start(
    out: Path, config: TrainingConfig, whole: Split, plan: Plan, folds: npt.NDArray[np.int64]
) -> None:
    """Record what is fitted, or check that a cross-validation begun here has the same."""
    document: _Start = {
        "plan": dataclasses.asdict(plan),
        "training": as_written_now(config.to_json()),
        "file_list_sha256": file_list_digest(whole.records),
        "folds_sha256": folds_digest(whole.records, folds),
        "outlines_sha256": whole.outlines_sha256,
    }
    now = as_json(document)
    if (out / _CONFIG).exists():
        before = read_object(out / _CONFIG)
        training = before.get("training")
        before["training"] = as_written_now(training if isinstance(training, dict) else {})
        differing = sorted(key for key in now if before.get(key) != now[key])
        if differing:
            raise RunError(
                f"{out}: holds a cross-validation with another {', '.join(differing)}. "
                "Choose another --out."
            )
        return
    make_folder(out)
    write_json(out / _CONFIG, document)


def _perturbation_sample(whole: Split, plan: Plan) -> npt.NDArray[np.bool_]:
    """Which images (N,) are scored under each perturbation."""
    rng = np.random.default_rng(plan.seed)
    chosen = np.zeros(len(whole.records), dtype=bool)
    for label in (0, 1):
        members = rng.permutation(np.flatnonzero(whole.labels == label))
        chosen[members[: plan.perturbed_images // 2]] = True
    return chosen


def _summarize(out: Path, config: TrainingConfig, plan: Plan) -> CrossValidation:
    """Measure the finished folds, and write ``OUT/cross_validation.json``."""
    start: _Start = read_json(out / _CONFIG)
    document: CrossValidation = {
        "by": IN_WORDS[plan.by],
        "plan": dataclasses.asdict(plan),
        "training": config.to_json(),
        "file_list_sha256": start["file_list_sha256"],
        "folds_sha256": start["folds_sha256"],
        "outlines_sha256": start["outlines_sha256"],
        **measure_folds(out, folds=plan.folds),
    }
    write_json(out / RESULT, document)
    return document


def _write_mistakes(
    out: Path, config: TrainingConfig, whole: Split, data: Path, document: CrossValidation
) -> None:
    if keras.backend.backend() != "tensorflow":
        tqdm.write(
            f"{out}: heatmaps need TensorFlow. Run the same command again with "
            "KERAS_BACKEND=tensorflow to write the worst mistakes."
        )
        return
    # Here, since it imports TensorFlow, which training does without.
    from training.validation.fold_mistakes import write_fold_mistakes

    points = OperatingPoints.from_json(document["operating_points"])
    write_fold_mistakes(out, config, whole, data, points)
