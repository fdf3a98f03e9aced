"""Cross-validation: every image is scored by a network that has not seen its patient.

Its folder is described in `training.validation.folds_folder`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

import keras
from tqdm import tqdm

from cxr.errors import DatasetError, RunError
from cxr.model.operating_points import OperatingPoints
from cxr.ray_processes import Spreading, spread
from training.data.fingerprints import file_list_digest
from training.files import as_json, make_folder, read_json, read_object, write_json
from training.fitting.config import TrainingConfig
from training.fitting.config_comparison import WITHOUT_EFFECT, differing_settings
from training.fitting.fit import fit
from training.metrics.documents import CrossValidation
from training.validation.fold_figures import measure_folds
from training.validation.fold_scores import score, score_perturbed
from training.validation.folds import IN_WORDS, FoldedImages, Plan
from training.validation.folds_folder import FoldsFolder
from training.validation.mistakes import TABLE


class _Start(TypedDict):
    """The content of config.json: what has to be the same to go on with a cross-validation."""

    plan: dict[str, Any]
    training: dict[str, Any]
    file_list_sha256: str
    folds_sha256: str
    outlines_sha256: str | None


def cross_validate(
    config: TrainingConfig,
    images: FoldedImages,
    data: Path,
    out: Path,
    *,
    only: Sequence[int] | None = None,
    spreading: Spreading | None = None,
) -> CrossValidation:
    """Fit a network for each fold and score the images that it has not seen.

    An interrupted cross-validation is resumed.

    Args:
        config: of every fit.
        images: in their folds.
        data: the folder that their paths are relative to.
        out: where everything goes.
        only: numbers of the folds to fit, from 1; all by default.
        spreading: over processes that fit a fold each; by default, all are fitted here.

    Returns:
        The content of ``OUT/cross_validation.json``.

    Raises:
        RunError: `out` holds another cross-validation.
        DatasetError: there is no fold of a number in `only`.
    """
    folds = images.plan.folds
    if only and not all(1 <= number <= folds for number in only):
        raise DatasetError(f"Expected folds from 1 to {folds}. Received: {only}")
    _start(FoldsFolder(out), config, images)
    numbers = set(only or range(1, folds + 1))
    waiting = sorted(numbers - set(FoldsFolder(out).finished(sorted(numbers))))
    if waiting:  # what is there is of fewer folds
        (out / TABLE).unlink(missing_ok=True)
    shared = (config, images, data, out)
    if spreading is None:
        for number in waiting:
            _run_fold(*shared, number)
    elif waiting:
        for number in spread(_run_fold, shared, waiting, spreading, shared_bytes=images.nbytes):
            tqdm.write(f"fold {number}: finished")
    document = _summarize(out, config, images.plan)
    if waiting or not (out / TABLE).exists():
        _write_mistakes(out, config, images, data, document)
    return document


def _run_fold(
    config: TrainingConfig, images: FoldedImages, data: Path, out: Path, number: int
) -> int:
    """Fit the network of a fold and score the images that it has not seen; returns its number."""
    folder = FoldsFolder(out)
    splits = images.splits(number)
    tqdm.write(
        f"fold {number} of {images.plan.folds}: {len(splits.validation.records)} images held out"
    )
    run = folder.run(number)
    run.start(config, data, splits)
    # Nothing is chosen by the held-out images, so the fit does not validate on them.
    network = fit(config, dataclasses.replace(splits, validation=splits.train.take([])), run)
    score(network, config, images, number, folder.held_out(number))
    score_perturbed(network, config, images.perturbed_of(number), data, folder.perturbed(number))
    return number


def _start(folder: FoldsFolder, config: TrainingConfig, images: FoldedImages) -> None:
    """Record what is fitted, or check that a cross-validation begun here has the same."""
    document: _Start = {
        "plan": dataclasses.asdict(images.plan),
        "training": config.to_json(),
        "file_list_sha256": file_list_digest(images.whole.records),
        "folds_sha256": images.sha256,
        "outlines_sha256": images.whole.outlines_sha256,
    }
    now = as_json(document)
    if folder.config.exists():
        before = read_object(folder.config)
        training = before.get("training")
        settings = differing_settings(
            training if isinstance(training, dict) else {}, now["training"], but=WITHOUT_EFFECT
        )
        rest = sorted(key for key in now if before.get(key) != now[key] and key != "training")
        plan = before.get("plan")
        if isinstance(plan, dict) and plan | {"seed": now["plan"]["seed"]} == now["plan"] != plan:
            raise RunError(
                f"{folder.folder}: holds a cross-validation of other folds. To go on with it, give "
                f"--folds-seed {plan['seed']} (until 0.22, --seed was that of the folds, too)."
            )
        if differing := [*settings, *rest]:
            raise RunError(
                f"{folder.folder}: holds a cross-validation with another {', '.join(differing)}. "
                "Choose another --out."
            )
        return
    make_folder(folder.folder)
    write_json(folder.config, document)


def _summarize(out: Path, config: TrainingConfig, plan: Plan) -> CrossValidation:
    """Measure the finished folds, and write ``OUT/cross_validation.json``."""
    folder = FoldsFolder(out)
    start: _Start = read_json(folder.config)
    document: CrossValidation = {
        "by": IN_WORDS[plan.by],
        "plan": dataclasses.asdict(plan),
        "training": config.to_json(),
        "file_list_sha256": start["file_list_sha256"],
        "folds_sha256": start["folds_sha256"],
        "outlines_sha256": start["outlines_sha256"],
        **measure_folds(out, folds=plan.folds),
    }
    write_json(folder.result, document)
    return document


def _write_mistakes(
    out: Path, config: TrainingConfig, images: FoldedImages, data: Path, document: CrossValidation
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
    write_fold_mistakes(out, config, images, data, points)
