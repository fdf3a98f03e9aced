"""Reading and writing the files and folders of results; each file is written in one step."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cxr.errors import RunError
from cxr.renamed import with_new_names

ROOT = Path(__file__).parents[1]  # the checkout: where `python -m training` works
EXAMPLES = ROOT / "examples"
_ATTEMPTS = 10


def write_atomically(path: Path, save: Callable[[Path], object]) -> None:
    """Let `save` write a file beside `path`, then rename it: `path` is never half-written."""
    # Keras wants names that end in .weights.h5, so "partial" is put in front. The process id keeps
    # several processes that write the same report apart.
    partial = path.with_name(f"partial-{os.getpid()}-{path.name}")
    try:
        save(partial)
    except OSError:  # a full disk: what was begun would take what is left of it
        partial.unlink(missing_ok=True)
        raise
    for attempt in range(_ATTEMPTS):
        try:
            return os.replace(partial, path)
        except PermissionError:  # Windows, while another process reads the old file
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(0.1)
    return None


def make_folder(folder: Path) -> None:
    """Make a folder for results if it does not exist.

    Raises:
        RunError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder}: cannot be made ({error.strerror}).") from error


@contextmanager
def replaced_whole(folder: Path) -> Iterator[Path]:
    """A new folder beside this one, which takes its place at the end unless something was raised.

    Raises:
        OSError: a folder cannot be written; the one that was there stays.
    """
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}-") as beside:
        new, old = Path(beside) / "new", Path(beside) / "old"
        new.mkdir()
        yield new
        if folder.exists():
            folder.rename(old)
        try:
            new.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step."""
    write_atomically(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def write_json(path: Path, document: object) -> None:
    """Write a JSON file in one step.

    Args:
        path: of the file.
        document: JSON values; tuples are written as lists.

    Raises:
        TypeError: a value has no form in JSON.
        ValueError: a number is infinite or not a number, which JSON does not allow.
    """
    write_text(path, json.dumps(document, indent=1, allow_nan=False) + "\n")


def as_json(document: object) -> Any:
    """JSON values as they are after writing and reading them: tuples become lists."""
    return json.loads(json.dumps(document))


def read_json(path: Path) -> Any:
    """The JSON values of a file; fields of earlier versions get their present names.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not JSON.
    """
    return with_new_names(json.loads(path.read_text(encoding="utf-8")))
