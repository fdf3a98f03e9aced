"""Splits and folds in which no patient is on both sides, and the patients that no fit learns from.

A random split by image would put images of one patient on both sides: the network could recognise
the patient instead of the disease.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cxr.errors import DatasetError
from cxr.model.bundle import CLASS_NAMES
from training.data.dataset import Record, kermany_fraction
from training.data.digests import list_digest
from training.data.reserved import reserved_patients

_MOSTLY = 0.9  # of the files named as in chest_xray, from which a folder is taken for it


def split_by_patient(
    records: Sequence[Record], *, fraction: float, seed: int
) -> tuple[list[Record], list[Record]]:
    """Split into training and validation, stratified by class, no patient in both.

    Args:
        records: the images to divide.
        fraction: of the images to hold out, in (0, 0.5]; rounded to the nearest 1/n.
        seed: of the shuffle.

    Raises:
        DatasetError: a class has too few patients to be in both splits.
    """
    fewer = int(1 / fraction)
    folds = min((fewer, fewer + 1), key=lambda n: abs(1 / n - fraction))
    held_out = patient_folds(records, folds=folds, seed=seed) == 0
    _require_both_classes(records, held_out)
    splits: tuple[list[Record], list[Record]] = ([], [])
    for record, out in zip(records, held_out, strict=True):
        splits[int(out)].append(record)
    return splits


def patient_folds(records: Sequence[Record], *, folds: int, seed: int) -> npt.NDArray[np.int64]:
    """Fold numbers (N,) from 0, stratified by class, each patient in one fold only.

    Args:
        records: the N images to divide.
        folds: how many, 2 or more.
        seed: of the shuffle.

    Raises:
        DatasetError: a class has fewer patients than there are folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold  # which takes a second

    labels = [record.label for record in records]
    patients = [record.patient for record in records]
    for label, name in enumerate(CLASS_NAMES):
        count = len({record.patient for record in records if record.label == label})
        if count < folds:
            raise DatasetError(
                f"{name} has {count} patients; a split into {folds} needs at least {folds} in each "
                "class. Add images."
            )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    numbers = np.zeros(len(records), dtype=np.int64)
    for number, (_, held_out) in enumerate(splitter.split(records, labels, patients)):
        numbers[held_out] = number
    return numbers


def _require_both_classes(records: Sequence[Record], held_out: npt.NDArray[np.bool_]) -> None:
    """Raise a `DatasetError` if a class is missing among the held-out images (N,), or the others.

    A patient may have most of the images of a class.
    """
    labels = np.array([record.label for record in records])
    for label, name in enumerate(CLASS_NAMES):
        for there, which in ((held_out, "held-out"), (~held_out, "training")):
            if not (labels[there] == label).any():
                raise DatasetError(
                    f"A split by patient left no {which} images of class {name}: few patients have "
                    "most of its images. Add patients, or choose another fraction or seed."
                )


def folds_digest(records: Sequence[Record], folds: npt.NDArray[np.int64]) -> str:
    """SHA-256 over which image is in which fold (N,)."""
    pairs = zip(records, folds, strict=True)
    return list_digest(f"{fold}  {record.path}" for record, fold in pairs)


def without_reserved(records: Sequence[Record]) -> list[Record]:
    """The records without those of `reserved_patients`; all records of any other data set.

    A folder is chest_xray, too, if somebody has added a few images of their own.
    """
    if kermany_fraction(records) < _MOSTLY:
        return list(records)
    reserved = reserved_patients()
    return [record for record in records if record.patient not in reserved]
