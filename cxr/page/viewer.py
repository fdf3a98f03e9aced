"""The viewer: radiograph, heatmap, probability, verdict and thresholds, as one component.

Python sends a radiograph and its answer once; from then on the scripts in the browser do the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypedDict

import cv2
import gradio as gr
import numpy as np
import numpy.typing as npt

from cxr.classifier import Prediction
from cxr.messages import Message, all_texts
from cxr.model.bundle import Bundle
from cxr.model.operating_points import OperatingPoints
from cxr.output.overlay import colour_heatmap
from cxr.page.pictures import data_uri, grey_data_uri, shrink
from cxr.reading.acquisition import UNKNOWN
from cxr.reading.radiograph import Radiograph

_FOLDER = Path(__file__).parent
_IMAGE_SIDE = 4096  # longest side sent to the browser; detectors for children have fewer pixels
_HEATMAP_SIDE = 512  # the browser interpolates it to the size of the radiograph
_CONTOURS = (0.25, 0.5, 0.75)  # levels on the heatmap's scale
_SCRIPTS = ("viewer.js", "answer.js", "stage.js", "reading.js")


def create_viewer(
    *, upload_selector: str, elem_id: str, keep_note: Callable[[Any], None] | None = None
) -> gr.HTML:
    """The viewer; its value is what `image_value` returns, or None.

    Args:
        upload_selector: CSS selector of the ``<input type=file>`` that receives dropped and pasted
            radiographs.
        elem_id: of the component.
        keep_note: stores a reader's comment on an answer, if the operator of the page wants them.
    """
    return gr.HTML(
        html_template=(_FOLDER / "viewer.html").read_text(encoding="utf-8"),
        css_template=(_FOLDER / "viewer.css").read_text(encoding="utf-8"),
        js_on_load="".join((_FOLDER / name).read_text(encoding="utf-8") for name in _SCRIPTS),
        apply_default_css=False,
        elem_id=elem_id,
        texts=all_texts(),
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
        "heatmap": data_uri(colour_heatmap(shrink(prediction.heatmap, _HEATMAP_SIDE))),
        "contours": [_contours(prediction.heatmap, level) for level in _CONTOURS],
        "probability": prediction.probability,
        "model": bundle.sha256,
        "operating_points": _with_fractions(prediction.operating_points),
        "source": bundle.measured_on or {"text": prediction.operating_points.source},
        "warnings": message_values(prediction.gate_result.warnings),
        "checks": message_values(prediction.checks.of_evidence()),
        "variants": list(prediction.checks.variants.values()),
    }


class MessageValue(TypedDict):
    """A `Message` as JSON, for the browser to say in its language."""

    code: str
    values: dict[str, str | int]


def message_values(messages: Iterable[Message]) -> list[MessageValue]:
    """Messages as JSON, for the browser to say in its language."""
    return [{"code": message.code, "values": dict(message.values)} for message in messages]


def _with_fractions(points: OperatingPoints) -> dict[str, Any]:
    """As JSON, with the sensitivity and specificity of each point and their intervals."""
    document = points.to_json()
    for point, values in zip(points.curve, document["curve"], strict=True):
        values["sensitivity"], values["specificity"] = point.sensitivity, point.specificity
        values["sensitivity_interval"] = point.sensitivity_interval()
        values["specificity_interval"] = point.specificity_interval()
    return document


def _contours(heatmap: npt.NDArray[np.float32], level: float) -> str:
    """Outlines of the regions at or above a level: an SVG path on the radiograph's pixel grid."""
    small = shrink(heatmap, _HEATMAP_SIDE)
    scale = heatmap.shape[1] / small.shape[1]
    inside = (small >= level).astype(np.uint8)
    outlines, _ = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_TC89_L1)
    return " ".join(
        "M" + "L".join(f"{(x + 0.5) * scale:.1f} {(y + 0.5) * scale:.1f}" for x, y in outline) + "Z"
        for outline in (points.reshape(-1, 2) for points in outlines)
    )


def _legend() -> str:
    """The heatmap's colours from 0 to 1, as a CSS gradient."""
    colours = colour_heatmap(np.linspace(0, 1, 9, dtype=np.float32)[np.newaxis])[0]
    stops = (f"rgba({r},{g},{b},{alpha / 255:.2f})" for r, g, b, alpha in colours.tolist())
    return f"linear-gradient(90deg, {', '.join(stops)})"
