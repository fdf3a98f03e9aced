"""Files and folders for results: written whole or not at all."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cxr.errors import RunError
from cxr.model.renamed import with_new_names

ROOT = Path(__file__).parents[1]  # the checkout: where `python -m training` works
EXAMPLES = ROOT / "examples"
_ATTEMPTS = 10


def write_atomically(path: Path, save: Callable[[Path], object]) -> None:
    """Let `save` write beside `path`, then put it in place: `path` is never half-written."""
    # Keras asks for names that end in .weights.h5, so the mark goes in front.
    # The process is named, since several may write the same report.
    partial = path.with_name(f"partial-{os.getpid()}-{path.name}")
    save(partial)
    for attempt in range(_ATTEMPTS):
        try:
            return os.replace(partial, path)
        except PermissionError:  # Windows, while somebody reads what is replaced
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(0.1)
    return None


def make_folder(folder: Path) -> None:
    """Make a folder for results, if it is not there.

    Raises:
        RunError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder}: cannot be made ({error.strerror}).") from error


def write_text(path: Path, text: str) -> None:
    """Write a text file at once."""
    write_atomically(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def read_json(path: Path) -> Any:
    """JSON values of a file, with fields of earlier versions by their present names.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not JSON.
    """
    return with_new_names(json.loads(path.read_text(encoding="utf-8")))
