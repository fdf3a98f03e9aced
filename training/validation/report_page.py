"""The report as a page: figures, plots and mistakes of a folder, as `write_report` leaves them.

Loads neither Keras nor TensorFlow, so that the studio can show a report.
"""

from __future__ import annotations

import base64
from functools import partial
from pathlib import Path
from typing import Any

from cxr.language import Language, format_decimal, format_number, format_percent
from cxr.messages import text
from training.files import read_json
from training.templates import render
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
_WIDE = (_LEARNING_CURVES, SHEET)
_WEIGHTED = ("loss", "brier", "calibration_error")  # a star: both classes are weighted equally


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
    return render(
        template,
        report=read_json(folder / DOCUMENT),
        plots=shown,
        mistakes=read_mistakes(folder),
        top=top,
        **_words(language),
    )


def _words(language: Language) -> dict[str, Any]:
    """What a template says in a language, and how it writes numbers."""

    def metric(name: str) -> str:
        return f"{text(f'metric_{name}', language)}{' *' if name in _WEIGHTED else ''}"

    def kind(name: str) -> str:
        return text(f"studio_kind_{name}", language)

    def decimal(value: float, digits: int = 4) -> str:
        return format_decimal(value, language, digits=digits)

    def signed(value: float, digits: int) -> str:
        return f"{'' if value < 0 else '+'}{decimal(value, digits)}"

    def rounded(p: float) -> str:
        """A p value to three decimal places."""
        return f"< {decimal(0.001, 3)}" if p < 0.001 else f"= {decimal(p, 3)}"

    return {
        "language": language,
        "say": partial(text, language=language),
        "number": partial(format_number, language=language),
        "percent": partial(format_percent, language=language),
        "metric": metric,
        "kind": kind,
        "decimal": decimal,
        "signed": signed,
        "rounded": rounded,
    }
