"""A folder of images becomes records with patient ids, and splits that no patient straddles."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from cxr.errors import DatasetError
from cxr.model.bundle import CLASS_NAMES

HELD_OUT = Path(__file__).parent / "held_out.txt"
_PICTURES = {".jpeg", ".jpg", ".png"}

# person17_bacteria_56.jpeg and person17_virus_48.jpeg are one patient;
# NORMAL2-IM-0927-0001.jpeg and IM-0115-0001-0002.jpeg carry study and image numbers.
_PNEUMONIA_NAME = re.compile(r"(?P<patient>person\d+)_(?P<kind>bacteria|virus)_")
_NORMAL_NAME = re.compile(r"(?P<patient>(?:NORMAL\d*-)?IM-\d+)-")


@dataclass(frozen=True)
class Record:
    """One image of a data folder.

    Attributes:
        path: where it is, relative to the data folder, with forward slashes.
        label: 0 for normal, 1 for pneumonia.
        patient: the patient's id from the file name; the whole stem where it carries none.
        kind: ``"normal"``, ``"bacteria"``, ``"virus"``, or ``"pneumonia"`` where the name is mute.
        split: ``"train"``, ``"val"`` or ``"test"``, as the folder has it.
        digest: SHA-256 of the file's content; empty where it has none or cannot be opened.
    """

    path: str
    label: int
    patient: str
    kind: str
    split: str
    digest: str


def read_folder(
    root: Path, *, splits: Sequence[str] = ("train", "val")
) -> tuple[list[Record], list[Record]]:
    """List the images under ``root/{train,val,test}/{NORMAL,PNEUMONIA}``.

    Args:
        root: the data folder.
        splits: which of its splits to list; those that it lacks are passed over. The test split
            has to be asked for, so that no choice is ever made on it by accident.

    Returns:
        The records in order of their path, and the byte-identical copies that were left out: a
        copy in another split or under another patient's name would be a leak.

    Raises:
        DatasetError: the folder is missing, has none of the splits, or lacks a class.
    """
    records = list_records(root, splits=splits)
    require_both_classes(root, splits, (record.label for record in records))
    return _without_duplicates(root, records)


def list_records(root: Path, *, splits: Sequence[str]) -> list[Record]:
    """List the images under ``root/SPLIT/{NORMAL,PNEUMONIA}`` in order, copies and all.

    Args:
        root: the data folder, which the records' paths are relative to.
        splits: which of its splits to list; those that it lacks are passed over.

    Raises:
        DatasetError: the folder is missing, or has none of the splits.
    """
    return [
        record
        for split in present_splits(root, splits)
        for record in read_split(root / split, split=split, root=root)
    ]


def present_splits(root: Path, splits: Sequence[str]) -> list[str]:
    """Those of the splits that a data folder has.

    Raises:
        DatasetError: the folder is missing, or has none of them.
    """
    try:
        present = [split for split in splits if (root / split).is_dir()]
    except OSError as error:
        raise DatasetError(f"{root}: cannot be looked into ({error.strerror}).") from error
    if not present:
        raise DatasetError(
            f"{root}: expected a folder with {' or '.join(splits)} in it, each holding "
            f"{' and '.join(CLASS_NAMES)}. Found: {_listing(root)}."
        )
    return present


def read_split(folder: Path, *, split: str, root: Path | None = None) -> list[Record]:
    """List the images under ``folder/{NORMAL,PNEUMONIA}`` in order, copies and all.

    Args:
        folder: of the split.
        split: its name, for the records.
        root: what the records' paths are relative to, by default `folder`.
    """
    root = root or folder
    with ThreadPoolExecutor() as pool:
        return list(
            pool.map(
                lambda item: make_record(root, item[0], item[1], split=split), image_paths(folder)
            )
        )


def image_paths(folder: Path) -> list[tuple[Path, int]]:
    """Files under ``folder/{NORMAL,PNEUMONIA}`` in order, with their labels; none is opened."""
    return [
        (path, label)
        for label, name in enumerate(CLASS_NAMES)
        for path in sorted((folder / name).rglob("*"))
        if path.suffix.lower() in _PICTURES and not path.is_dir()
    ]


def make_record(root: Path, path: Path, label: int, *, split: str) -> Record:
    """The record of one image, whose name may tell the patient and the kind.

    Args:
        root: what the record's path is relative to.
        path: of the image, under `root`.
        label: 0 or 1.
        split: that it belongs to.
    """
    match = _PNEUMONIA_NAME.match(path.name) or _NORMAL_NAME.match(path.name)
    names = match.groupdict() if match else {}
    kind = "normal" if label == 0 else names.get("kind", "pneumonia")
    return Record(
        path=(path.relative_to(root) if path.is_relative_to(root) else path).as_posix(),
        label=label,
        patient=names.get("patient", path.stem),
        kind=kind,
        split=split,
        digest=_digest(path),
    )


def split_by_patient(
    records: Sequence[Record], *, fraction: float, seed: int
) -> tuple[list[Record], list[Record]]:
    """Split into training and validation, stratified by class, no patient in both.

    Args:
        records: the images to divide.
        fraction: share of the images to hold out, in (0, 0.5]; met to the nearest 1/n.
        seed: of the shuffle.

    Raises:
        DatasetError: a class has too few patients to be in both parts.
    """
    held_out = patient_folds(records, folds=round(1 / fraction), seed=seed) == 0
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
    labels = [record.label for record in records]
    patients = [record.patient for record in records]
    for label, name in enumerate(CLASS_NAMES):
        count = len({record.patient for record in records if record.label == label})
        if count < folds:
            raise DatasetError(
                f"{name} has {count} patients; {folds} parts need at least {folds} in each class: "
                "add images."
            )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    numbers = np.zeros(len(records), dtype=np.int64)
    for number, (_, held_out) in enumerate(splitter.split(records, labels, patients)):
        numbers[held_out] = number
    return numbers


def held_out_patients() -> frozenset[str]:
    """Patients of chest_xray that every fit leaves out, so that something can be shown on them."""
    lines = HELD_OUT.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def without_held_out(records: Sequence[Record]) -> list[Record]:
    """Records but those of `held_out_patients`; all of another data set than chest_xray."""
    if not is_kermany(records):
        return list(records)
    held_out = held_out_patients()
    return [record for record in records if record.patient not in held_out]


def is_kermany(records: Iterable[Record]) -> bool:
    """Whether every file is named as in the published chest_xray set (Kermany 2018)."""
    names = (Path(record.path).name for record in records)
    return all(_PNEUMONIA_NAME.match(name) or _NORMAL_NAME.match(name) for name in names)


def file_list_digest(records: Iterable[Record]) -> str:
    """SHA-256 over the sorted paths and contents: equal if and only if the images are."""
    lines = sorted(f"{record.digest}  {record.path}\n" for record in records)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def fingerprints(records: Iterable[Record]) -> set[str]:
    """The first 12 digits of each image's SHA-256: enough to tell whether a image is among them."""
    return {record.digest[:12] for record in records if record.digest}


def require_both_classes(root: Path, splits: Sequence[str], labels: Iterable[int]) -> None:
    """Raise a `DatasetError` that names the first class without a image."""
    counts = Counter(labels)
    for label, name in enumerate(CLASS_NAMES):
        if not counts[label]:
            raise DatasetError(
                f"{root}: no readable JPEG or PNG of class {name}. Expected them in "
                f"{' or '.join(f'{split}/{name}' for split in splits)}."
            )


def _digest(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError:  # reading the image will say what is wrong with it
        return ""
    return hashlib.sha256(content).hexdigest() if content else ""


def by_content(records: Iterable[Record]) -> list[list[Record]]:
    """Records of one and the same content together, in order of the first of each."""
    found: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        found[record.digest or record.path].append(record)
    return list(found.values())


def _without_duplicates(root: Path, records: list[Record]) -> tuple[list[Record], list[Record]]:
    contents = by_content(records)
    for same in contents:
        if len({record.label for record in same}) > 1:
            raise DatasetError(
                f"{root}: one image is in both classes: {', '.join(r.path for r in same)}. "
                "Remove the wrong one."
            )
    duplicates = [record for same in contents for record in same[1:]]
    # Two names on one image are two names of one child: its other images stay together.
    alias: dict[str, str] = {}
    for same in contents:
        first, *others = sorted({_resolve(alias, record.patient) for record in same})
        alias.update(dict.fromkeys(others, first))
    kept = [replace(same[0], patient=_resolve(alias, same[0].patient)) for same in contents]
    return kept, duplicates


def _resolve(alias: dict[str, str], patient: str) -> str:
    while patient in alias:
        patient = alias[patient]
    return patient


def _listing(root: Path) -> str:
    if not root.is_dir():
        return "no such folder"
    return ", ".join(sorted(path.name for path in root.iterdir())[:8]) or "an empty folder"
