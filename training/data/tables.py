"""Tables that people give as CSV files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cxr.errors import DatasetError


def read_csv(path: Path, *, columns: Sequence[str] = (), **how: Any) -> pd.DataFrame:
    """The rows of a CSV file.

    Args:
        path: of the file.
        columns: that it has to have.
        how: types and empty cells; see `pandas.read_csv`.

    Raises:
        DatasetError: it cannot be read, or lacks a column.
    """
    try:
        # A separator too many at the end of a row is no column of its own.
        table: pd.DataFrame = pd.read_csv(path, index_col=False, **how)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read as CSV ({error}).") from error
    if not set(columns) <= set(table.columns):
        raise DatasetError(
            f"{path}: expected the columns {', '.join(columns)}. Found: "
            f"{', '.join(map(str, table.columns))}."
        )
    return table
