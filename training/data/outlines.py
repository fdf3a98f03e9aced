"""Outlines beside the images: of the lungs, and of opacities where somebody drew them.

A table names images and masks, or boxes. Without a table of lungs the gate's network outlines them:
good enough to begin with, not as good as people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from cxr.errors import DatasetError
from cxr.gate.gate import Gate
from cxr.preprocessing import Preprocessing
from cxr.reading.radiograph import read_radiograph
from training.data.dataset import Record, held_out_patients, make_record
from training.data.images import Outlines, Split
from training.gate.data import read_mask
from training.gate.fit import outline

LUNGS = "lung_mask"
OPACITIES = "opacity_mask"
_BOX = ("x", "y", "width", "height")


def read_outlines(
    tables: Sequence[Path], column: str, root: Path, records: Sequence[Record], size: int
) -> Outlines:
    """Outlines of the images of a data folder that tables have.

    Args:
        tables: CSVs with the column image and either `column`, the file of a mask (empty for an
            image known to have none), or x, y, width and height, a box in the image's pixels, a
            row a box (empty for none). Files are relative to the table.
        column: ``"lung_mask"`` or ``"opacity_mask"``.
        root: the folder that the records' paths are relative to.
        records: of the N images.
        size: side S.

    Raises:
        DatasetError: a table cannot be read or lacks a column, or none has any of the images.
        UnreadableRadiograph: a mask cannot be read.
    """
    found = np.full((len(records), size, size), np.nan, dtype=np.float16)
    for table in tables:
        rows = _read_table(table, column)
        numbers = _record_numbers(rows, table, root, records)
        for number, group in tqdm(rows.groupby(numbers), desc=table.name, unit="image"):
            if number < 0:
                continue
            if column in rows:
                found[int(number)] = _draw_masks(table, group[column], size)
            else:
                shape = read_radiograph(root / records[int(number)].path).shape
                found[int(number)] = _draw_boxes(group, shape, size)
    if np.isnan(found).all():
        named = ", ".join(map(str, tables))
        raise DatasetError(f"{named}: none of its images is among those of {root}.")
    return found


def read_elsewhere(
    tables: Sequence[Path], root: Path, records: Sequence[Record], preprocessing: Preprocessing
) -> Split | None:
    """The images of tables of lungs that are not of the data folder, with their outlines.

    Args:
        tables: as for `read_outlines`; a column label that says normal tells that such an image
            shows no disease.
        root: the data folder.
        records: of its images.
        preprocessing: how images are resized.

    Returns:
        Images whose label is 0 where they are known to be normal, else 1; None if there are none.
    """
    known, held_out = {record.digest for record in records}, held_out_patients()
    images, lungs, found = [], [], []
    for table in tables:
        rows = _read_table(table, LUNGS)
        if LUNGS not in rows:
            continue
        others = rows[(_record_numbers(rows, table, root, records) < 0) & rows[LUNGS].notna()]
        for _, row in others.iterrows():
            path = table.parent / row["image"]
            if path.resolve().is_relative_to(root.resolve()):
                continue  # of the data folder, and left out of the fit on purpose
            normal = str(row.get("label", "")).lower() == "normal"
            record = make_record(table.parent, path, 0 if normal else 1, split="elsewhere")
            if record.digest in known or record.patient in held_out:
                continue  # an image of the data folder from another place
            images.append(preprocessing.resize(read_radiograph(path)).astype(np.float16))
            lungs.append(read_mask(str(table.parent / row[LUNGS]), preprocessing.size))
            found.append(record)
    if not found:
        return None
    return Split(np.stack(images), found, np.stack(lungs).astype(np.float16))


def _read_table(table: Path, column: str) -> pd.DataFrame:
    try:
        rows = pd.read_csv(table, dtype={"image": str, column: str})
    except (OSError, ValueError) as error:
        raise DatasetError(f"{table}: cannot be read as CSV ({error}).") from error
    if "image" not in rows or not (column in rows or set(_BOX) <= set(rows.columns)):
        raise DatasetError(
            f"{table}: expected the columns image and {column}, or image, {', '.join(_BOX)}. "
            f"Found: {', '.join(map(str, rows.columns))}."
        )
    return rows


def _record_numbers(
    rows: pd.DataFrame, table: Path, root: Path, records: Sequence[Record]
) -> pd.Series[int]:
    """For each row the number of its image, by path or by a name that is unique; -1 for none."""
    paths = {(root / record.path).resolve(): number for number, record in enumerate(records)}
    counts = Counter(path.name for path in paths)
    names = {path.name: number for path, number in paths.items() if counts[path.name] == 1}
    return rows["image"].map(
        lambda image: paths.get((table.parent / image).resolve(), names.get(Path(image).name, -1))
    )


def _draw_masks(table: Path, files: pd.Series[str], size: int) -> npt.NDArray[np.float32]:
    mask = np.zeros((size, size), np.float32)
    for file in files.dropna():
        mask = np.maximum(mask, read_mask(str(table.parent / file), size))
    return mask


def _draw_boxes(rows: pd.DataFrame, shape: tuple[int, int], size: int) -> npt.NDArray[np.float32]:
    mask = np.zeros((size, size), np.float32)
    to_row, to_column = size / shape[0], size / shape[1]
    for x, y, width, height in rows[list(_BOX)].dropna().to_numpy(dtype=float):
        top, left = round(y * to_row), round(x * to_column)
        bottom, right = round((y + height) * to_row), round((x + width) * to_column)
        mask[top : max(bottom, top + 1), left : max(right, left + 1)] = 1
    return mask


def outline_by_gate(images: npt.NDArray[np.float16]) -> Outlines:
    """The gate's outlines of the lungs in images (N, S, S); unknown where it is in doubt."""
    gate = Gate()
    side = gate.preprocessing.size
    small = np.stack([_resize(image, side) for image in images])
    masks = outline(gate.network, small)
    return np.stack([_resize(mask, images.shape[1]) for mask in masks])


def _resize(image: npt.NDArray[np.float16], side: int) -> npt.NDArray[np.float16]:
    shrinks = image.shape[0] >= side
    resized = cv2.resize(
        image.astype(np.float32),
        (side, side),
        interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
    )
    return resized.astype(np.float16)
