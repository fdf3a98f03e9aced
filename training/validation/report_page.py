"""The report as a page: figures, plots and mistakes of a folder, as `write_report` leaves them.

Loads neither Keras nor TensorFlow, so that the studio can show a report.
"""

from __future__ import annotations

import base64
from pathlib import Path

from training.files import read_json
from training.templates import render
from training.validation.mistakes import SHEET, read_mistakes

DOCUMENT = "report.json"
# The plots with their titles, in the order in which they are shown.
PLOTS = {
    "confusion_matrix.png": "Confusion matrix",
    "roc_curve.png": "ROC curve",
    "precision_and_recall.png": "Precision and recall",
    "reliability.png": "Reliability",
    "threshold_curve.png": "Threshold curve",
    "learning_curves.png": "Learning curves",
    SHEET: "The worst mistakes",
}


def report_page(folder: Path) -> str:
    """The report in a folder as a page of HTML that needs no other file."""
    return _rendered(folder, "report.html.jinja", top=1)


def report_body(folder: Path) -> str:
    """The same as a part of another page, whose headings are of the third level and below."""
    return _rendered(folder, "report_body.html.jinja", top=3)


def _rendered(folder: Path, template: str, *, top: int) -> str:
    shown = [
        (title, base64.b64encode((folder / name).read_bytes()).decode())
        for name, title in PLOTS.items()
        if (folder / name).is_file()
    ]
    return render(
        template,
        report=read_json(folder / DOCUMENT),
        plots=shown,
        mistakes=read_mistakes(folder),
        top=top,
    )
