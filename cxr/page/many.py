"""Many radiographs: a list that the browser holds, calling two functions here for each file.

Nothing is kept between calls, so that five hundred radiographs take no more of the server's memory
than one. What was answered is sent back for the overlay, which is drawn without answering again.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import numpy.typing as npt

import cxr
from cxr.checks import WORTHS
from cxr.classifier import Classifier
from cxr.errors import CXRError, RadiographError
from cxr.gate.result import Correction
from cxr.messages import Message
from cxr.model.heatmap import scale_heatmap
from cxr.outcome import Outcome, Status, answer_file
from cxr.output.output_folder import stem_of
from cxr.output.overlay import OPACITY, draw_overlay, png, shrink, with_caption
from cxr.page.answer_values import map_value, message_values
from cxr.page.failures import log_failure
from cxr.page.pictures import thumbnail
from cxr.page.sent_values import AnsweredRow, OverlayValue, Row, ShownRow, UnansweredRow
from cxr.page.uploads import asked_upload, sent_language
from cxr.page.waiting_turns import Busy, Turns
from cxr.reading.radiograph import MAX_BYTES, Radiograph, read_radiograph

_FOLDER = Path(__file__).parent
_SCRIPTS = ("many.js", "many_table.js", "many_files.js")
_THUMBNAIL_SIDE = 144
_OVERLAY_SIDE = 1200
_MAX_MAP_SIDE = 256

_WALK = """
<nav data-t-label="walk" hidden>
  <button type="button" data-do="list"><span data-t="walk_list"></span> <kbd>A</kbd></button>
  <span class="steps">
    <button type="button" data-do="previous">
      <span data-t="walk_previous"></span> <kbd>P</kbd>
    </button>
    <span class="place" role="status"></span>
    <button type="button" data-do="next"><span data-t="walk_next"></span> <kbd>N</kbd></button>
  </span>
  <span class="path"></span>
  <span class="labels" role="group" data-t-label="own_label">
    <span data-t="own_label"></span>
    <button type="button" data-label="PNEUMONIA">
      <span data-t="verdict_PNEUMONIA"></span> <kbd>2</kbd>
    </button>
    <button type="button" data-label="NORMAL">
      <span data-t="verdict_NORMAL"></span> <kbd>3</kbd>
    </button>
    <button type="button" data-label="UNSURE">
      <span data-t="unsure"></span> <kbd>4</kbd>
    </button>
  </span>
</nav>
"""


def create_many(classifier: Classifier, *, turns: Turns, elem_id: str) -> gr.HTML:
    """The list of many radiographs.

    Args:
        classifier: answers.
        turns: how many radiographs are classified at a time.
        elem_id: of the component.
    """

    def classify_one(asked: Any) -> Row:
        """One row: status, probability, messages, thumbnail, map."""
        try:
            with turns.take():
                return _row(asked, classifier)
        except Busy:
            return _unanswered("error", [Message("busy")])

    def overlay_of(asked: Any) -> OverlayValue:
        """The radiograph with the heatmap of its row."""
        try:
            with turns.take():
                name, content = _overlay(asked, classifier)
                drawn = base64.b64encode(content).decode()
                return {"overlay": drawn, "stem": stem_of(name), "busy": False}
        except Busy:
            return {"overlay": None, "stem": None, "busy": True}
        except (CXRError, _NoMapError):  # its row says why; a log would name the file
            return {"overlay": None, "stem": None, "busy": False}

    return gr.HTML(
        html_template=(_FOLDER / "many.html").read_text(encoding="utf-8"),
        css_template=(_FOLDER / "many.css").read_text(encoding="utf-8"),
        js_on_load="".join((_FOLDER / name).read_text(encoding="utf-8") for name in _SCRIPTS),
        apply_default_css=False,
        elem_id=elem_id,
        max_bytes=MAX_BYTES,
        # What an answer depends on; rows that the browser kept of another are answered again.
        answers=f"{cxr.__version__} {classifier.bundle.sha256} {classifier.gate.sha256}",
        server_functions=[classify_one, overlay_of],
    )


def create_walk(*, elem_id: str) -> gr.HTML:
    """Above the viewer, the way from one radiograph of the list to the next and back to it."""
    return gr.HTML(
        html_template=_WALK,
        css_template=(_FOLDER / "walk.css").read_text(encoding="utf-8"),
        js_on_load=(_FOLDER / "walk.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id=elem_id,
    )


def _row(asked: Any, classifier: Classifier) -> Row:
    try:
        path, name = asked_upload(asked)
        return _outcome_row(answer_file(path, classifier, file=name), classifier)
    except RadiographError as error:
        return _unanswered("error", [error.message])
    except Exception as error:
        log_failure("a radiograph was not classified", error)
        return _unanswered("error", [Message("failed")])


def _outcome_row(outcome: Outcome, classifier: Classifier) -> AnsweredRow | ShownRow:
    seen = outcome.radiograph.pixels if outcome.radiograph else outcome.picture
    picture = None if seen is None else thumbnail(seen, _THUMBNAIL_SIDE)
    if outcome.answer is None:
        return {**_unanswered(outcome.status, outcome.why), "thumbnail": picture}
    _, prediction = outcome.answer
    points = prediction.operating_points
    return {
        "status": "ok",
        "probability": prediction.probability,
        "worth": prediction.checks.worth,
        "in_range": prediction.gate_result.in_range,
        "messages": message_values(prediction.warnings),
        "thumbnail": picture,
        "map": map_value(prediction, classifier.bundle),
        "turns": prediction.gate_result.correction.turns,
        "model": classifier.bundle.sha256,
        "operating_points": {
            "threshold": points.threshold,
            "high_sensitivity": points.high_sensitivity,
            "high_specificity": points.high_specificity,
        },
    }


def _unanswered(status: Status, why: Iterable[Message]) -> UnansweredRow:
    return {"status": status, "probability": None, "messages": message_values(why)}


class _NoMapError(Exception):
    """What the browser sent is not the map of an answer."""


def _overlay(asked: Any, classifier: Classifier) -> tuple[str, bytes]:
    """The radiograph's name, and a PNG of it with the map that the browser was sent.

    Raises:
        RadiographError: there is no such upload.
        _NoMapError: the browser sent no map.
    """
    path, name = asked_upload(asked)
    found = _map(asked.get("map"))
    turned = asked.get("turns")
    correction = Correction(turns=turned % 4 if isinstance(turned, int) else 0)
    pixels = shrink(read_radiograph(path, name=name).pixels, _OVERLAY_SIDE)
    height, width = pixels.shape
    upright = (width, height) if correction.turns % 2 else (height, width)
    heatmap = correction.undo(scale_heatmap(found, reference=1.0, shape=upright))
    model = classifier.bundle.title
    worth = asked.get("worth")
    known = worth if worth in WORTHS else None
    withheld = known == "not_supported"  # as on the page
    opacity = 0 if withheld else OPACITY
    overlay = draw_overlay(Radiograph(pixels=pixels, name=name), heatmap, opacity=opacity)
    captioned = with_caption(
        overlay,
        model=model,
        worth=known,
        in_range=asked.get("in_range") is not False,
        language=sent_language(asked),
        withheld=withheld,
    )
    return name, png(captioned)


def _map(sent: Any) -> npt.NDArray[np.float32]:
    """The map (h, w) of an answer, as the browser sends it back: it may be anything."""
    try:
        found = np.asarray(sent, dtype=np.float32)
    except (TypeError, ValueError, OverflowError) as error:
        raise _NoMapError from error
    if (
        found.ndim != 2
        or min(found.shape) == 0
        or max(found.shape) > _MAX_MAP_SIDE
        or not np.isfinite(found).all()
    ):
        raise _NoMapError
    return found
