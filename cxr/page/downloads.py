"""Files that the page hands to the reader: made when asked for, and kept nowhere."""

from __future__ import annotations

import base64
import dataclasses
import time
from pathlib import Path
from typing import Any

import gradio as gr

from cxr.bundle import Bundle
from cxr.classifier import Prediction
from cxr.page.pictures import shrink
from cxr.radiograph import Radiograph
from cxr.report import Reading, pdf_report

_SIDE = 1200  # what a report needs of a film; a session keeps no more
_SCRIPT = """
watch("value", () => { if (props.value) window.cxr.download(props.value.uri, props.value.name); });
"""

Shown = tuple[Radiograph, Prediction]


def create_download(*, elem_id: str) -> gr.HTML:
    """Saves what becomes its value, a ``{uri, name}``; nothing is to be seen of it."""
    return gr.HTML(
        html_template="<span></span>",
        js_on_load=_SCRIPT,
        apply_default_css=False,
        elem_id=elem_id,
        visible=True,
    )


def for_report(radiograph: Radiograph, prediction: Prediction) -> Shown:
    """The film that is shown, as small as a report needs it."""
    return (
        dataclasses.replace(radiograph, pixels=shrink(radiograph.pixels, _SIDE)),
        dataclasses.replace(prediction, heatmap=shrink(prediction.heatmap, _SIDE)),
    )


def report_value(shown: Shown, bundle: Bundle, asked: dict[str, Any]) -> dict[str, str]:
    """A PDF of the film that is shown.

    Args:
        shown: of `for_report`.
        bundle: the model that answered.
        asked: by the browser: the reader's threshold or None, and the language.
    """
    radiograph, prediction = shown
    threshold = asked.get("threshold")
    reading = Reading(
        threshold=None if threshold is None else min(1.0, max(0.0, float(threshold))),
        language="fr" if asked.get("language") == "fr" else "en",
    )
    pdf = pdf_report(radiograph, prediction, bundle, reading)
    return {
        "uri": f"data:application/pdf;base64,{base64.b64encode(pdf).decode()}",
        "name": f"{Path(radiograph.name).stem}_report.pdf",
        "made_at": str(time.time_ns()),  # the same report asked for again is a new value
    }
