"""Every image is scored by a network that never saw its patient; also as if taken otherwise.

OUT/config.json             what was fitted, on which images, and how they were parted OUT/fold-1/ …
a run folder each (see run_folder.py), and in it: OUT/fold-1/held_out.csv     logits of the images
that this fold's network never saw OUT/fold-1/perturbed.csv      logits of a sample of them under
each perturbation (see perturbations.py) OUT/out_of_fold.csv         the folds' held-out images
together OUT/cross_validation.json   figures: all images, each fold, each perturbation
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from cxr.errors import DatasetError, RunError
from cxr.model.bundle import CLASS_NAMES
from cxr.reading.radiograph import read_radiograph
from training.data.acquisition import acquisition_features, acquisition_groups, typicality_groups
from training.data.dataset import Record, file_list_digest, patient_folds
from training.data.images import Split, Splits
from training.files import make_folder, read_json, write_text
from training.fitting.config import TrainingConfig, as_written_now
from training.fitting.fit import fit
from training.fitting.prediction import predict_logits
from training.fitting.run_folder import RunFolder
from training.validation.fold_figures import measure_folds
from training.validation.perturbations import PERTURBATIONS

WAYS = {
    "patient": "at random, by patient",
    "acquisition": "by how the images were taken (k-means), one group left out",
    "typicality": "from the images least to those most typical of how their class was taken",
}
CONFIG = "config.json"
RESULT = "cross_validation.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """How images are parted, and what is done with each fold.

    Attributes:
        by: a key of `WAYS`.
        folds: how many parts.
        perturbed_images: how many images, half of each class, are scored under each perturbation.
        seed: of the folds and of the sample.
    """

    by: str = "patient"
    folds: int = 5
    perturbed_images: int = 1000
    seed: int = 1


def cross_validate(
    config: TrainingConfig,
    whole: Split,
    data: Path,
    out: Path,
    plan: Plan,
    *,
    only: Sequence[int] | None = None,
) -> dict[str, Any]:
    """Fit a network for each fold and score the images that it was not shown.

    Interrupted, it goes on where it stopped.

    Args:
        config: of every fit.
        whole: all images.
        data: the folder that their paths are relative to.
        out: where everything goes.
        plan: how images are parted.
        only: numbers of the folds to fit, from 1; all by default.

    Returns:
        What was written to ``OUT/cross_validation.json``.

    Raises:
        RunError: `out` holds another cross-validation.
        DatasetError: there are too few patients, or a fold lacks a class.
    """
    if only and not all(1 <= number <= plan.folds for number in only):
        raise DatasetError(f"Expected folds from 1 to {plan.folds}. Received: {only}")
    folds = _folds(plan, whole, data)
    _start(out, config, whole, plan, folds)
    sample = _perturbation_sample(whole, plan)
    for number in sorted(set(only or range(1, plan.folds + 1))):
        folder = out / f"fold-{number}"
        if (folder / "perturbed.csv").exists():
            continue
        inside = folds == number - 1
        tqdm.write(f"fold {number} of {plan.folds}: {inside.sum()} images held out")
        splits = Splits(
            train=whole.take(np.flatnonzero(~inside)),
            validation=whole.take(np.flatnonzero(inside)),
            duplicates=[],
        )
        run = RunFolder(folder)
        run.start(config, data, splits)
        # Nothing is chosen by the held-out images, so nothing is measured on them on the way.
        network = fit(config, dataclasses.replace(splits, validation=whole.take([])), run)
        _score(network, config, splits.validation, number, folder / "held_out.csv")
        perturbed = whole.take(np.flatnonzero(inside & sample))
        _score_perturbed(network, config, perturbed, data, folder / "perturbed.csv")
    return summarize(out, config, plan)


def _folds(plan: Plan, whole: Split, data: Path) -> npt.NDArray[np.int64]:
    """The fold (N,) that holds each image out, from 0."""
    fewest = max(plan.folds, 5 if plan.by == "typicality" else 2)  # it looks at five folds itself
    for label, name in enumerate(CLASS_NAMES):
        patients = {record.patient for record in whole.records if record.label == label}
        if plan.folds < 2 or len(patients) < fewest:
            raise DatasetError(
                f"{data}: expected 2 folds or more, and {fewest} patients of each class for that. "
                f"Found: {plan.folds} folds, {len(patients)} patients of {name}."
            )
    if plan.by == "patient":
        folds = patient_folds(whole.records, folds=plan.folds, seed=plan.seed)
    else:
        group = {"acquisition": acquisition_groups, "typicality": typicality_groups}[plan.by]
        features = acquisition_features(data, whole.records)
        folds = group(features, whole.records, groups=plan.folds, seed=plan.seed)
    for number in range(plan.folds):
        present = set(whole.labels[folds == number])
        if present != {0, 1}:
            raise DatasetError(
                f"{data}: fold {number + 1} of {plan.folds} would lack a class. Take fewer folds."
            )
    return folds


def _start(
    out: Path, config: TrainingConfig, whole: Split, plan: Plan, folds: npt.NDArray[np.int64]
) -> None:
    """Record what is done, or check that it is what was begun here."""
    document = {
        "plan": dataclasses.asdict(plan),
        "training": as_written_now(config.to_json()),
        "file_list_sha256": file_list_digest(whole.records),
        "folds_sha256": _digest(whole, folds),
        "outlines_sha256": whole.outlines_sha256,
    }
    now = json.loads(json.dumps(document))
    if (out / CONFIG).exists():
        before = read_json(out / CONFIG)
        before["training"] = as_written_now(before.get("training", {}))
        differing = sorted(key for key in now if before.get(key) != now[key])
        if differing:
            raise RunError(
                f"{out}: holds a cross-validation with another {', '.join(differing)}. "
                "Choose another --out."
            )
        return
    make_folder(out)
    write_text(out / CONFIG, json.dumps(document, indent=1) + "\n")


def _digest(whole: Split, folds: npt.NDArray[np.int64]) -> str:
    """SHA-256 over which image is in which fold."""
    pairs = zip(whole.records, folds, strict=True)
    lines = sorted(f"{fold}  {record.path}\n" for record, fold in pairs)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _perturbation_sample(whole: Split, plan: Plan) -> npt.NDArray[np.bool_]:
    """Which images (N,) are scored under each perturbation."""
    rng = np.random.default_rng(plan.seed)
    chosen = np.zeros(len(whole.records), dtype=bool)
    for label in (0, 1):
        members = rng.permutation(np.flatnonzero(whole.labels == label))
        chosen[members[: plan.perturbed_images // 2]] = True
    return chosen


# --- Scores ---------------------------------------------------------------------------------------


def _score(
    network: keras.Model, config: TrainingConfig, split: Split, number: int, path: Path
) -> None:
    rows = pd.DataFrame(
        {
            "path": [record.path for record in split.records],
            "label": split.labels,
            "patient": [record.patient for record in split.records],
            "kind": [record.kind for record in split.records],
            "fold": number,
            "logit": _logits(network, split.images, config),
        }
    )
    write_text(path, rows.to_csv(index=False, float_format="%.6f"))


def _logits(
    network: keras.Model, images: npt.NDArray[np.float16], config: TrainingConfig
) -> npt.NDArray[np.float32]:
    return predict_logits(network, images, config.preprocessing, flip_tta=config.flip_tta)


def _score_perturbed(
    network: keras.Model, config: TrainingConfig, split: Split, data: Path, path: Path
) -> None:
    rows = []
    for column, images in _perturbed(split.records, config, data):
        logits = _logits(network, images, config)
        rows += [
            {
                "perturbation": column,
                "path": record.path,
                "label": record.label,
                "logit": float(logit),
            }
            for record, logit in zip(split.records, logits, strict=True)
        ]
    table = pd.DataFrame(rows, columns=["perturbation", "path", "label", "logit"])
    write_text(path, table.to_csv(index=False, float_format="%.6f"))


def _perturbed(
    records: Sequence[Record], config: TrainingConfig, data: Path
) -> Iterator[tuple[int, npt.NDArray[np.float16]]]:
    """Number of a perturbation and its images (N, S, S); first -1 and the images as they are."""
    if not records:
        return
    read = [read_radiograph(data / record.path, name=record.path) for record in records]
    resize = config.preprocessing.resize
    first = np.stack([resize(radiograph) for radiograph in read]).astype(np.float16)
    yield -1, first
    for number, perturbation in enumerate(
        tqdm(PERTURBATIONS, desc="perturbations", unit="perturbation")
    ):
        images = np.empty((len(read), *first.shape[1:]), dtype=np.float16)
        for row, radiograph in enumerate(read):
            changed = perturbation(radiograph.pixels, np.random.default_rng((number, row)))
            images[row] = resize(dataclasses.replace(radiograph, pixels=changed))
        yield number, images


def summarize(out: Path, config: TrainingConfig, plan: Plan) -> dict[str, Any]:
    """Measure what the finished folds have left, and write it down."""
    started = read_json(out / CONFIG)
    document = {
        "by": WAYS[plan.by],
        "plan": dataclasses.asdict(plan),
        "training": config.to_json(),
        "file_list_sha256": started["file_list_sha256"],
        "folds_sha256": started["folds_sha256"],
        **measure_folds(out, folds=plan.folds),
    }
    write_text(out / RESULT, json.dumps(document, indent=1, allow_nan=False) + "\n")
    return document
