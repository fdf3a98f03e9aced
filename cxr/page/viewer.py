"""The viewer: radiograph, heatmap, probability, verdict and thresholds, as one component.

Python sends it a radiograph once; its script answers everything else in the browser.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import gradio as gr
import numpy as np
import numpy.typing as npt

from cxr.classifier import Prediction
from cxr.messages import Message
from cxr.model.bundle import Bundle
from cxr.model.operating_points import OperatingPoints
from cxr.output.overlay import colour_heatmap
from cxr.page.pictures import data_uri, grey_data_uri, shrink
from cxr.page.texts import LANGUAGES
from cxr.reading.dicom import UNKNOWN
from cxr.reading.radiograph import Radiograph

_FOLDER = Path(__file__).parent
_IMAGE_SIDE = 4096  # longest side sent to the browser: more than any detector for children has
_HEAT_SIDE = 512  # the browser enlarges it as smoothly as we would
_CONTOURS = (0.25, 0.5, 0.75)  # of the heatmap's scale


def create_viewer(
    *, upload_selector: str, elem_id: str, keep_note: Callable[[Any], None] | None = None
) -> gr.HTML:
    """The viewer; its value is what `image_value` gives, or None.

    Args:
        upload_selector: CSS selector of the ``<input type=file>`` that dropped and pasted
            radiographs are handed to.
        elem_id: of the component.
        keep_note: takes what a reader thinks of an answer, where the operator wants to have it.
    """
    return gr.HTML(
        html_template=(_FOLDER / "viewer.html").read_text(encoding="utf-8"),
        css_template=(_FOLDER / "viewer.css").read_text(encoding="utf-8"),
        js_on_load="".join(
            (_FOLDER / name).read_text(encoding="utf-8") for name in ("viewer.js", "reading.js")
        ),
        apply_default_css=False,
        elem_id=elem_id,
        texts=LANGUAGES,
        legend=_legend(),
        upload_selector=upload_selector,
        server_functions=[keep_note] if keep_note else None,
        keeps_notes=keep_note is not None,
    )


def image_value(radiograph: Radiograph, prediction: Prediction, bundle: Bundle) -> dict[str, Any]:
    """What the viewer needs of one radiograph: images as data URIs, answer, checks."""
    image = grey_data_uri(shrink(radiograph.pixels, _IMAGE_SIDE))
    height, width = radiograph.shape
    return {
        "id": hashlib.sha256(image.encode()).hexdigest(),
        "name": radiograph.name,
        "stem": Path(radiograph.name).stem,
        "image": image,
        "is_dicom": radiograph.acquisition is not UNKNOWN,
        "width": width,
        "height": height,
        "heat": data_uri(colour_heatmap(shrink(prediction.heatmap, _HEAT_SIDE))),
        "contours": [_contours(prediction.heatmap, level) for level in _CONTOURS],
        "probability": prediction.probability,
        "model": bundle.sha256,
        "operating_points": _with_shares(prediction.operating_points),
        "source": bundle.measured_on or {"text": prediction.operating_points.source},
        "warnings": message_values(prediction.gate_result.warnings),
        "heat_worth": message_values(prediction.checks.of_heat()),
        "variants": list(prediction.checks.variants.values()),
    }


def message_values(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Findings as the browser says them, in its language."""
    return [{"code": message.code, "values": dict(message.values)} for message in messages]


def _with_shares(points: OperatingPoints) -> dict[str, Any]:
    """As JSON, with the shares and intervals that follow from each point's counts."""
    document = points.to_json()
    for point, values in zip(points.curve, document["curve"], strict=True):
        values["sensitivity"], values["specificity"] = point.sensitivity, point.specificity
        values["sensitivity_interval"] = point.sensitivity_interval()
        values["specificity_interval"] = point.specificity_interval()
    return document


def _contours(heatmap: npt.NDArray[np.float32], level: float) -> str:
    """Outlines of the places from a level on, as an SVG path on the radiograph's own pixel grid."""
    small = shrink(heatmap, _HEAT_SIDE)
    scale = heatmap.shape[1] / small.shape[1]
    inside = (small >= level).astype(np.uint8)
    outlines, _ = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_TC89_L1)
    return " ".join(
        "M" + "L".join(f"{(x + 0.5) * scale:.1f} {(y + 0.5) * scale:.1f}" for x, y in outline) + "Z"
        for outline in (points.reshape(-1, 2) for points in outlines)
    )


def _legend() -> str:
    """The heatmap's colours as a CSS gradient, from no heat to full."""
    colours = colour_heatmap(np.linspace(0, 1, 9, dtype=np.float32)[np.newaxis])[0]
    stops = (f"rgba({r},{g},{b},{alpha / 255:.2f})" for r, g, b, alpha in colours.tolist())
    return f"linear-gradient(90deg, {', '.join(stops)})"
