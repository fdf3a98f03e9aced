"""Files that browsers and clients have uploaded; no other file is opened for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from cxr.errors import UnreadableRadiograph
from cxr.messages import Message

DELETE_UPLOADS = (30, 300)  # seconds: every 30 s, those older than 300 s


def asked_name(asked: Mapping[str, Any], key: str = "name") -> str:
    """What a browser calls a file: the last part of a name, which may be any value."""
    name = str(asked.get(key) or "the picture")
    # Half a character, as some file systems allow it, cannot be sent back.
    return Path(name.encode("utf-8", errors="replace").decode()).name


def uploaded_file(path: str, *, name: str) -> Path:
    """The upload that a client names by its path.

    Args:
        path: as the client sent it; it may be any string.
        name: what to call the radiograph in messages.

    Raises:
        UnreadableRadiograph: the path is not that of an upload, or the upload has been deleted.
    """
    try:
        found = Path(path).resolve()
        if found.is_relative_to(Path(get_upload_folder()).resolve()) and found.is_file():
            return found
    except (OSError, ValueError):  # not a valid path
        pass
    raise UnreadableRadiograph(name, Message("no_upload"))


@contextmanager
def deleted_when_left(folder: Path) -> Iterator[None]:
    """While this lasts, delete what is left of uploads that were broken off.

    Gradio deletes the others (`DELETE_UPLOADS`), but not the folders that they were in.
    """
    every, age = DELETE_UPLOADS
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(every):
            delete_left(folder, age=age)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def delete_left(folder: Path, *, age: float) -> None:
    """Delete files directly in a folder, and empty folders in it, that are older than this.

    Those of a time to come are deleted, too: the clock was set back since they were written.

    Args:
        folder: where Gradio writes an upload until it is whole, then into a folder in there.
        age: in seconds.
    """
    for path in folder.iterdir():
        try:
            if abs(time.time() - path.lstat().st_mtime) <= age:
                continue
            if path.is_dir() and not path.is_symlink():
                path.rmdir()  # fails where a file is in it
            else:
                path.unlink()
        except OSError:  # not empty, or deleted by somebody else
            continue
