"""Outlines of lungs and opacities, from tables of masks or boxes that people drew.

Without a table of lungs the gate's network outlines them, less accurately than people do.
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

from cxr.errors import DatasetError, RadiographError, for_terminal
from cxr.gate.gate import Gate
from cxr.preprocessing import Preprocessing
from cxr.reading.radiograph import read_radiograph
from training.data.dataset import ALL, Record, list_records, make_record, named_patient
from training.data.digests import file_digest
from training.data.images import Outlines, Split
from training.data.masks import predict_masks, read_mask
from training.data.reserved import reserved_patients
from training.data.tables import read_csv

LUNGS = "lung_mask"
OPACITIES = "opacity_mask"
_BOX = ("x", "y", "width", "height")


def read_outlines(
    tables: Sequence[Path],
    column: str,
    root: Path,
    records: Sequence[Record],
    size: int,
    *,
    required: bool = True,
) -> Outlines:
    """Draw the outlines that tables hold of the images of a data folder.

    Args:
        tables: CSVs with the column image and either `column`, the file of a mask (empty for an
            image known to have none), or x, y, width and height, a box in the image's pixels, one
            box in a row (empty for none). Files are relative to the table.
        column: ``"lung_mask"`` or ``"opacity_mask"``.
        root: the folder that the records' paths are relative to.
        records: of the N images.
        size: side S.
        required: whether tables with none of the images are an error.

    Returns:
        Outlines (N, S, S) in [0, 1]; NaN throughout the images that no table names.

    Raises:
        DatasetError: a table cannot be read or lacks a column, or none of the images are in any
            though some are required.
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
                found[int(number)] = _draw_boxes(table, group, shape, size)
    if required and np.isnan(found).all():
        named = ", ".join(map(str, tables))
        raise DatasetError(
            f"{named}: none of its images is among those of {root}. Expected paths relative to the "
            "table, or file names that are unique in the folder."
        )
    return found


def read_extra(
    tables: Sequence[Path],
    root: Path,
    records: Sequence[Record],
    preprocessing: Preprocessing,
    *,
    skip_unreadable: bool = False,
) -> Split | None:
    """Read the images of tables of lungs that lie outside the data folder, with their outlines.

    Args:
        tables: as for `read_outlines`. Where their column label says normal, the image is known to
            show no disease.
        root: the data folder.
        records: of its images.
        preprocessing: how images are resized.
        skip_unreadable: leave damaged images out instead of stopping.

    Returns:
        The images, with label 0 where they are known to be normal and 1 otherwise; None if there
        are none. Other copies of images of the data folder, whatever split they are in, and images
        of its patients, as far as names tell them, are left out.

    Raises:
        DatasetError: a table cannot be read or lacks a column.
        UnreadableRadiograph: an image or a mask cannot be read.
    """
    images, lungs, found = [], [], []
    known: set[str | None] | None = None  # of the data folder: reading all of it takes a while
    for table in tables:
        rows = _read_table(table, LUNGS)
        if LUNGS not in rows:
            continue
        others = rows[(_record_numbers(rows, table, root, records) < 0) & rows[LUNGS].notna()]
        for name, group in others.groupby("image", sort=False):
            path = table.parent / str(name)
            if path.resolve().is_relative_to(root.resolve()):
                continue  # in the data folder, but left out of the fit on purpose
            labels = group["label"] if "label" in group else pd.Series([""])
            normal = {str(label).strip().lower() for label in labels} == {"normal"}
            record = make_record(table.parent, path, 0 if normal else 1, split="extra")
            if known is None:
                known = _known(list_records(root, splits=ALL))
            if {record.digest, named_patient(record)} & known:
                tqdm.write(
                    for_terminal(f"{path}: of the data folder, or of one of its patients; left out")
                )
                continue
            known.add(record.digest)  # another table may have it, too
            try:
                radiograph = read_radiograph(path, name=str(path))
            except RadiographError as error:
                if not skip_unreadable:
                    raise
                tqdm.write(for_terminal(f"unreadable, left out: {error}"))
                continue
            images.append(preprocessing.resize(radiograph).astype(np.float16))
            lungs.append(_draw_masks(table, group[LUNGS], preprocessing.size))
            found.append(record)
    if not found:
        return None
    return Split(np.stack(images), found, np.stack(lungs).astype(np.float16))


def _known(records: Sequence[Record]) -> set[str | None]:
    """Digests and patients of a data folder, and the patients that no fit learns from."""
    own = {value for record in records for value in (record.digest, named_patient(record))}
    return (own | reserved_patients()) - {"", None}


def _read_table(table: Path, column: str) -> pd.DataFrame:
    rows = read_csv(table).replace("", np.nan)
    if "image" not in rows or not (column in rows or set(_BOX) <= set(rows.columns)):
        raise DatasetError(
            f"{table}: expected the columns image and {column}, or image, {', '.join(_BOX)}. "
            f"Found: {', '.join(map(str, rows.columns))}."
        )
    return rows


def _record_numbers(
    rows: pd.DataFrame, table: Path, root: Path, records: Sequence[Record]
) -> pd.Series[int]:
    """For each row the number of its image, found by path or by a unique file name; -1 for none."""
    paths = {(root / record.path).resolve(): number for number, record in enumerate(records)}
    counts = Counter(path.name for path in paths)
    names = {path.name: number for path, number in paths.items() if counts[path.name] == 1}

    def number(image: object) -> int:
        if not isinstance(image, str) or "\0" in image:
            return -1
        path = (table.parent / image).resolve()
        found = paths.get(path, names.get(Path(image).name, -1))
        # Another image may have the name; another copy of the data folder has the same ones.
        if path not in paths and found >= 0 and path.is_file():
            return found if file_digest(path) == records[found].digest else -1
        return found

    return rows["image"].map(number)


def _draw_masks(table: Path, files: pd.Series[str], size: int) -> npt.NDArray[np.float32]:
    mask = np.zeros((size, size), np.float32)
    for file in files.dropna():
        mask = np.maximum(mask, read_mask(table.parent / file, size))
    return mask


def _draw_boxes(
    table: Path, rows: pd.DataFrame, shape: tuple[int, int], size: int
) -> npt.NDArray[np.float32]:
    mask = np.zeros((size, size), np.float32)
    to_row, to_column = size / shape[0], size / shape[1]
    for x, y, width, height in _boxes(table, rows, shape):
        top, left = max(0, round(y * to_row)), max(0, round(x * to_column))
        bottom, right = round((y + height) * to_row), round((x + width) * to_column)
        mask[top : max(bottom, top + 1), left : max(right, left + 1)] = 1
    return mask


def _boxes(table: Path, rows: pd.DataFrame, shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    """The boxes of an image (N, 4), in pixels; a row without one says that there is none."""
    given = rows.dropna(subset=list(_BOX), how="all")
    try:
        boxes = given[list(_BOX)].to_numpy(dtype=float)
    except ValueError as error:
        raise DatasetError(f"{table}: expected numbers as {', '.join(_BOX)} ({error}).") from error
    (x, y, width, height), (rows_in_all, columns_in_all) = boxes.T, shape
    # A comparison with what is missing is false.
    is_box = (width >= 1) & (height >= 1) & (x < columns_in_all) & (y < rows_in_all)
    is_box &= (x + width > 0) & (y + height > 0) & np.isfinite(boxes).all(axis=1)
    if not is_box.all():
        wrong = given[~is_box].iloc[0]
        received = ", ".join(f"{name}={wrong[name]}" for name in _BOX)
        raise DatasetError(
            f"{table}: expected boxes in pixels that lie in their image ({columns_in_all} wide, "
            f"{rows_in_all} high), or none of the four numbers where there is nothing. Received "
            f"for {wrong['image']}: {received}."
        )
    return boxes


def outline_by_gate(images: npt.NDArray[np.float16]) -> Outlines:
    """The gate's outlines of the lungs in images (N, S, S) in [0, 1]; NaN where too uncertain."""
    gate = Gate()
    side = gate.preprocessing.size
    small = np.stack([_resize(image, side) for image in images])
    masks = predict_masks(gate.graph.run, small)
    return np.stack([_resize(mask, images.shape[1]) for mask in masks])


def _resize(image: npt.NDArray[np.float16], side: int) -> npt.NDArray[np.float16]:
    shrinks = image.shape[0] >= side
    resized = cv2.resize(
        image.astype(np.float32),
        (side, side),
        interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
    )
    return resized.astype(np.float16)
