"""Many radiographs: a table that the browser fills, file by file, through two functions here.

Each call names one uploaded file. Nothing is kept between calls, so that five hundred radiographs
take no more of the server's memory than one.
"""

from __future__ import annotations

import base64
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from cxr.classifier import Classifier, Prediction
from cxr.errors import (
    CXRError,
    NotAChestRadiograph,
    UnsupportedRadiograph,
)
from cxr.output.overlay import draw_overlay, png
from cxr.page.pictures import grey_data_uri, shrink
from cxr.page.texts import LANGUAGES
from cxr.page.uploads import uploaded_file
from cxr.page.viewer import message_values
from cxr.reading.radiograph import Radiograph, read_radiograph

_FOLDER = Path(__file__).parent
_THUMBNAIL_SIDE = 96
_OVERLAY_SIDE = 1200
_PATIENCE = 60  # seconds that a radiograph waits for its turn

Row = dict[str, Any]


def create_many(classifier: Classifier, *, at_once: int, elem_id: str) -> gr.HTML:
    """The table of many radiographs.

    Args:
        classifier: answers.
        at_once: how many radiographs it classifies at a time.
        elem_id: of the component.
    """
    turns = threading.BoundedSemaphore(at_once)  # these calls do not pass the page's queue

    def classify_one(asked: Any) -> Row:
        """One row: status, probability, messages, thumbnail."""
        if not turns.acquire(timeout=_PATIENCE):
            return _unanswered("error", detail="The page is busy. Try again in a minute.")
        try:
            return _row(lambda: _read(asked), classifier)
        finally:
            turns.release()

    def overlay_of(asked: Any) -> dict[str, str | None]:
        """The radiograph with its heatmap, a PNG in base64; null if there is none."""
        if not turns.acquire(timeout=_PATIENCE):
            return {"overlay": None}
        try:
            return {"overlay": base64.b64encode(_overlay(_read(asked), classifier)).decode()}
        except CXRError:  # it had a row that said so; a log would name the file
            return {"overlay": None}
        finally:
            turns.release()

    return gr.HTML(
        html_template=(_FOLDER / "many.html").read_text(encoding="utf-8"),
        css_template=(_FOLDER / "many.css").read_text(encoding="utf-8"),
        js_on_load=(_FOLDER / "many.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id=elem_id,
        texts=LANGUAGES,
        server_functions=[classify_one, overlay_of],
    )


def _overlay(radiograph: Radiograph, classifier: Classifier) -> bytes:
    heatmap = classifier.predict(radiograph).heatmap
    small = Radiograph(pixels=shrink(radiograph.pixels, _OVERLAY_SIDE), name=radiograph.name)
    return png(draw_overlay(small, shrink(heatmap, _OVERLAY_SIDE)))


def _row(read: Callable[[], Radiograph], classifier: Classifier) -> Row:
    try:
        radiograph = read()
        return _answered(radiograph, classifier.predict(radiograph), classifier)
    except NotAChestRadiograph as error:
        return _unanswered("refused", messages=message_values(error.gate_result.reasons))
    except UnsupportedRadiograph as error:
        return _unanswered("refused", detail=str(error))
    except CXRError as error:
        return _unanswered("error", detail=str(error))
    except Exception:
        logging.exception("a radiograph was not classified")
        return _unanswered("error", detail="Something went wrong with this radiograph.")


def _answered(radiograph: Radiograph, prediction: Prediction, classifier: Classifier) -> Row:
    points = prediction.operating_points
    return {
        "status": "ok",
        "probability": prediction.probability,
        "messages": message_values(prediction.gate_result.warnings),
        "detail": "",
        "thumbnail": grey_data_uri(shrink(radiograph.pixels, _THUMBNAIL_SIDE)),
        "model": classifier.bundle.sha256,
        "operating_points": {
            "threshold": points.threshold,
            "high_sensitivity": points.high_sensitivity,
            "high_specificity": points.high_specificity,
        },
    }


def _unanswered(status: str, *, messages: list[Row] | None = None, detail: str = "") -> Row:
    return {"status": status, "probability": None, "messages": messages or [], "detail": detail}


def _read(asked: Any) -> Radiograph:
    """The uploaded radiograph that the browser names.

    Raises:
        RadiographError: it cannot be read, or is no upload.
    """
    asked = asked if isinstance(asked, dict) else {}
    name = Path(str(asked.get("name") or "the picture")).name
    path = uploaded_file(str(asked.get("path")), name=name)
    return read_radiograph(path, name=name)
