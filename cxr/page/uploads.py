"""Files that browsers and clients have uploaded; no other file is opened for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from cxr.errors import UnreadableRadiograph
from cxr.messages import Message


def asked_name(asked: Mapping[str, Any]) -> str:
    """What a browser calls a file: the last part of a name, which may be any value."""
    return Path(str(asked.get("name") or "the picture")).name


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
