"""What is in a data folder, and what is wrong with it, before anything is trained on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cxr.errors import RadiographError
from cxr.model.bundle import CLASS_NAMES
from training.data.dataset import Record, by_content, list_records
from training.data.images import read_images

SPLITS = ("train", "val", "test")
FITTED = ("train", "val")  # what a fit pools and parts anew


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
        text: what, and what a fit makes of it.
        files: the images that it concerns, or what is said of each.
        stops: whether a fit stops at it.
    """

    text: str
    files: list[str]
    stops: bool = False


@dataclass(frozen=True)
class Inspection:
    """What is in a data folder.

    Attributes:
        root: the folder.
        records: every image of its splits, copies and all.
        counts: by split and class.
        problems: the worst first.
    """

    root: Path
    records: list[Record]
    counts: list[Count]
    problems: list[Problem]

    def sample(self, per_class: int, *, seed: int = 0) -> list[Record]:
        """Images of `FITTED` to look at, the same for an equal seed: `per_class` of each class."""
        rng = np.random.default_rng(seed)
        chosen = []
        for label in range(len(CLASS_NAMES)):
            images = [r for r in self.records if r.label == label and r.split in FITTED]
            chosen += [images[i] for i in rng.permutation(len(images))[:per_class]]
        return chosen


def inspect_folder(root: Path) -> Inspection:
    """Count, compare and read the images of a data folder.

    Every file of train and val is decoded. Images of test are counted and compared by name and
    content, so that it can be said whether they leaked into training; they are never decoded.

    Args:
        root: a folder with train, val or test in it, each holding NORMAL and PNEUMONIA.

    Raises:
        DatasetError: it is no such folder.
    """
    records = list_records(root, splits=SPLITS)
    problems = [
        *_missing_classes(records),
        *_contradictions(records),
        *_unreadable(root, [record for record in records if record.split in FITTED]),
        *_duplicates(records),
        *_shared_patients(records),
    ]
    return Inspection(root, records, _counts(records), problems)


def _counts(records: Sequence[Record]) -> list[Count]:
    counts = []
    for split in SPLITS:
        for label, name in enumerate(CLASS_NAMES):
            mine = [record for record in records if (record.split, record.label) == (split, label)]
            if not mine:
                continue
            kinds: dict[str, int] = defaultdict(int)
            for record in mine:
                kinds[record.kind] += 1
            patients = {record.patient for record in mine}
            counts.append(Count(split, name, len(mine), len(patients), dict(sorted(kinds.items()))))
    return counts


# --- Problems -------------------------------------------------------------------------------------


def _missing_classes(records: Sequence[Record]) -> list[Problem]:
    present = {record.label for record in records if record.split in FITTED}
    return [
        Problem(
            f"No image of class {name} in train or val: nothing can be learned.", [], stops=True
        )
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
    text = "The same image in both classes: remove the wrong one."
    return [Problem(text, files, stops=True)] if files else []


def _unreadable(root: Path, records: Sequence[Record]) -> list[Problem]:
    results = read_images(root, records, lambda _: None)
    files = [str(result) for result in results if isinstance(result, RadiographError)]
    text = "Files that cannot be read: mend or remove them, or let the fit leave them out."
    return [Problem(text, files, stops=True)] if files else []


def _duplicates(records: Sequence[Record]) -> list[Problem]:
    groups = [same for same in by_content(records) if len(same) > 1]
    leaked = [same for same in groups if _leaks(record.split for record in same)]
    within = [same for same in groups if same not in leaked]
    texts = (
        (leaked, "Images of test that are in train or val as well: the test is worth less."),
        (within, "Byte-identical copies: a fit keeps the first of each."),
    )
    return [
        Problem(text, [" = ".join(record.path for record in same) for same in found])
        for found, text in texts
        if found
    ]


def _shared_patients(records: Sequence[Record]) -> list[Problem]:
    splits: dict[str, set[str]] = defaultdict(set)
    for record in records:
        splits[record.patient].add(record.split)
    leaked = sorted(patient for patient, found in splits.items() if _leaks(found))
    pooled = sorted(patient for patient, found in splits.items() if found == set(FITTED))
    texts = (
        (leaked, "Patients, by file name, in test and in train or val: the test is worth less."),
        (pooled, "Patients, by file name, in train and in val: a fit pools both and parts anew."),
    )
    return [Problem(text, found) for found, text in texts if found]


def _leaks(splits: Iterable[str]) -> bool:
    """Whether there are images of test as well as of what is fitted on."""
    found = set(splits)
    return "test" in found and bool(found & set(FITTED))
