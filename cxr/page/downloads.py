"""Files that the reader downloads: made when asked for, and not stored on the server."""

from __future__ import annotations

import base64
import dataclasses
import io
import time
import zipfile
from pathlib import Path
from typing import Any

import gradio as gr

from cxr.classifier import Classifier, Prediction
from cxr.errors import UnreadableRadiograph
from cxr.model.bundle import Bundle
from cxr.output.dicom import dicom_objects
from cxr.output.report_pdf import Reading, pdf_report
from cxr.page.pictures import shrink
from cxr.reading.radiograph import Radiograph, read_radiograph

# What the browser says of the file that it wants.
ASKED = ("kind", "threshold", "language", "keep_identifiers")
_SIDE = 1200  # pixels that a report needs; a session keeps no more of a radiograph
_SCRIPT = """
watch("value", () => {
  if (props.value) window.cxrFiles.download(props.value.uri, props.value.name);
});
"""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Shown:
    """The radiograph that a session shows.

    Attributes:
        radiograph: shrunk to the size that a report needs.
        prediction: its answer, with a heatmap of the same size.
        path: of the upload, which is deleted within minutes.
    """

    radiograph: Radiograph
    prediction: Prediction
    path: str


def create_download(*, elem_id: str) -> gr.HTML:
    """An invisible component: the browser saves each value that it gets, a ``{uri, name}``."""
    return gr.HTML(
        html_template="<span></span>",
        js_on_load=_SCRIPT,
        apply_default_css=False,
        elem_id=elem_id,
        visible=True,
    )


def for_report(radiograph: Radiograph, prediction: Prediction, path: str) -> Shown:
    """The radiograph and its answer, shrunk to the size that a report needs."""
    return Shown(
        radiograph=dataclasses.replace(radiograph, pixels=shrink(radiograph.pixels, _SIDE)),
        prediction=dataclasses.replace(prediction, heatmap=shrink(prediction.heatmap, _SIDE)),
        path=path,
    )


def report_value(shown: Shown, bundle: Bundle, asked: dict[str, Any]) -> dict[str, str]:
    """A PDF report on the radiograph that is shown.

    Args:
        shown: what `for_report` returned.
        bundle: the model that answered.
        asked: what the browser sent: the reader's threshold or None, and the language.
    """
    reading = Reading(
        threshold=_threshold(asked), language="fr" if asked.get("language") == "fr" else "en"
    )
    pdf = pdf_report(shown.radiograph, shown.prediction, bundle, reading)
    return _file(pdf, "application/pdf", shown, "report.pdf")


def dicom_value(shown: Shown, classifier: Classifier, asked: dict[str, Any]) -> dict[str, str]:
    """A ZIP of two DICOM objects, at the radiograph's full size.

    Args:
        shown: what `for_report` returned of a DICOM radiograph.
        classifier: the one that answered.
        asked: what the browser sent: the reader's threshold or None, and whether to keep the
            identifiers of patient and study.

    Raises:
        RadiographError: the upload has been deleted, or its header cannot be carried over.
    """
    name = shown.radiograph.name
    try:
        content = Path(shown.path).read_bytes()
    except OSError as error:
        raise UnreadableRadiograph(
            f"{name}: the upload has been deleted. Choose the radiograph again."
        ) from error
    radiograph = read_radiograph(content, name=name)
    objects = dicom_objects(
        content,
        radiograph,
        classifier.predict(radiograph),
        classifier.bundle,
        threshold=_threshold(asked),
        keep_identifiers=asked.get("keep_identifiers") is True,
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("secondary_capture.dcm", objects.capture)
        archive.writestr("structured_report.dcm", objects.report)
    return _file(buffer.getvalue(), "application/zip", shown, "dicom.zip")


def _threshold(asked: dict[str, Any]) -> float | None:
    threshold = asked.get("threshold")
    return None if threshold is None else min(1.0, max(0.0, float(threshold)))


def _file(content: bytes, media_type: str, shown: Shown, ending: str) -> dict[str, str]:
    return {
        "uri": f"data:{media_type};base64,{base64.b64encode(content).decode()}",
        "name": f"{Path(shown.radiograph.name).stem}_{ending}",
        "made_at": str(time.time_ns()),  # so that asking for the same file again changes the value
    }
