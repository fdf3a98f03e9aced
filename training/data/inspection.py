"""Checks of a data folder before training: what is in it, and what is wrong with it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cxr.errors import RadiographError
from cxr.messages import Message
from cxr.model.bundle import CLASS_NAMES
from training.data.dataset import (
    FITTED,
    Record,
    by_content,
    list_records,
    other_files,
    present_splits,
    unnamed_patients,
)
from training.data.images import read_images
from training.data.patients import without_reserved

INSPECTED = ("train", "val", "test")  # the splits that are looked at


@dataclass(frozen=True)
class Count:
    """Images of one class in one split.

    Attributes:
        split: ``"train"``, ``"val"`` or ``"test"``.
        class_name: one of `CLASS_NAMES`.
        images: how many.
        patients: of how many patients.
        kinds: images by kind, as ``{"bacteria": 12, "virus": 7}``.
    """

    split: str
    class_name: str
    images: int
    patients: int
    kinds: dict[str, int]


@dataclass(frozen=True)
class Problem:
    """Something wrong with a data folder.

    Attributes:
        message: what is wrong, and what it means for a fit.
        files: the images or patients concerned; several equal ones on one line.
        stops: whether a fit refuses the folder because of it.
    """

    message: Message
    files: list[str]
    stops: bool = False


@dataclass(frozen=True)
class Inspection:
    """What is in a data folder.

    Attributes:
        root: the folder.
        records: every image of its splits, duplicates included.
        counts: by split and class.
        problems: those that stop a fit first.
    """

    root: Path
    records: list[Record]
    counts: list[Count]
    problems: list[Problem]

    def sample(self, per_class: int, *, seed: int = 0) -> list[Record]:
        """Images of `FITTED` to look at, `per_class` of each class, the same for the same seed."""
        rng = np.random.default_rng(seed)
        chosen = []
        for label in range(len(CLASS_NAMES)):
            images = [r for r in self.records if r.label == label and r.split in FITTED]
            chosen += [images[i] for i in rng.permutation(len(images))[:per_class]]
        return chosen


def inspect_folder(root: Path, *, doing: str = "reading") -> Inspection:
    """Count, compare and read the images of a data folder.

    Every file of train and val is decoded. Images of test are never decoded: they are counted, and
    compared by name and content to find out whether they are in train or val, too.

    Args:
        root: a folder with train, val or test in it, each holding NORMAL and PNEUMONIA.
        doing: what the progress bar says.

    Raises:
        DatasetError: it is no such folder.
    """
    records = list_records(root, splits=INSPECTED)
    problems = [
        *_missing_classes(records),
        *_contradictions(records),
        *_unreadable(root, [record for record in records if record.split in FITTED], doing),
        *_duplicates(records),
        *_shared_patients(records),
        *_unnamed_patients(records),
        *_other_files(root),
        *_reserved(records),
    ]
    return Inspection(root, records, _counts(records), problems)


def _counts(records: Sequence[Record]) -> list[Count]:
    counts = []
    for split in INSPECTED:
        for label, name in enumerate(CLASS_NAMES):
            found = [r for r in records if (r.split, r.label) == (split, label)]
            if not found:
                continue
            kinds = Counter(record.kind for record in found)
            patients = {record.patient for record in found}
            counts.append(
                Count(split, name, len(found), len(patients), dict(sorted(kinds.items())))
            )
    return counts


# --- Problems -------------------------------------------------------------------------------------


def _missing_classes(records: Sequence[Record]) -> list[Problem]:
    present = {record.label for record in records if record.split in FITTED}
    return [
        Problem(Message("inspect_no_image", {"name": name}), [], stops=True)
        for label, name in enumerate(CLASS_NAMES)
        if label not in present
    ]


def _contradictions(records: Sequence[Record]) -> list[Problem]:
    fitted = [record for record in records if record.split in FITTED]
    files = [
        " = ".join(record.path for record in same)
        for same in by_content(fitted)
        if len({record.label for record in same}) > 1
    ]
    return [Problem(Message("inspect_both_classes"), files, stops=True)] if files else []


def _unreadable(root: Path, records: Sequence[Record], doing: str) -> list[Problem]:
    results = read_images(root, records, lambda _: None, doing=doing)
    files = [str(result) for result in results if isinstance(result, RadiographError)]
    return [Problem(Message("inspect_unreadable"), files, stops=True)] if files else []


def _duplicates(records: Sequence[Record]) -> list[Problem]:
    groups = [same for same in by_content(records) if len(same) > 1]
    leaked = [same for same in groups if _leaks(record.split for record in same)]
    within = [same for same in groups if same not in leaked]
    messages = (
        (leaked, Message("inspect_images_leak")),
        (within, Message("inspect_duplicates")),
    )
    return [
        Problem(message, [" = ".join(record.path for record in same) for same in found])
        for found, message in messages
        if found
    ]


def _reserved(records: Sequence[Record]) -> list[Problem]:
    fitted = [record for record in records if record.split in FITTED]
    kept = {record.path for record in without_reserved(fitted)}
    files = [record.path for record in fitted if record.path not in kept]
    return [Problem(Message("inspect_reserved"), files)] if files else []


def _unnamed_patients(records: Sequence[Record]) -> list[Problem]:
    fitted = [record for record in records if record.split in FITTED]
    files = [record.path for record in unnamed_patients(fitted)]
    return [Problem(Message("inspect_unnamed_patients"), files)] if files else []


def _other_files(root: Path) -> list[Problem]:
    folders = [root / split for split in present_splits(root, FITTED)]
    files = [
        path.relative_to(root).as_posix() for folder in folders for path in other_files(folder)
    ]
    return [Problem(Message("inspect_other_files"), files)] if files else []


def _shared_patients(records: Sequence[Record]) -> list[Problem]:
    splits: dict[str, set[str]] = defaultdict(set)
    for record in records:
        splits[record.patient].add(record.split)
    leaked = sorted(patient for patient, found in splits.items() if _leaks(found))
    pooled = sorted(patient for patient, found in splits.items() if found == set(FITTED))
    messages = (
        (leaked, Message("inspect_patients_leak")),
        (pooled, Message("inspect_patients_pooled")),
    )
    return [Problem(message, found) for found, message in messages if found]


def _leaks(splits: Iterable[str]) -> bool:
    """Whether the splits are test and one of those that a fit learns from."""
    found = set(splits)
    return "test" in found and bool(found & set(FITTED))
