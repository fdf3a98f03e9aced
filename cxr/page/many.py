"""Many films: a table that the browser fills, film by film, through two functions here.

Each call names one uploaded file, which is deleted as soon as it has been read. Nothing is kept
between calls, so that five hundred films take no more of the server than one.
"""

from __future__ import annotations

import base64
import logging
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
from cxr.overlay import draw_overlay, png
from cxr.page.pictures import grey_data_uri, shrink
from cxr.page.texts import LANGUAGES
from cxr.page.uploads import uploaded_file
from cxr.page.viewer import finding_values
from cxr.radiograph import Radiograph, read_radiograph

_FOLDER = Path(__file__).parent
_THUMBNAIL_SIDE = 96
_OVERLAY_SIDE = 1200

Row = dict[str, Any]


def create_many(classifier: Classifier, *, elem_id: str) -> gr.HTML:
    """The table of many films.

    Args:
        classifier: answers.
        elem_id: of the component.
    """

    def classify_one(asked: dict[str, Any]) -> Row:
        """One row: status, probability, findings, thumbnail."""
        return _row(lambda: _read(asked), classifier)

    def overlay_of(asked: dict[str, Any]) -> dict[str, str]:
        """The film with its heatmap, a PNG in base64."""
        radiograph = _read(asked)
        heatmap = classifier.predict(radiograph).heatmap
        small = Radiograph(pixels=shrink(radiograph.pixels, _OVERLAY_SIDE), name=radiograph.name)
        picture = png(draw_overlay(small, shrink(heatmap, _OVERLAY_SIDE)))
        return {"overlay": base64.b64encode(picture).decode()}

    return gr.HTML(
        html_template=(_FOLDER / "many.html").read_text(encoding="utf-8"),
        css_template=(_FOLDER / "many.css").read_text(encoding="utf-8"),
        js_on_load=(_FOLDER / "many.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id=elem_id,
        texts=LANGUAGES,
        server_functions=[classify_one, overlay_of],
    )


def _row(read: Callable[[], Radiograph], classifier: Classifier) -> Row:
    try:
        radiograph = read()
        return _answered(radiograph, classifier.predict(radiograph), classifier)
    except NotAChestRadiograph as error:
        return _unanswered("refused", findings=finding_values(error.quality.reasons))
    except UnsupportedRadiograph as error:
        return _unanswered("refused", detail=str(error))
    except CXRError as error:
        return _unanswered("error", detail=str(error))
    except Exception:
        logging.exception("a film was not classified")
        return _unanswered("error", detail="Something went wrong with this film.")


def _answered(radiograph: Radiograph, prediction: Prediction, classifier: Classifier) -> Row:
    points = prediction.operating_points
    return {
        "status": "ok",
        "probability": prediction.probability,
        "findings": finding_values(prediction.quality.warnings),
        "detail": "",
        "thumbnail": grey_data_uri(shrink(radiograph.pixels, _THUMBNAIL_SIDE)),
        "model": classifier.bundle.sha256,
        "operating_points": {
            "threshold": points.threshold,
            "high_sensitivity": points.high_sensitivity,
            "high_specificity": points.high_specificity,
        },
    }


def _unanswered(status: str, *, findings: list[Row] | None = None, detail: str = "") -> Row:
    return {"status": status, "probability": None, "findings": findings or [], "detail": detail}


def _read(asked: dict[str, Any]) -> Radiograph:
    """The uploaded film that the browser names, and its file deleted.

    Raises:
        RadiographError: it cannot be read, or is no upload.
    """
    name = Path(str(asked.get("name") or "the picture")).name
    path = uploaded_file(str(asked.get("path")), name=name)
    try:
        return read_radiograph(path, name=name)
    finally:
        path.unlink(missing_ok=True)
