"""Tables that people give as CSV files."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cxr.errors import DatasetError


def read_csv(path: Path, *, columns: Sequence[str] = ()) -> pd.DataFrame:
    """The rows of a CSV file, all cells as text; those that are empty or missing as ``""``.

    Args:
        path: of the file, in UTF-8.
        columns: that it has to have.

    Raises:
        DatasetError: it cannot be read, lacks a column, or a row has more cells than the header.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *lines = [line for line in csv.reader(file) if line] or [[]]
    except (OSError, ValueError, csv.Error) as error:
        raise DatasetError(f"{path}: cannot be read as CSV ({error}).") from error
    header = _without_empty_end(header)
    if len(set(header)) < len(header):
        raise DatasetError(f"{path}: two columns have one name. Found: {', '.join(header)}.")
    if not set(columns) <= set(header):
        raise DatasetError(
            f"{path}: expected the columns {', '.join(columns)}. Found: {', '.join(header)}."
        )
    rows = [_without_empty_end(line) for line in lines]
    for row in rows:
        if len(row) > len(header):
            raise DatasetError(
                f"{path}: expected {len(header)} cells in a row, as in the header. Received: "
                f"{','.join(row)}. Put a cell that holds a comma in quotation marks."
            )
    filled = [row + [""] * (len(header) - len(row)) for row in rows]
    return pd.DataFrame(filled, columns=header, dtype=str)


def _without_empty_end(cells: list[str]) -> list[str]:
    """The cells up to the last that is not empty: a separator at the end of a row means nothing."""
    while cells and not cells[-1].strip():
        cells = cells[:-1]
    return cells
