"""A data folder becomes records: one for each image, with its class, patient and digest."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from cxr.errors import DatasetError
from cxr.model.bundle import CLASS_NAMES
from training.data.digests import file_digest
from training.data.reserved import reserved_patients

_IMAGE_SUFFIXES = {".jpeg", ".jpg", ".png"}

# person17_bacteria_56.jpeg and person17_virus_48.jpeg count as one patient. They may be two: images
# of one number resemble each other within a kind only (training/EXPERIMENTS.md, 0.21). So fewer
# patients are counted than there are, and none is in two folds.
# NORMAL2-IM-0927-0001.jpeg and IM-0115-0001-0002.jpeg carry study and image numbers.
_PNEUMONIA_NAME = re.compile(r"(?P<patient>person\d+)_(?P<kind>bacteria|virus)_")
_NORMAL_NAME = re.compile(r"(?P<patient>(?:NORMAL\d*-)?IM-\d+)-")


@dataclass(frozen=True)
class Record:
    """One image of a data folder.

    Attributes:
        path: where it is, relative to the data folder, with forward slashes.
        label: 0 for normal, 1 for pneumonia.
        patient: the patient's id from the file name; the name without suffix where it tells none,
            and the path without suffix where images in two folders have that name.
        kind: ``"normal"``, ``"bacteria"``, ``"virus"``, or ``"pneumonia"`` where the name does not
            say which.
        split: ``"train"``, ``"val"`` or ``"test"`` in a data folder; of other images the name of
            their folder or table, ``"validation"`` or ``"extra"``.
        digest: SHA-256 of the file's content; empty where it has none or cannot be opened.
    """

    path: str
    label: int
    patient: str
    kind: str
    split: str
    digest: str


# --- Reading folders ------------------------------------------------------------------------------


# What a fit pools and splits anew. The test split is not among them: no choice is made on it.
FITTED = ("train", "val")
ALL = (*FITTED, "test")


def read_folder(root: Path) -> tuple[list[Record], list[Record]]:
    """List the images under ``root/{train,val}/{NORMAL,PNEUMONIA}``.

    Args:
        root: the data folder; a split that does not exist is skipped.

    Returns:
        The records in order of their path, and the byte-identical duplicates that were left out: a
        duplicate in another split or under another patient's name would be a leak.

    Raises:
        DatasetError: the folder is missing, has none of the splits, or lacks a class; or an image
            is in both classes.
    """
    records = list_records(root, splits=FITTED)
    require_both_classes(root, FITTED, (record.label for record in records))
    return _without_duplicates(root, records)


def list_records(root: Path, *, splits: Sequence[str]) -> list[Record]:
    """List the images under ``root/SPLIT/{NORMAL,PNEUMONIA}`` in order, duplicates included.

    Args:
        root: the data folder, which the records' paths are relative to.
        splits: which of its splits to list; those that do not exist are skipped.

    Raises:
        DatasetError: the folder is missing, or has none of the splits.
    """
    return told_apart(
        record
        for split in present_splits(root, splits)
        for record in read_split(root / split, split=split, root=root)
    )


def present_splits(root: Path, splits: Sequence[str]) -> list[str]:
    """Those of the splits that a data folder has.

    Raises:
        DatasetError: the folder is missing, or has none of them.
    """
    try:
        present = [split for split in splits if (root / split).is_dir()]
    except OSError as error:
        raise DatasetError(f"{root}: cannot be read ({error.strerror}).") from error
    if not present:
        raise DatasetError(
            f"{root}: expected a folder with {' or '.join(splits)} in it, each holding "
            f"{' and '.join(CLASS_NAMES)}. Found: {_listing(root)}."
        )
    return present


def read_split(folder: Path, *, split: str, root: Path | None = None) -> list[Record]:
    """List the images under ``folder/{NORMAL,PNEUMONIA}`` in order, duplicates included.

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


def other_files(folder: Path) -> list[Path]:
    """Files under ``folder/{NORMAL,PNEUMONIA}`` that are no JPEG or PNG by their names."""
    return [
        path
        for name in CLASS_NAMES
        for path in sorted((folder / name).rglob("*"))
        if path.suffix.lower() not in _IMAGE_SUFFIXES
        and path.is_file()
        and not path.name.startswith(".")
    ]


def unnamed_patients(records: Iterable[Record]) -> list[Record]:
    """The images whose names do not tell the patient, so that each counts as one of its own."""
    return [record for record in records if named_patient(record) is None]


def image_paths(folder: Path) -> list[tuple[Path, int]]:
    """Files under ``folder/{NORMAL,PNEUMONIA}`` in order, with their labels; none is opened.

    Raises:
        DatasetError: the name of one is not UTF-8.
    """
    found = [
        (path, label)
        for label, name in enumerate(CLASS_NAMES)
        for path in sorted((folder / name).rglob("*"))
        if path.suffix.lower() in _IMAGE_SUFFIXES and not path.is_dir()
    ]
    for path, _ in found:
        if not _is_utf8(str(path)):
            raise DatasetError(
                f"{os.fsencode(path)!r}: the name is not UTF-8, and could not be written into "
                "tables. Rename the file or its folder."
            )
    return found


def _is_utf8(text: str) -> bool:
    """Whether text can be written as UTF-8; names of files may hold any bytes on Linux."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def make_record(root: Path, path: Path, label: int, *, split: str) -> Record:
    """The record of one image, with the patient and the kind from its name where it tells them.

    Args:
        root: what the record's path is relative to.
        path: of the image, under `root`.
        label: 0 or 1.
        split: that it belongs to.
    """
    names = _told_by(path.name)
    kind = "normal" if label == 0 else names.get("kind", "pneumonia")
    relative = path.relative_to(root) if path.is_relative_to(root) else path
    return Record(
        path=relative.as_posix(),
        label=label,
        patient=names.get("patient", path.stem),
        kind=kind,
        split=split,
        digest=file_digest(path),
    )


def told_apart(records: Iterable[Record]) -> list[Record]:
    """Records in which equal names in two folders count as two patients.

    Unless the name itself identifies the patient.
    """
    records = list(records)
    unnamed = [record for record in records if named_patient(record) is None]
    places = {record.path: PurePosixPath(record.path) for record in unnamed}
    folders: dict[str, set[PurePosixPath]] = defaultdict(set)
    for record in unnamed:
        folders[record.patient].add(places[record.path].parent)
    return [
        replace(record, patient=record.path.removesuffix(places[record.path].suffix))
        if record.path in places and len(folders[record.patient]) > 1
        else record
        for record in records
    ]


def named_patient(record: Record) -> str | None:
    """The patient whom the file's name tells, if it tells one."""
    return _told_by(Path(record.path).name).get("patient")


def _told_by(name: str) -> dict[str, str]:
    match = _PNEUMONIA_NAME.match(name) or _NORMAL_NAME.match(name)
    return match.groupdict() if match else {}


def is_kermany(records: Iterable[Record]) -> bool:
    """Whether every file is named as those of its class in chest_xray (Kermany 2018)."""
    return kermany_fraction(records) == 1


def kermany_fraction(records: Iterable[Record]) -> float:
    """Fraction of the files that are named as those of their class in chest_xray, in [0, 1]."""
    of_class = (_NORMAL_NAME, _PNEUMONIA_NAME)
    known = [bool(of_class[record.label].match(Path(record.path).name)) for record in records]
    return sum(known) / max(len(known), 1)


def require_both_classes(root: Path, splits: Sequence[str], labels: Iterable[int]) -> None:
    """Raise a `DatasetError` that names the first class without an image."""
    counts = Counter(labels)
    for label, name in enumerate(CLASS_NAMES):
        if not counts[label]:
            raise DatasetError(
                f"{root}: no readable JPEG or PNG of class {name}. Expected them in "
                f"{' or '.join(f'{split}/{name}' for split in splits)}."
            )


def _listing(root: Path) -> str:
    if not root.is_dir():
        return "no such folder"
    return ", ".join(sorted(path.name for path in root.iterdir())[:8]) or "an empty folder"


# --- Duplicates -----------------------------------------------------------------------------------


def by_content(records: Iterable[Record]) -> list[list[Record]]:
    """Records grouped by content, in order of the first of each group."""
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[record.digest or record.path].append(record)
    return list(groups.values())


def refuse_contradictions(data: Path, records: Iterable[Record]) -> None:
    """Raise a DatasetError where one image is in both classes."""
    for same in by_content(records):
        if len({record.label for record in same}) > 1:
            raise DatasetError(
                f"{data}: one image is in both classes: {', '.join(r.path for r in same)}. "
                "Remove the wrong one."
            )


def _without_duplicates(root: Path, records: list[Record]) -> tuple[list[Record], list[Record]]:
    refuse_contradictions(root, records)
    contents = by_content(records)
    duplicates = [record for same in contents for record in same[1:]]
    # One image under two patients' names: both names are of one patient, whose other images have
    # to stay in one split.
    alias: dict[str, str] = {}
    reserved = reserved_patients()
    for same in contents:
        # A reserved patient is known by no other name, which would let the images into a fit.
        names = {_resolve(alias, record.patient) for record in same}
        first, *others = sorted(names, key=lambda name: (name not in reserved, name))
        alias.update(dict.fromkeys(others, first))
    kept = [replace(same[0], patient=_resolve(alias, same[0].patient)) for same in contents]
    return kept, duplicates


def _resolve(alias: dict[str, str], patient: str) -> str:
    while patient in alias:
        patient = alias[patient]
    return patient
