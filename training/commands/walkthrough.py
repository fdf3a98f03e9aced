"""Run the example notebook from top to bottom, and save it with its outputs.

The notebook is examples/walkthrough.ipynb. It trains a small network on the way.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cxr.errors import RunError
from training.files import EXAMPLES, ROOT, make_folder

NOTEBOOK = EXAMPLES / "walkthrough.ipynb"
_CELL_TIMEOUT = 3600  # seconds, for the fit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with train/NORMAL and train/PNEUMONIA"
    )
    parser.add_argument("--run", type=Path, required=True, help="new folder for its run")
    parser.add_argument("--out", type=Path, required=True, help="notebook file to write")


def run(options: argparse.Namespace) -> int:
    """Run the notebook, and print where it is."""
    write_walkthrough(options.out, data=options.data, run=options.run)
    print(f"Notebook: {options.out}")
    return 0


def write_walkthrough(
    out: Path, *, data: Path, run: Path, settings: Mapping[str, object] | None = None
) -> None:
    """Run the notebook with the project's folder as its working directory.

    Args:
        out: where the notebook with its outputs goes; may be the notebook itself.
        data: the data folder.
        run: new folder for the run.
        settings: other values that its first cell reads from the environment, for example
            ``{"EPOCHS": 3}``.

    Raises:
        RunError: the run's folder exists already, a folder cannot be made, or a cell failed.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    if run.exists():
        raise RunError(f"{run}: exists already. Choose another --run, or remove it.")
    make_folder(out.resolve().parent)
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    # The notebook prints this path: relative to the project if it lies in there, so that the
    # saved outputs do not name this machine's folders.
    run = run.resolve()
    run = run.relative_to(ROOT) if run.is_relative_to(ROOT) else run
    asked = {"DATA": data.resolve(), "RUN": run, **(settings or {})}
    variables = {f"WALKTHROUGH_{name}": str(value) for name, value in asked.items()}
    client = NotebookClient(
        notebook, timeout=_CELL_TIMEOUT, kernel_name="python3", coalesce_streams=True
    )
    try:
        client.execute(cwd=str(ROOT), env={**os.environ, **variables})
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise RunError(f"{NOTEBOOK}: a cell failed.\n{error}") from error
    for cell in notebook.cells:
        _tidy(cell)
    nbformat.write(notebook, out)  # type: ignore[no-untyped-call]


def _tidy(cell: Any) -> None:
    """Remove what differs between equal runs: warnings and execution times."""
    cell.metadata.pop("execution", None)
    if cell.cell_type == "code":
        cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
