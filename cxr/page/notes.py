"""Readers' comments on answers, stored for the operator: without image, file name or address."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, get_args

from cxr.errors import CXRError, not_written
from cxr.output.report_words import OwnReading
from cxr.page.clients import DailyShare
from cxr.page.uploads import asked_fraction

FILE = "notes.jsonl"
_NUMBERS = ("probability", "threshold", "confidence")
_WORDS = {
    "verdict": {"NORMAL", "PNEUMONIA", "UNCERTAIN"},
    "own": set(get_args(OwnReading)),
    "feedback": {"agree", "disagree"},
}
_MAX_CHARACTERS = 1000  # of a comment
_MAX_BYTES = 50_000_000  # of the file: nobody may fill the disk through a public page
_MAX_A_DAY = 1000  # notes of one address


def note_keeper(folder: Path, *, model: str) -> Callable[[Any], None]:
    """A function that appends a note to ``FOLDER/notes.jsonl``, one JSON object a line.

    Only known fields of what a browser sends are written, and the day instead of the time.

    Args:
        folder: made if missing.
        model: digest of the model that answers.

    Raises:
        CXRError: the folder cannot be made; from the function, the note cannot be written, or there
            are too many.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CXRError(not_written(folder, error)) from error
    lock, share = threading.Lock(), DailyShare(_MAX_A_DAY)

    def keep_note(sent: Any) -> None:
        note = kept_fields(sent, model=model) if isinstance(sent, dict) else {}
        if not (note.get("feedback") or note.get("comment")):
            return  # the page sends no note that says nothing
        if not share.take():
            raise CXRError(f"{folder / FILE}: one address has sent {_MAX_A_DAY:,} notes today.")
        line = json.dumps(note, ensure_ascii=False) + "\n"
        try:
            with lock, (folder / FILE).open("ab+") as file:
                if file.tell() >= _MAX_BYTES:
                    raise CXRError(f"{folder / FILE}: is full. Move it elsewhere.")
                # A line that a full disk has cut off does not swallow the next one.
                apart = b"" if _ends_a_line(file) else b"\n"
                file.write(apart + line.encode(errors="replace"))
        except OSError as error:
            raise CXRError(not_written(folder / FILE, error)) from error

    return keep_note


def _ends_a_line(file: BinaryIO) -> bool:
    if not file.tell():
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def kept_fields(sent: Mapping[str, Any], *, model: str) -> dict[str, Any]:
    """What is kept of a note that a browser sends, known fields alone.

    Args:
        sent: as the browser sends it.
        model: digest of the model that answers.
    """
    kept: dict[str, Any] = {"day": datetime.now(UTC).date().isoformat(), "model": model}
    for name in _NUMBERS:
        fraction = asked_fraction(sent, name)
        if fraction is not None:
            kept[name] = round(fraction, 6)
    for name, known in _WORDS.items():
        value = sent.get(name)
        if isinstance(value, str) and value in known:
            kept[name] = value
    kept["comment"] = str(sent.get("comment") or "")[:_MAX_CHARACTERS]
    return kept
