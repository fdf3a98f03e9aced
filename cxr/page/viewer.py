"""The viewer: film, overlay, probability, verdict and sliders, as one component.

Python sends it a film once; its script answers every slider in the browser.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from cxr.classifier import Prediction
from cxr.overlay import colour_heatmap
from cxr.page import texts
from cxr.page.pictures import data_uri, grey_data_uri, shrink
from cxr.radiograph import Radiograph

_FOLDER = Path(__file__).parent
_FILM_SIDE = 2048  # longest side sent to the browser: no screen shows more
_HEAT_SIDE = 512  # the browser enlarges it as smoothly as we would


def create_viewer(*, upload_selector: str, elem_id: str) -> gr.HTML:
    """The viewer; its value is what `film_value` gives, or None.

    Args:
        upload_selector: CSS selector of the ``<input type=file>`` that dropped and pasted films are
            handed to.
        elem_id: of the component.
    """
    return gr.HTML(
        html_template=(_FOLDER / "viewer.html").read_text(encoding="utf-8"),
        css_template=(_FOLDER / "viewer.css").read_text(encoding="utf-8"),
        js_on_load=(_FOLDER / "viewer.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id=elem_id,
        texts=texts.VIEWER,
        legend=_legend(),
        upload_selector=upload_selector,
    )


def film_value(radiograph: Radiograph, prediction: Prediction) -> dict[str, Any]:
    """What the viewer needs of one film: pictures as data URIs, probability, operating points."""
    return {
        "name": radiograph.name,
        "film": grey_data_uri(shrink(radiograph.pixels, _FILM_SIDE)),
        "heat": data_uri(colour_heatmap(shrink(prediction.heatmap, _HEAT_SIDE))),
        "probability": prediction.probability,
        "operating_points": prediction.operating_points.to_json(),
    }


def _legend() -> str:
    """The heatmap's colours as a CSS gradient, from no heat to full."""
    colours = colour_heatmap(np.linspace(0, 1, 9, dtype=np.float32)[np.newaxis])[0]
    stops = (f"rgba({r},{g},{b},{alpha / 255:.2f})" for r, g, b, alpha in colours.tolist())
    return f"linear-gradient(90deg, {', '.join(stops)})"
