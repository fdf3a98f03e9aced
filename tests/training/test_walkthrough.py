"""The notebook runs from top to bottom, and the one that is committed has been run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from cxr.errors import RunError
from tests.conftest import QUICK_FIT, ROOT
from training.commands.walkthrough import NOTEBOOK, write_walkthrough


def code_cells(path: Path) -> list[Any]:
    notebook = nbformat.read(path, as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def words(cells: list[Any]) -> str:
    """All that is printed or shown as text."""
    said = []
    for cell in cells:
        for output in cell.outputs:
            data = output.get("data", {})
            said += [output.get("text", ""), data.get("text/plain", ""), data.get("text/html", "")]
    return "\n".join(said)


def pictures(cells: list[Any]) -> int:
    return sum("image/png" in out.get("data", {}) for cell in cells for out in cell.outputs)


@pytest.mark.slow
def test_it_runs_from_top_to_bottom(chest_images: Path, tmp_path: Path) -> None:
    out, preset = tmp_path / "run.ipynb", tmp_path / "quick.json"
    preset.write_text(json.dumps(QUICK_FIT.to_json()))
    settings = {"PRESET": str(preset), "IMAGE_SIZE": 16, "EPOCHS": 1}
    write_walkthrough(out, data=chest_images, run=tmp_path / "fit", settings=settings)
    cells = code_cells(out)
    assert pictures(cells) == 4  # variants, curves, confusion matrix, heatmaps
    said = words(cells)
    assert "0 patients in both splits" in said
    assert "epoch 1/1" in said
    assert "Predicted as pneumonia from a probability of" in said
    assert "model.weights.h5" in said
    assert (tmp_path / "fit" / "bundle" / "manifest.json").is_file()


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "thesis.txt"
    kept.write_text("years of work")
    with pytest.raises(RunError, match="exists already"):
        write_walkthrough(tmp_path / "out.ipynb", data=tmp_path, run=tmp_path)
    assert kept.read_text() == "years of work"


def test_what_is_committed_came_from_a_real_run() -> None:
    cells = code_cells(NOTEBOOK)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert pictures(cells) == 4
    said = words(cells)
    assert "Error" not in said
    assert "3875" in said  # images with pneumonia in the published training split
    assert not re.search(r"(?<![\w.:/])/(?:[\w.-]+/)+", said), "a path of somebody's machine"
    assert NOTEBOOK.stat().st_size < 1_500_000
    assert str(ROOT) not in NOTEBOOK.read_text(encoding="utf-8")
