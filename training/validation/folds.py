"""How a cross-validation divides images into folds: which a network learns from, and which not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from cxr.errors import DatasetError
from cxr.model.bundle import CLASS_NAMES
from training.data.acquisition import (
    acquisition_features,
    acquisition_groups,
    nearest_groups,
    typicality_groups,
)
from training.data.dataset import Record
from training.data.images import Split, Splits
from training.data.patients import folds_digest, patient_folds

Numbers = npt.NDArray[np.int64]
By = Literal["patient", "acquisition", "typicality"]
IN_WORDS: dict[By, str] = {
    "patient": "at random, by patient",
    "acquisition": "by how the images were acquired (k-means), one group held out",
    "typicality": "by how typical their acquisition is of their class, the least typical first",
}


@dataclass(frozen=True, kw_only=True)
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


@dataclass(frozen=True, eq=False, kw_only=True)
class FoldedImages:
    """Images, each in the one fold that holds it out.

    Attributes:
        plan: how they were divided.
        whole: images that the networks of the other folds learn from.
        reserved: images of the reserved patients (`training.data.reserved`). The network of their
            fold scores them, too, and none learns from them.
        folds: of the first, (N,), from 0.
        reserved_folds: of the others, (R,), from 0.
        perturbed: which of the first, (N,), are scored under each perturbation.
    """

    plan: Plan
    whole: Split
    reserved: Split
    folds: npt.NDArray[np.int64]
    reserved_folds: npt.NDArray[np.int64]
    perturbed: npt.NDArray[np.bool_]

    def splits(self, number: int) -> Splits:
        """What the network of a fold learns from, and what it scores; `number` from 1."""
        held_out = self.folds == number - 1
        return Splits(
            train=self.whole.take(np.flatnonzero(~held_out)),
            validation=self.whole.take(np.flatnonzero(held_out)),
            duplicates=[],
        )

    def reserved_of(self, number: int) -> Split:
        """What the network of a fold scores of the reserved patients; `number` from 1."""
        return self.reserved.take(np.flatnonzero(self.reserved_folds == number - 1))

    def perturbed_of(self, number: int) -> Split:
        """What the network of a fold scores under each perturbation; `number` from 1."""
        return self.whole.take(np.flatnonzero((self.folds == number - 1) & self.perturbed))

    @property
    def nbytes(self) -> int:
        """Size of all images and outlines in bytes."""
        return self.whole.nbytes + self.reserved.nbytes

    @property
    def sha256(self) -> str:
        """Digest of which image is in which fold, without reserved ones."""
        return folds_digest(self.whole.records, self.folds)


def divide(whole: Split, reserved: Split, data: Path, plan: Plan) -> FoldedImages:
    """Divide images into folds.

    Args:
        whole: images to learn from.
        reserved: images of the reserved patients.
        data: the folder that their paths are relative to.
        plan: how.

    Raises:
        DatasetError: there are too few patients, or a fold lacks a class.
    """
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
    folds, reserved_folds = _folds(whole.records, reserved.records, data, plan)
    for number in range(plan.folds):
        if set(whole.labels[folds == number]) != {0, 1}:
            advice = "Use fewer folds." if plan.folds > 2 else "Use more images."
            raise DatasetError(
                f"{data}: fold {number + 1} of {plan.folds} would lack a class. {advice}"
            )
    return FoldedImages(
        plan=plan,
        whole=whole,
        reserved=reserved,
        folds=folds,
        reserved_folds=reserved_folds,
        perturbed=_sample(whole, plan),
    )


def _folds(
    records: Sequence[Record], reserved: Sequence[Record], data: Path, plan: Plan
) -> tuple[Numbers, Numbers]:
    """The fold of each image (N,), and of each reserved one (R,), from 0.

    Reserved images have no say in the folds of the others.
    """
    if plan.by == "patient":
        folds = patient_folds(records, folds=plan.folds, seed=plan.seed)
        return folds, _spread(reserved, plan)
    features = acquisition_features(data, [*records, *reserved])
    ours, theirs = np.split(features, [len(records)])
    if plan.by == "acquisition":
        folds = acquisition_groups(ours, records, groups=plan.folds, seed=plan.seed)
        return folds, nearest_groups(theirs, ours, folds)
    folds = typicality_groups(ours, records, groups=plan.folds, seed=plan.seed)
    together = [*records, *reserved]
    of_all = typicality_groups(features, together, groups=plan.folds, seed=plan.seed)
    return folds, of_all[len(records) :]


def _spread(reserved: Sequence[Record], plan: Plan) -> Numbers:
    """Folds (R,) of reserved images, each patient's in one, and as far as possible both classes."""
    by_class = [{of.patient for of in reserved if of.label == label} for label in (0, 1)]
    if min(map(len, by_class)) >= plan.folds:
        return patient_folds(reserved, folds=plan.folds, seed=plan.seed)
    patients = sorted(set().union(*by_class))
    return np.array([patients.index(of.patient) % plan.folds for of in reserved], dtype=np.int64)


def _sample(whole: Split, plan: Plan) -> npt.NDArray[np.bool_]:
    """Which images (N,) are scored under each perturbation."""
    rng = np.random.default_rng(plan.seed)
    chosen = np.zeros(len(whole.records), dtype=bool)
    for label in (0, 1):
        members = rng.permutation(np.flatnonzero(whole.labels == label))
        chosen[members[: plan.perturbed_images // 2]] = True
    return chosen
