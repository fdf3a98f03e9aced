"""What browsers and clients send: names, numbers, and files, of which only uploads are opened."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from cxr.errors import UnreadableRadiograph
from cxr.language import Language
from cxr.messages import Message

_MAX_PATH = 4096  # characters
_MAX_NAME = 255  # bytes, as of the file systems in use
_EVERY = 30  # seconds between two looks at the uploads, ...
_AGE = 300  # ... of which those that are older are deleted


def asked_name(asked: Mapping[str, Any], key: str = "name") -> str:
    """What a browser calls a file: the last part of a name, which may be any value."""
    name = Path(str(asked.get(key) or "the picture")[-_MAX_PATH:]).name
    # Half a character, as some file systems allow it, cannot be sent back.
    return name.encode("utf-8", errors="replace")[:_MAX_NAME].decode(errors="ignore")


def asked_upload(asked: Any, key: str = "name") -> tuple[Path, str]:
    """Path and name of the upload that a client names; it may send anything.

    Args:
        asked: what the client sends.
        key: of the name.

    Raises:
        UnreadableRadiograph: it is no upload, or the upload has been deleted.
    """
    asked = asked if isinstance(asked, dict) else {}
    name = asked_name(asked, key)
    return uploaded_file(str(asked.get("path")), name=name), name


def asked_fraction(asked: Mapping[str, Any], key: str) -> float | None:
    """A number from 0 to 1 that a browser sends; None for anything else."""
    value = asked.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return None
    return float(value)


def sent_language(asked: Mapping[str, Any]) -> Language:
    """The language that a browser sends; English for anything else."""
    return "fr" if asked.get("language") == "fr" else "en"


def uploaded_file(path: str, *, name: str) -> Path:
    """The upload that a client names by its path.

    Args:
        path: as the client sent it; it may be any string.
        name: what to call the radiograph in messages.

    Raises:
        UnreadableRadiograph: the path is not that of an upload, or the upload has been deleted.
    """
    try:
        # A longer one would take seconds to look at.
        found = Path(path if len(path) <= _MAX_PATH else "").resolve()
        if found.is_relative_to(Path(get_upload_folder()).resolve()) and found.is_file():
            return found
    except (OSError, ValueError):  # not a valid path
        pass
    raise UnreadableRadiograph(Message("no_upload"), name=name)


@contextmanager
def deleted_when_old(folder: Path) -> Iterator[None]:
    """While this lasts, delete what has been in a folder of uploads for some minutes.

    Gradio would delete only what it knows of, and stops for good (`delete_files_on_schedule` in
    gradio/route_utils.py) when a file comes in while it looks for old ones.
    """
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_EVERY):
            delete_old(folder, age=_AGE)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def delete_old(folder: Path, *, age: float) -> None:
    """Delete the files in a folder and below, and the empty folders, that are older than this.

    Those of a time to come are deleted, too: the clock was set back since they were written.

    Args:
        folder: where Gradio writes an upload until it is whole, then into a folder in there.
        age: in seconds.
    """
    for above, folders, files in os.walk(folder, topdown=False):
        for name in (*files, *folders):
            path = Path(above, name)
            try:
                if abs(time.time() - path.lstat().st_mtime) <= age:
                    continue
                if path.is_dir() and not path.is_symlink():
                    path.rmdir()  # fails where a file is in it
                else:
                    path.unlink()
            except OSError:  # not empty, or deleted by somebody else
                continue
