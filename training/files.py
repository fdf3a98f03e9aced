"""Reading and writing the files and folders of results; each file is written in one step."""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import get_ident
from typing import Any

from cxr.errors import RunError, not_written
from cxr.old_names import with_new_names
from cxr.saved_files import former_of, where_it_is

ROOT = Path(__file__).parents[1]  # the checkout: where `python -m training` works
EXAMPLES = ROOT / "examples"
_ATTEMPTS = 10
_PARTIAL = "partial-"  # begins the names of files and folders that are being written
_HOUR = 3600  # seconds
_FORMULA = re.compile(r"(?:^|(?<=[;\t]))(?='*[=+\-@\t\r\n＝＋－＠])")
_GUARDED = re.compile(r"(?:^|(?<=[;\t]))'(?='*[=+\-@\t\r\n＝＋－＠])")


def write_atomically(path: Path, save: Callable[[Path], object]) -> None:
    """Let `save` write a file beside `path`, then rename it: `path` is never half-written.

    Raises:
        RunError: it cannot be written; the file that was there stays.
    """
    # Keras wants names that end in .weights.h5, so "partial" is put in front. Process and
    # thread keep those apart that write the same report.
    partial = path.with_name(f"{_PARTIAL}{os.getpid()}-{get_ident()}-{path.name}")
    _remove_left_overs(path.parent, f"{_PARTIAL}*-{glob.escape(path.name)}")
    try:
        save(partial)
        _sync(partial)
        _rename(partial, path)
    except OSError as error:
        with suppress(OSError):  # on a full disk, what was begun would take what is left of it
            partial.unlink(missing_ok=True)
        raise RunError(not_written(path, error)) from error


def reserve_space(path: Path, size: int) -> None:
    """Fill a file with zeros before a writer that would crash on a full disk writes it.

    Args:
        path: of the file, which others then write anew.
        size: in bytes.

    Raises:
        OSError: it cannot be written.
    """
    with path.open("wb", buffering=0) as file:
        left = size
        while left > 0:
            left -= file.write(bytes(min(left, 1 << 20)))


def _sync(path: Path) -> None:
    """Wait until a file is on the disk: without power, its new name would lead to half of it."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _rename(partial: Path, path: Path) -> None:
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
        raise RunError(not_written(folder, error)) from error


@contextmanager
def replaced_whole(folder: Path) -> Iterator[Path]:
    """A new folder beside this one, which takes its place at the end unless something was raised.

    If the process is killed, the folder holds what it did or what is new. For a moment it waits
    under another name, where `cxr.saved_files.where_it_is` finds it.

    Raises:
        RunError: it cannot be written; the one that was there stays.
    """
    try:
        with _replaced_whole(folder) as new:
            yield new
    except OSError as error:
        raise RunError(not_written(folder, error)) from error


@contextmanager
def _replaced_whole(folder: Path) -> Iterator[Path]:
    prefix = f"{_PARTIAL}{folder.name}-"
    _remove_left_overs(folder.parent, f"{glob.escape(prefix)}*")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=prefix) as beside:
        new = Path(beside) / "new"
        new.mkdir()
        yield new
        for attempt in range(_ATTEMPTS):
            try:
                _exchange(new, folder)
                break
            except OSError:  # another process was quicker
                if attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(0.1)
    _remove(former_of(folder))


def _exchange(new: Path, folder: Path) -> None:
    """Rename a folder to the name of another, which then waits as `former_of`."""
    former = former_of(folder)
    if folder.exists():
        # Of a process that was killed before it could delete it.
        _remove(former)
        folder.rename(former)
    try:
        new.rename(folder)
    except OSError:
        if former.exists() and not folder.exists():
            former.rename(folder)
        raise


def remove_whole(folder: Path) -> None:
    """Remove a folder of `replaced_whole`: no reader finds a part of it.

    Raises:
        OSError: it cannot be removed, and is as it was.
    """
    there = where_it_is(folder)
    if there.exists():
        if there == folder:  # which nobody is to take for the present one when this is gone
            _remove(former_of(folder))
        prefix = f"{_PARTIAL}{folder.name}-"
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=prefix) as beside:
            there.rename(Path(beside) / "old")


def _remove(folder: Path) -> None:
    """Delete a folder, or a link to one, as far as that is possible."""
    if folder.is_symlink():
        with suppress(OSError):
            folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_left_overs(folder: Path, pattern: str) -> None:
    """Delete what processes that were killed have begun to write here an hour ago or earlier."""
    for path in folder.glob(pattern):
        with suppress(OSError):  # another process was quicker
            if time.time() - path.stat().st_mtime < _HOUR:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step."""
    # As it is, on Windows too: tables of pandas have the line ends of the system already.
    write_atomically(path, lambda new: new.write_text(text, encoding="utf-8", newline=""))


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


def as_cell(text: str) -> str:
    """Text as a cell of a CSV file for people: no spreadsheet takes it, or a part, for a formula.

    An apostrophe is put in front of what begins like one, also behind a semicolon or a tab, where
    these separate cells. As downloadTable of cxr/page/files.js does.
    """
    return _FORMULA.sub("'", text)


def of_cell(cell: str) -> str:
    """The text of a cell that `as_cell` made."""
    return _GUARDED.sub("", cell)


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object of a file that a command wrote; see `read_json`.

    Raises:
        RunError: it cannot be read, or holds no JSON object.
    """
    try:
        document = read_json(path)
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read as JSON ({error}). Name another one.") from error
    if not isinstance(document, dict):
        raise RunError(f"{path}: expected a JSON object. Name another file or folder.")
    return document


def read_json(path: Path) -> Any:
    """The JSON values of a file; fields of earlier versions get their present names.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not JSON.
    """
    return with_new_names(json.loads(path.read_text(encoding="utf-8")))
