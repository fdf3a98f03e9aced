"""Files that the reader keeps: made from the upload when asked for, and not stored here."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from cxr.classifier import Classifier
from cxr.errors import UnreadableRadiograph
from cxr.messages import Message
from cxr.output.output_folder import stem_of
from cxr.output.report_pdf import pdf_report
from cxr.output.report_words import OwnReading, ReportOptions
from cxr.page.sent_values import KeptFile
from cxr.page.uploads import asked_fraction, sent_language
from cxr.reading.radiograph import read_radiograph


def make_file(path: Path, name: str, classifier: Classifier, asked: Mapping[str, Any]) -> KeptFile:
    """The file that the reader asked for.

    Args:
        path: of the radiograph.
        name: what the reader calls it.
        classifier: answers again, which is quicker than keeping what it answered.
        asked: what the browser sent: kind (``"dicom"``, or anything else for the PDF report),
            language, the reader's own threshold, reading, confidence and prevalence,
            keep_identifiers, and forced: whether a heatmap is shown that does not support the
            answer. It may be anything.

    Raises:
        RadiographError: the upload has been deleted, or its header cannot be carried over.
        BundleError: the model cannot be used.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableRadiograph(Message("no_upload"), name=name) from error
    radiograph = read_radiograph(content, name=name)
    prediction = classifier.predict(radiograph)
    # As on the page: a heatmap that does not support the answer is seen by who asked for it.
    withheld = prediction.checks.worth == "not_supported" and asked.get("forced") is not True
    options = replace(_options(asked), withheld=withheld)
    if asked.get("kind") != "dicom":
        pdf = pdf_report(radiograph, prediction, classifier.bundle, options)
        return _file(pdf, "application/pdf", f"{stem_of(name)}_report.pdf")
    # Imports highdicom, which takes most of a second: only who asks for DICOM files waits for it.
    from cxr.output.dicom import dicom_objects

    objects = dicom_objects(
        content,
        radiograph,
        prediction,
        classifier.bundle,
        threshold=options.threshold,
        language=options.language,
        keep_identifiers=asked.get("keep_identifiers") is True,
        withheld=withheld,
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("secondary_capture.dcm", objects.capture)
        archive.writestr("structured_report.dcm", objects.report)
    return _file(buffer.getvalue(), "application/zip", f"{stem_of(name)}_dicom.zip")


def _options(asked: Mapping[str, Any]) -> ReportOptions:
    """What the reader chose; whatever is not as expected counts as not chosen."""
    own = asked.get("own")
    return ReportOptions(
        threshold=asked_fraction(asked, "threshold"),
        language=sent_language(asked),
        prevalence=asked_fraction(asked, "prevalence"),
        own_reading=own if own in get_args(OwnReading) else None,
        own_confidence=asked_fraction(asked, "confidence"),
    )


def _file(content: bytes, media_type: str, name: str) -> KeptFile:
    return {
        "uri": f"data:{media_type};base64,{base64.b64encode(content).decode()}",
        "name": name,
    }
