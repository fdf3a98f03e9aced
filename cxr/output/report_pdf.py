"""One page for the file: the radiograph, its heatmap, the numbers, and what they are not."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import date
from typing import Any
from xml.sax.saxutils import escape

import cv2
import numpy as np
import numpy.typing as npt
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

from cxr.checks import sentence
from cxr.classifier import Prediction
from cxr.messages import Language
from cxr.model.bundle import Bundle
from cxr.output.overlay import draw_overlay
from cxr.reading.radiograph import Radiograph

_MARGIN = 18 * mm
_WIDTH = A4[0] - 2 * _MARGIN
_GAP = 5 * mm
_PICTURE_SIDE = 1200  # pixels on the longer side: 300 dots an inch at the size that it is printed
_INK, _QUIET, _RULE = HexColor("#1e293b"), HexColor("#475569"), HexColor("#cbd5e1")

TEXTS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "Chest radiograph: pneumonia classifier",
        "disclaimer": "For research and teaching. Not a medical device. No diagnosis.",
        "image": "File",
        "date": "Report made on",
        "as_it_is": "As it is",
        "with_heat": "With the heatmap (Grad-CAM)",
        "with_heat_normal": "Where the little evidence lies (Grad-CAM); not a sign of disease",
        "probability": "Probability of pneumonia",
        "verdict": "Verdict",
        "PNEUMONIA": "Pneumonia",
        "NORMAL": "Normal",
        "UNCERTAIN": "Uncertain",
        "threshold": "Threshold",
        "shipped": "the model's",
        "own": "the reader's",
        "sensitivity": "Sensitivity at this threshold",
        "specificity": "Specificity at this threshold",
        "measured": "Measured on",
        "source": (
            "{images} radiographs of {patients} patients, each scored by a network that never "
            "saw its patient ({folds} folds)"
        ),
        "warnings": "Warnings",
        "none": "None.",
        "worth": "What heatmap and verdict are worth",
        "model": "Model",
        "meaning": (
            "The probability is calibrated for a set in which both classes are as frequent. The "
            "heatmap shows where the evidence for pneumonia lies, on one scale for all "
            "radiographs; it explains the number and is no outline of disease. A normal verdict "
            "does not exclude pneumonia. The model was trained on anterior-posterior "
            "radiographs of children of 1–5 years of one hospital; expect more errors "
            "elsewhere."
        ),
        "between": "{low} to {high}",
    },
    "fr": {
        "title": "Radiographie thoracique : classifieur de pneumonie",
        "disclaimer": (
            "Pour la recherche et l'enseignement. Pas un dispositif médical. Aucun diagnostic."
        ),
        "image": "Fichier",
        "date": "Rapport établi le",
        "as_it_is": "Tel quel",
        "with_heat": "Avec la carte de chaleur (Grad-CAM)",
        "with_heat_normal": (
            "Où sont les rares indices (Grad-CAM) ; ce n'est pas un signe de maladie"
        ),
        "probability": "Probabilité de pneumonie",
        "verdict": "Verdict",
        "PNEUMONIA": "Pneumonie",
        "NORMAL": "Normal",
        "UNCERTAIN": "Incertain",
        "threshold": "Seuil",
        "shipped": "du modèle",
        "own": "du lecteur",
        "sensitivity": "Sensibilité à ce seuil",
        "specificity": "Spécificité à ce seuil",
        "measured": "Mesuré sur",
        "source": (
            "{images} clichés de {patients} patients, chacun noté par un réseau qui n'a jamais vu "
            "son patient ({folds} plis)"
        ),
        "warnings": "Avertissements",
        "none": "Aucun.",
        "worth": "Ce que valent la carte et le verdict",
        "model": "Modèle",
        "meaning": (
            "La probabilité est calibrée pour un ensemble où les deux classes sont aussi "
            "fréquentes. La carte montre où se trouvent les indices de pneumonie, sur une même "
            "échelle pour tous les clichés ; elle explique le nombre et ne délimite pas la "
            "maladie. Un verdict normal n'exclut pas une pneumonie. Le modèle a été entraîné sur "
            "des clichés antéro-postérieurs d'enfants de 1 à 5 ans d'un seul hôpital ; attendez-"
            "vous à plus d'erreurs ailleurs."
        ),
        "between": "{low} à {high}",
    },
}


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How the reader has the answer shown.

    Attributes:
        threshold: the reader's own in [0, 1]; the model's if None.
        language: of the report.
    """

    threshold: float | None = None
    language: Language = "en"


def pdf_report(
    radiograph: Radiograph, prediction: Prediction, bundle: Bundle, reading: Reading
) -> bytes:
    """A report of one page, A4.

    Args:
        radiograph: the radiograph.
        prediction: its answer.
        bundle: the model that gave it.
        reading: threshold and language.

    Returns:
        A PDF file.
    """
    texts = TEXTS[reading.language]
    buffer = io.BytesIO()
    page = Canvas(buffer, pagesize=A4, lang=reading.language)
    page.setTitle(f"{texts['title']}: {radiograph.name}")
    page.setAuthor(f"{bundle.name} {bundle.version}")
    page.setSubject(texts["disclaimer"])
    y = A4[1] - _MARGIN
    y = _write(page, y, texts["title"], size=16, bold=True)
    y = _write(page, y, texts["disclaimer"], size=10, bold=True, colour=HexColor("#b45309"))
    y = _write(page, y, f"{texts['image']}: {radiograph.name}", colour=_QUIET)
    today = date.today().isoformat()
    y = _write(page, y, f"{texts['date']} {today}", colour=_QUIET)
    normal = prediction.verdict(reading.threshold) == "NORMAL"
    caption = texts["with_heat_normal" if normal else "with_heat"]
    y = _pictures(page, y - 2 * mm, radiograph, prediction, [texts["as_it_is"], caption])
    y = _table(page, y, _rows(prediction, bundle, reading))
    page.setStrokeColor(_RULE)
    page.line(_MARGIN, y, _MARGIN + _WIDTH, y)
    _write(page, y - 2 * mm, texts["meaning"], size=8.5, colour=_QUIET)
    page.showPage()
    page.save()
    return buffer.getvalue()


def _rows(prediction: Prediction, bundle: Bundle, reading: Reading) -> list[tuple[str, str]]:
    texts, language = TEXTS[reading.language], reading.language
    points = prediction.operating_points
    threshold = points.threshold if reading.threshold is None else reading.threshold
    at = points.at(threshold)

    def share(value: float, interval: tuple[float, float]) -> str:
        low, high = (_percent(end, language) for end in interval)
        return f"{_percent(value, language)} ({texts['between'].format(low=low, high=high)})"

    counts = bundle.measured_on
    whose = texts["shipped" if reading.threshold is None else "own"]
    warnings = [sentence([warning], language) for warning in prediction.gate_result.warnings]
    remarks = prediction.checks.messages(prediction.probability, threshold)
    identity = bundle.identity()
    identity["sha256"] = identity["sha256"][:12]
    return [
        (texts["probability"], _probability(prediction.probability, language)),
        (texts["verdict"], texts[prediction.verdict(reading.threshold)]),
        (texts["threshold"], f"{_number(threshold, language)} ({whose})"),
        (texts["sensitivity"], share(at.sensitivity, at.sensitivity_interval())),
        (texts["specificity"], share(at.specificity, at.specificity_interval())),
        (texts["measured"], texts["source"].format(**counts) if counts else points.source),
        (texts["warnings"], " ".join(warnings) or texts["none"]),
        (texts["worth"], sentence(remarks, language)),
        (texts["model"], ", ".join(identity.values())),
    ]


def _probability(share: float, language: Language) -> str:
    """Never 0 or 100 %: nothing is that certain."""
    if share > 0.999:
        return f"> {_percent(0.999, language)}"
    return f"< {_percent(0.001, language)}" if share < 0.001 else _percent(share, language)


def _percent(share: float, language: Language) -> str:
    return f"{_number(100 * share, language, digits=1)} %"


def _number(value: float, language: Language, *, digits: int = 2) -> str:
    number = f"{value:.{digits}f}"
    return number.replace(".", ",") if language == "fr" else number


# --- Drawing, from the top down: each takes the height to begin at and returns where it ended -----


def _write(
    page: Canvas,
    y: float,
    text: str,
    *,
    x: float = _MARGIN,
    width: float = _WIDTH,
    size: float = 9.5,
    bold: bool = False,
    colour: Any = _INK,
) -> float:
    style = ParagraphStyle(
        "text",
        fontName="Helvetica-Bold" if bold else "Helvetica",
        fontSize=size,
        leading=1.35 * size,
        textColor=colour,
        splitLongWords=True,
    )
    known = text.encode("cp1252", "replace").decode("cp1252")  # what the PDF's own fonts have
    paragraph = Paragraph(escape(known), style)
    _, height = paragraph.wrap(width, y)
    paragraph.drawOn(page, x, y - height)
    return float(y - height - 1.2 * mm)


def _pictures(
    page: Canvas, y: float, radiograph: Radiograph, prediction: Prediction, captions: list[str]
) -> float:
    """Radiograph and overlay side by side, of equal size and at most square."""
    width = (_WIDTH - _GAP) / 2
    pictures = [
        draw_overlay(radiograph, prediction.heatmap, opacity=opacity) for opacity in (0, 0.6)
    ]
    ends = []
    for column, (caption, picture) in enumerate(zip(captions, pictures, strict=True)):
        rows, columns = picture.shape[:2]
        scale = min(width / columns, width / rows)
        drawn = (columns * scale, rows * scale)
        left = _MARGIN + column * (width + _GAP)
        end = _write(page, y, caption, x=left, width=width, colour=_QUIET, size=8.5)
        page.drawImage(_image(picture), left, end - drawn[1], *drawn)
        ends.append(end - drawn[1] - 4 * mm)
    return float(min(ends))


def _image(picture: npt.NDArray[np.uint8]) -> ImageReader:
    scale = _PICTURE_SIDE / max(picture.shape[:2])
    if scale < 1:
        height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
        shrunk = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        picture = np.asarray(shrunk, dtype=np.uint8)
    gate_result = [cv2.IMWRITE_JPEG_QUALITY, 92]
    encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), gate_result)[1]
    return ImageReader(io.BytesIO(encoded.tobytes()))


def _table(page: Canvas, y: float, rows: list[tuple[str, str]]) -> float:
    first = 52 * mm
    for name, value in rows:
        ends = (
            _write(page, y, name, width=first - _GAP, colour=_QUIET),
            _write(page, y, value, x=_MARGIN + first, width=_WIDTH - first),
        )
        y = min(ends)
    return float(y - 2 * mm)
