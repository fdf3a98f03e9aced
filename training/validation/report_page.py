"""The report as a page: figures, plots and mistakes of a folder, as `write_report` leaves them.

Loads neither Keras nor TensorFlow, so that the studio can show a report.
"""

from __future__ import annotations

import base64
from pathlib import Path

from cxr.language import Language
from cxr.messages import text
from cxr.model.expected import calibration_error_by_chance
from cxr.templates import render, words
from training.files import read_json
from training.templates import FOLDER
from training.validation.mistakes import SHEET, read_mistakes

DOCUMENT = "report.json"
_LEARNING_CURVES = "learning_curves.png"
# The plots in the order in which they are shown.
PLOTS = (
    "confusion_matrix.png",
    "roc_curve.png",
    "precision_and_recall.png",
    "reliability.png",
    "threshold_curve.png",
    _LEARNING_CURVES,
    SHEET,
)
# Below, in simulations, 95 % intervals by patient hold what they should in 60 to 90 % of samples.
_FEW_PATIENTS = 10
_WIDE = (_LEARNING_CURVES, SHEET)


def report_page(folder: Path, language: Language = "en") -> str:
    """The report in a folder as a page of HTML that needs no other file."""
    return _rendered(folder, "report.html.jinja", language, top=1)


def report_body(folder: Path, language: Language) -> str:
    """The same as a part of another page, whose headings are of the third level and below.

    The plots are pictures, in the language in which the report was written.
    """
    return _rendered(folder, "report_body.html.jinja", language, top=3)


def _rendered(folder: Path, template: str, language: Language, *, top: int) -> str:
    shown = [
        (
            text(f"plot_{name.removesuffix('.png')}", language),
            name in _WIDE,
            name != SHEET,  # which has radiographs: their greys stay as they are
            base64.b64encode((folder / name).read_bytes()).decode(),
        )
        for name in PLOTS
        if (folder / name).is_file()
    ]
    report = read_json(folder / DOCUMENT)
    return render(
        FOLDER / template,
        report=report,
        error_by_chance=calibration_error_by_chance(report),
        plots=shown,
        mistakes=read_mistakes(folder),
        few_patients=_FEW_PATIENTS,
        top=top,
        **words(language),
    )
