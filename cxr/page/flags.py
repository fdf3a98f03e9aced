"""Readers' disagreements, sent to a dataset of the operator's own on the Hub (`app.py --flag-to`).

Each is a commit of a JSON file with what `cxr.page.notes` keeps of a note and the reader's own
reading, and, if the reader has consented, of the radiograph as an 8-bit PNG: without its file's
name and header, and never of an image that the gate refuses.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cxr.errors import CXRError
from cxr.model.hub import add_to_dataset, prepare_dataset
from cxr.output.overlay import png, shrink
from cxr.page.clients import DailyShare
from cxr.page.failures import log_failure
from cxr.page.notes import kept_fields
from cxr.page.waiting_turns import Busy, Turns
from cxr.reading.radiograph import Radiograph, read_radiograph

Flagged = Literal["sent", "sent_with_radiograph", "not_sent"]

_MAX_A_DAY = 500  # of all readers: nobody may fill the dataset through a public page
_MAX_OF_ONE = 100  # of one address
_SIDE = 2048  # pixels, of a radiograph at most


def flag_sender(
    dataset: str,
    source_of: Callable[[Mapping[str, Any]], tuple[Path, str]],
    *,
    accepts: Callable[[Radiograph], bool],
    turns: Turns,
    model: str,
) -> Callable[[Any], Flagged]:
    """A function that sends a disagreement to a dataset, and says what became of it.

    It takes what a browser sends: the fields of a note, with ``own``, the reader's reading;
    ``consent``, which is True if the radiograph may be sent, too; and ``radiograph``, which names
    it. Of a radiograph that is not accepted nothing is sent.

    Args:
        dataset: ``NAME/DATASET``; made, private, if it does not exist.
        source_of: the file that a browser means, and its name.
        accepts: whether the gate recognises a radiograph.
        turns: how many are read and recognised at a time.
        model: digest of the model that answers.

    Raises:
        HubError: the dataset cannot be made.
    """
    prepare_dataset(dataset)
    sent_on: dict[date, int] = {}
    lock, share = threading.Lock(), DailyShare(_MAX_OF_ONE)

    def count(more: int) -> int:
        """How many have been sent today, or are about to be."""
        today = datetime.now(UTC).date()
        with lock:
            counted = sent_on.get(today, 0) + more
            sent_on.clear()
            sent_on[today] = max(counted, 0)  # one that failed may have begun the day before
        return counted

    def flag(sent: Any) -> Flagged:
        note = kept_fields(sent, model=model) if isinstance(sent, dict) else {}
        if note.get("feedback") != "disagree" or "own" not in note:
            return "not_sent"
        name = f"flags/{note['day']}-{secrets.token_hex(8)}"
        files = {}
        try:
            if sent.get("consent") is True and isinstance(sent.get("radiograph"), dict):
                with turns.take():
                    picture = _accepted_picture(*source_of(sent["radiograph"]), accepts)
                if picture is None:
                    return "not_sent"
                files[f"{name}.png"] = picture
                note["radiograph"] = Path(f"{name}.png").name
            document = json.dumps(note, ensure_ascii=False, indent=1) + "\n"
            files[f"{name}.json"] = document.encode(errors="replace")
            if not share.take() or count(1) > _MAX_A_DAY:
                return "not_sent"
            try:
                add_to_dataset(dataset, files, message="A reader disagrees")
            except CXRError:
                count(-1)
                raise
        except (CXRError, Busy) as error:
            log_failure("a disagreement was not sent", error)
            return "not_sent"
        return "sent_with_radiograph" if len(files) > 1 else "sent"

    return flag


def _accepted_picture(path: Path, name: str, accepts: Callable[[Radiograph], bool]) -> bytes | None:
    """A radiograph as PNG; None if it is not accepted."""
    radiograph = read_radiograph(path, name=name)
    if not accepts(radiograph):
        return None
    return png(np.rint(shrink(radiograph.pixels, _SIDE) * 255).astype(np.uint8))
