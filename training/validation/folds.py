"""How a cross-validation divides images into folds: which a network learns from, and which not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from cxr.errors import DatasetError
from cxr.model.bundle import CLASS_NAMES
from training.data.acquisition import acquisition_features, acquisition_groups, typicality_groups
from training.data.images import Split, Splits
from training.data.patients import folds_digest, patient_folds

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
        """Digest of which image is in which fold."""
        records = [*self.whole.records, *self.reserved.records]
        return folds_digest(records, np.concatenate([self.folds, self.reserved_folds]))


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
    records = [*whole.records, *reserved.records]
    if plan.by == "patient":
        folds = patient_folds(records, folds=plan.folds, seed=plan.seed)
    else:
        group = acquisition_groups if plan.by == "acquisition" else typicality_groups
        features = acquisition_features(data, records)
        folds = group(features, records, groups=plan.folds, seed=plan.seed)
    of_whole, of_reserved = np.split(folds, [len(whole.records)])
    for number in range(plan.folds):
        if set(whole.labels[of_whole == number]) != {0, 1}:
            raise DatasetError(
                f"{data}: fold {number + 1} of {plan.folds} would lack a class. Use fewer folds."
            )
    return FoldedImages(
        plan=plan,
        whole=whole,
        reserved=reserved,
        folds=of_whole,
        reserved_folds=of_reserved,
        perturbed=_sample(whole, plan),
    )


def _sample(whole: Split, plan: Plan) -> npt.NDArray[np.bool_]:
    """Which images (N,) are scored under each perturbation."""
    rng = np.random.default_rng(plan.seed)
    chosen = np.zeros(len(whole.records), dtype=bool)
    for label in (0, 1):
        members = rng.permutation(np.flatnonzero(whole.labels == label))
        chosen[members[: plan.perturbed_images // 2]] = True
    return chosen
