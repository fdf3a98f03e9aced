"""Many radiographs: a table that the browser fills, calling two functions here for each file.

Nothing is kept between calls, so that five hundred radiographs take no more of the server's memory
than one.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import gradio as gr

from cxr.classifier import Classifier
from cxr.errors import CXRError, RadiographError
from cxr.messages import Message, all_texts
from cxr.outcome import Outcome, Status, answer_file
from cxr.output.overlay import draw_overlay, png, with_caption
from cxr.page.failures import log_failure
from cxr.page.pictures import grey_data_uri, shrink
from cxr.page.turns import Busy, Turns
from cxr.page.uploads import asked_name, uploaded_file
from cxr.page.values import message_values
from cxr.reading.radiograph import Radiograph, read_radiograph

_FOLDER = Path(__file__).parent
_THUMBNAIL_SIDE = 96
_OVERLAY_SIDE = 1200

Row = dict[str, Any]


def create_many(classifier: Classifier, *, at_once: int, elem_id: str) -> gr.HTML:
    """The table of many radiographs.

    Args:
        classifier: answers.
        at_once: how many radiographs it classifies at a time.
        elem_id: of the component.
    """
    turns = Turns(at_once)  # Gradio's queue does not limit these calls

    def classify_one(asked: Any) -> Row:
        """One row: status, probability, messages, thumbnail."""
        try:
            with turns.take():
                return _row(asked, classifier)
        except Busy:
            return _unanswered("error", [Message("busy")])

    def overlay_of(asked: Any) -> dict[str, str | None]:
        """The radiograph with its heatmap, a PNG in base64; null if there is none."""
        try:
            with turns.take():
                return {"overlay": base64.b64encode(_overlay(asked, classifier)).decode()}
        except (Busy, CXRError):  # its row says why; a log would name the file
            return {"overlay": None}

    return gr.HTML(
        html_template=(_FOLDER / "many.html").read_text(encoding="utf-8"),
        css_template=(_FOLDER / "many.css").read_text(encoding="utf-8"),
        js_on_load=(_FOLDER / "many.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id=elem_id,
        texts=all_texts(),
        server_functions=[classify_one, overlay_of],
    )


def _row(asked: Any, classifier: Classifier) -> Row:
    try:
        path, name = _upload(asked)
        return _outcome_row(answer_file(path, classifier, file=name), classifier)
    except RadiographError as error:
        return _unanswered("error", [error.message])
    except Exception as error:
        log_failure("a radiograph was not classified", error)
        return _unanswered("error", [Message("failed")])


def _outcome_row(outcome: Outcome, classifier: Classifier) -> Row:
    if outcome.answer is None:
        return _unanswered(outcome.status, outcome.why)
    radiograph, prediction = outcome.answer
    points = prediction.operating_points
    return {
        "status": outcome.status,
        "probability": prediction.probability,
        "worth": prediction.checks.worth,
        "in_range": prediction.gate_result.in_range,
        "messages": message_values(prediction.gate_result.warnings),
        "thumbnail": grey_data_uri(shrink(radiograph.pixels, _THUMBNAIL_SIDE)),
        "model": classifier.bundle.sha256,
        "operating_points": {
            "threshold": points.threshold,
            "high_sensitivity": points.high_sensitivity,
            "high_specificity": points.high_specificity,
        },
    }


def _unanswered(status: Status, why: Iterable[Message]) -> Row:
    return {"status": status, "probability": None, "messages": message_values(why)}


def _upload(asked: Any) -> tuple[Path, str]:
    """Path and name of the upload that the browser names.

    Raises:
        RadiographError: it is no upload.
    """
    asked = asked if isinstance(asked, dict) else {}
    name = asked_name(asked)
    return uploaded_file(str(asked.get("path")), name=name), name


def _overlay(asked: Any, classifier: Classifier) -> bytes:
    path, name = _upload(asked)
    radiograph = read_radiograph(path, name=name)
    heatmap = classifier.predict(radiograph).heatmap
    small = Radiograph(pixels=shrink(radiograph.pixels, _OVERLAY_SIDE), name=name)
    overlay = draw_overlay(small, shrink(heatmap, _OVERLAY_SIDE))
    model = f"{classifier.bundle.name} {classifier.bundle.version}"
    return png(with_caption(overlay, model=model))
