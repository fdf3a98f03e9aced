"""Labelled images to measure a model on: a folder with a folder per class, or a CSV."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from cxr.errors import DatasetError
from cxr.model.bundle import CLASS_NAMES
from training.data.dataset import (
    Record,
    make_record,
    read_split,
    refuse_contradictions,
    require_both_classes,
    told_apart,
)
from training.data.tables import read_csv


def read_labelled(data: Path, *, positive: str | None = None) -> tuple[Path, list[Record]]:
    """List labelled images.

    Args:
        data: a folder with NORMAL and PNEUMONIA in it, or a CSV file with a column `path` (or
            `image`), relative to it, and a column `label`; a column `patient` is used if there,
            and where it is blank, the image is of the patient whom its name tells, if it is named
            as in chest_xray, and else of a patient of its own.
        positive: in a CSV, the label that counts as 1, in large or small letters; all others count
            as 0. By default 1, PNEUMONIA or pneumonia.

    Returns:
        The folder that the records' paths are relative to, and the records. Byte-identical
        duplicates are kept, since they are part of the set that is to be measured on.

    Raises:
        DatasetError: it is neither, a label is unknown, or a class is missing.
    """
    if data.is_dir():
        return data, _of_folder(data)
    if data.suffix.lower() == ".csv" and data.is_file():
        return data.parent, _of_csv(data, positive)
    raise DatasetError(
        f"{data}: expected a folder with {' and '.join(CLASS_NAMES)} in it, or a CSV file."
    )


def _of_folder(data: Path) -> list[Record]:
    if not any((data / name).is_dir() for name in CLASS_NAMES):
        splits = [path.name for path in data.iterdir() if (path / CLASS_NAMES[0]).is_dir()]
        likeliest = "train" if "train" in splits else min(splits, default=None)
        hint = f" Did you mean {data / likeliest}?" if likeliest else ""
        raise DatasetError(f"{data}: has neither {' nor '.join(CLASS_NAMES)} in it.{hint}")
    records = told_apart(read_split(data, split=data.name))
    require_both_classes(data.parent, (data.name,), (record.label for record in records))
    refuse_contradictions(data, records)
    return records


def _of_csv(path: Path, positive: str | None) -> list[Record]:
    table = read_csv(path)
    column = next((name for name in ("path", "image") if name in table), None)
    if column is None or "label" not in table:
        raise DatasetError(
            f"{path}: expected the columns path and label. Found: {', '.join(table.columns)}."
        )
    labels = _labels(path, table["label"], positive)
    records = told_apart(
        make_record(path.parent, path.parent / name, label, split=path.stem)
        for name, label in zip(table[column], labels, strict=True)
    )
    refuse_contradictions(path, records)
    if "patient" in table:
        records = [
            replace(record, patient=given.strip() or record.patient)
            for record, given in zip(records, table["patient"], strict=True)
        ]
    for label, name in enumerate(CLASS_NAMES):
        if label not in labels:
            raise DatasetError(f"{path}: no image of class {name}.")
    return records


def _labels(path: Path, column: pd.Series[str], positive: str | None) -> list[int]:
    column = column.str.strip()
    if blank := int((column == "").sum()):
        raise DatasetError(
            f"{path}: {blank} of {len(column)} rows have no label. Label them, or leave them out."
        )
    if positive is not None:
        same = [label.casefold() == positive.strip().casefold() for label in column]
        if not any(same):
            found = ", ".join(sorted(set(column)))
            raise DatasetError(f"{path}: no image has the label {positive!r}. Found: {found}.")
        return [int(is_positive) for is_positive in same]
    meaning = {"0": 0, "1": 1} | {name: i for i, name in enumerate(CLASS_NAMES)}
    unknown = sorted({label for label in column if label.upper() not in meaning})
    if unknown:
        raise DatasetError(
            f"{path}: expected labels 0 and 1, or {' and '.join(CLASS_NAMES)}. Found: "
            f"{', '.join(unknown[:5])}. Name the one that counts as pneumonia with --positive."
        )
    return [meaning[label.upper()] for label in column]
