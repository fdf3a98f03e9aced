"""CSV files as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cxr.errors import DatasetError
from training.data.tables import read_csv


def written(folder: Path, content: str, encoding: str = "utf-8") -> Path:
    path = folder / "table.csv"
    path.write_bytes(content.encode(encoding))
    return path


@pytest.mark.parametrize(
    "content",
    [
        "path,label\na.png,1\nb.png,\n",
        "path,label\na.png,1,\nb.png,,\n",  # a separator at the end of each row
        "path,label\na.png,1\nb.png,,,\n",  # of one row, and not of the first
        "path,label,,\na.png,1,,\nb.png\n",
        '\ufeffpath,label\r\n"a.png",1\r\n\r\nb.png,\r\n',  # as spreadsheets write it
    ],
)
def test_cells_are_read_into_their_columns(tmp_path: Path, content: str) -> None:
    table = read_csv(written(tmp_path, content), columns=["path", "label"])
    assert table.to_dict("records") == [
        {"path": "a.png", "label": "1"},
        {"path": "b.png", "label": ""},
    ]


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        ("", "utf-8", "expected the columns path. Found: "),
        ("file\nx\n", "utf-8", "expected the columns path. Found: file"),
        ("path,path\na,b\n", "utf-8", "two columns have one name"),
        ("path\na.png,left\n", "utf-8", "expected 1 cells in a row.*Received: a.png,left"),
        ("path\né.png\n", "latin-1", "cannot be read as CSV"),
        ("path\n\0\n", "utf-16", "cannot be read as CSV"),
    ],
)
def test_what_would_be_read_wrongly_is_refused(
    tmp_path: Path, content: str, encoding: str, message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        read_csv(written(tmp_path, content, encoding), columns=["path"])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"gone\.csv: cannot be read as CSV"):
        read_csv(tmp_path / "gone.csv")
