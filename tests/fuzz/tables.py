"""Tables of any bytes are read or refused."""

from __future__ import annotations

import io
from contextlib import redirect_stderr
from pathlib import Path

import cv2
import numpy as np

from cxr.errors import CXRError
from tests.fuzz import seeds
from tests.fuzz.folder import FOLDER
from tests.fuzz.sheets import sheet


def labels(content: bytes) -> None:
    """A CSV of labels, beside two images."""
    from training.data.labelled import read_labelled

    try:
        _, records = read_labelled(_table(content))
    except CXRError as error:
        assert "labels.csv" in str(error) or ".png" in str(error), error
        return
    assert {record.label for record in records} == {0, 1}


def outlines(content: bytes) -> None:
    """A CSV of masks or boxes, beside two images."""
    from training.data.dataset import make_record
    from training.data.outlines import LUNGS, read_outlines

    table = _table(content)
    records = [make_record(FOLDER, FOLDER / f"{name}.png", 0, split="x") for name in "ab"]
    try:
        with redirect_stderr(io.StringIO()):  # its progress
            drawn = read_outlines([table], LUNGS, FOLDER, records, 16, required=False)
    except CXRError as error:
        assert str(error)
        return
    assert drawn.shape == (2, 16, 16)
    assert np.nanmax(drawn, initial=0) <= 1


def _table(content: bytes) -> Path:
    for name in "ab":
        if not (FOLDER / f"{name}.png").exists():
            cv2.imwrite(str(FOLDER / f"{name}.png"), seeds.GREY)
    path = FOLDER / "labels.csv"
    path.write_bytes(sheet(content))
    return path
