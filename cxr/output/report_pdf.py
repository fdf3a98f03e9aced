"""A report of one page: the radiograph, its heatmap, the numbers, and what they do not mean."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
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

from cxr.classifier import Prediction
from cxr.gate.result import Correction
from cxr.language import Language, format_decimal, format_percent, format_probability
from cxr.messages import sentences, text
from cxr.model.bundle import Bundle
from cxr.model.operating_points import Interval, OperatingPoint, at_prevalence
from cxr.output.overlay import colour_table, draw_overlay
from cxr.reading.radiograph import Radiograph

_MARGIN = 18 * mm
_WIDTH = A4[0] - 2 * _MARGIN
_GAP = 5 * mm
_IMAGE_SIDE = 1200  # pixels on the longer side: 300 dpi at the printed size
_INK, _MUTED, _RULE = HexColor("#1e293b"), HexColor("#475569"), HexColor("#cbd5e1")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the reader chose on the page.

    Attributes:
        threshold: the reader's own in [0, 1]; the model's if None.
        language: of the report.
        prevalence: of pneumonia among the reader's patients, in (0, 1); None if not chosen.
        own: the reader's own reading, made before the answer was shown; None without one.
        confidence: how sure the reader was of it, in [0, 1].
    """

    threshold: float | None = None
    language: Language = "en"
    prevalence: float | None = None
    own: Literal["NORMAL", "PNEUMONIA"] | None = None
    confidence: float | None = None


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
    language = reading.language
    title, disclaimer = text("report_title", language), text("report_disclaimer", language)
    buffer = io.BytesIO()
    page = Canvas(buffer, pagesize=A4, lang=language)
    page.setTitle(f"{title}: {radiograph.name}")
    page.setAuthor(f"{bundle.name} {bundle.version}")
    page.setSubject(disclaimer)
    y = A4[1] - _MARGIN
    y = _write(page, y, title, size=16, bold=True)
    y = _write(page, y, disclaimer, size=10, bold=True, colour=HexColor("#b45309"))
    y = _write(page, y, text("report_file", language, name=radiograph.name), colour=_MUTED)
    today = date.today().isoformat()
    y = _write(page, y, text("report_date", language, date=today), colour=_MUTED)
    worth = text(f"worth_{prediction.checks.worth}", language)
    with_heatmap = f"{text('report_heatmap', language)}: {worth}"
    captions = [text("report_plain", language), with_heatmap]
    y = _images(page, y - 2 * mm, radiograph, prediction, captions)
    y = _legend(page, y, language)
    y = _table(page, y, _rows(prediction, bundle, reading))
    page.setStrokeColor(_RULE)
    page.line(_MARGIN, y, _MARGIN + _WIDTH, y)
    _write(page, y - 2 * mm, text("report_meaning", language), size=8.5, colour=_MUTED)
    page.showPage()
    page.save()
    return buffer.getvalue()


def _rows(prediction: Prediction, bundle: Bundle, reading: Reading) -> list[tuple[str, str]]:
    """The table: what each line is called, and what it says."""
    language = reading.language
    points = prediction.operating_points
    threshold = points.threshold if reading.threshold is None else reading.threshold
    whose = text("model_threshold" if reading.threshold is None else "reader_threshold", language)
    counts = bundle.measured_on
    measured_on = text("measured_on", language, **counts) if counts else points.source
    warnings = sentences(prediction.gate_result.warnings, language)
    identity = bundle.identity()
    identity["sha256"] = identity["sha256"][:12]
    return [
        *_own_reading(reading),
        (text("probability", language), _probability(prediction, reading)),
        (text("verdict", language), _verdict(prediction, reading)),
        (text("evidence", language), _evidence(prediction, language)),
        *_orientation(prediction, language),
        (text("threshold", language), f"{format_decimal(threshold, language)} ({whose})"),
        *_elsewhere(bundle, language),
        *_cost(points.at(threshold), language),
        (text("report_measured", language), measured_on),
        (
            text("report_warnings", language),
            warnings or text("report_no_warnings", language),
        ),
        (
            text("checks_title", language),
            sentences(prediction.remarks(reading.threshold), language),
        ),
        (text("report_model", language), ", ".join(identity.values())),
    ]


def _verdict(prediction: Prediction, reading: Reading) -> str:
    """The verdict; at a threshold of the reader's own, what the model says by itself, too."""
    said, by_itself = (
        text(f"verdict_{prediction.shown_verdict(threshold)}", reading.language)
        for threshold in (reading.threshold, None)
    )
    if reading.threshold is None or not prediction.gate_result.in_range:
        return said
    return text("report_own_threshold", reading.language, verdict=said, by_itself=by_itself)


def _own_reading(reading: Reading) -> list[tuple[str, str]]:
    if reading.own is None:
        return []
    language, said = reading.language, text(f"verdict_{reading.own}", reading.language)
    if reading.confidence is not None:
        sure = format_percent(reading.confidence, language, digits=0)
        said = text("report_own", language, verdict=said, confidence=sure)
    return [(text("own_title", language), said)]


def _probability(prediction: Prediction, reading: Reading) -> str:
    """At equal frequency of both classes, and at the reader's prevalence."""
    language, even = reading.language, prediction.probability
    if reading.prevalence is None:
        means = text("if_even", language)
    else:
        here = at_prevalence(even, reading.prevalence)
        means = text(
            "if_even_and_here",
            language,
            probability=format_probability(here, language),
            prevalence=format_percent(reading.prevalence, language, digits=0),
        )
    return f"{format_probability(even, language)} {means}"


def _evidence(prediction: Prediction, language: Language) -> str:
    worth = prediction.checks.worth
    return f"{text(f'worth_{worth}', language)}. {text(f'worth_{worth}_means', language)}"


def _orientation(prediction: Prediction, language: Language) -> list[tuple[str, str]]:
    """That the radiograph was turned or inverted, and lies here as it came."""
    if prediction.gate_result.correction == Correction():
        return []
    return [(text("report_orientation", language), text("report_as_it_came", language))]


def _elsewhere(bundle: Bundle, language: Language) -> list[tuple[str, str]]:
    found = bundle.elsewhere
    if found is None:
        return []
    said = text(
        "report_elsewhere",
        language,
        sensitivity=format_percent(found["sensitivity"], language),
        specificity=format_percent(found["specificity"], language),
        images=found["images"],
    )
    return [(text("report_elsewhere_title", language), said)]


def _cost(point: OperatingPoint, language: Language) -> list[tuple[str, str]]:
    """Sensitivity and specificity at a threshold, with their intervals and in plain words."""

    def measured(fraction: float, interval: Interval, means: str) -> str:
        said, low, high = (format_percent(part, language) for part in (fraction, *interval))
        return text(
            "report_measured_fraction", language, fraction=said, low=low, high=high, means=means
        )

    positives = point.true_positives + point.false_negatives
    negatives = point.true_negatives + point.false_positives
    sensitivity = measured(
        point.sensitivity,
        point.sensitivity_interval(),
        text("sensitivity_means", language, count=point.true_positives, all=positives),
    )
    specificity = measured(
        point.specificity,
        point.specificity_interval(),
        text("specificity_means", language, count=point.true_negatives, all=negatives),
    )
    return [
        (text("sensitivity", language), sensitivity),
        (text("specificity", language), specificity),
    ]


# --- Drawing, from the top down: each function takes the y to begin at and returns the next y -----


def _write(
    page: Canvas,
    y: float,
    said: str,
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
    # The fonts of PDF itself have the characters of Windows-1252, which has no thin space.
    said = said.replace("\u202f", "\xa0").encode("cp1252", "replace").decode("cp1252")
    paragraph = Paragraph(escape(said), style)
    _, height = paragraph.wrap(width, y)
    paragraph.drawOn(page, x, y - height)
    return float(y - height - 1.2 * mm)


def _legend(page: Canvas, y: float, language: Language) -> float:
    """The heatmap's colours from nothing to the strongest, below the second image."""
    left, width, height = _MARGIN + (_WIDTH + _GAP) / 2, 34 * mm, 2.5 * mm
    shades = np.repeat(colour_table()[np.newaxis], 8, axis=0)
    page.drawImage(_encode(shades), left, y - height, width, height)
    said = f"{text('legend_low', language)} – {text('legend_high', language)}"
    beside = left + width + 2 * mm
    _write(page, y + 0.6 * mm, said, x=beside, width=_WIDTH / 2 - width, colour=_MUTED, size=8)
    return float(y - height - 4 * mm)


def _images(
    page: Canvas, y: float, radiograph: Radiograph, prediction: Prediction, captions: list[str]
) -> float:
    """Radiograph and overlay side by side, with equal sizes that fit into a square."""
    width = (_WIDTH - _GAP) / 2
    images = [draw_overlay(radiograph, prediction.heatmap, opacity=opacity) for opacity in (0, 0.6)]
    lefts = [_MARGIN + column * (width + _GAP) for column in range(len(images))]
    # Below the longer caption, so that both images begin at the same height.
    top = min(
        _write(page, y, caption, x=left, width=width, colour=_MUTED, size=8.5)
        for caption, left in zip(captions, lefts, strict=True)
    )
    ends = []
    for image, left in zip(images, lefts, strict=True):
        rows, columns = image.shape[:2]
        scale = min(width / columns, width / rows)
        drawn = (columns * scale, rows * scale)
        page.drawImage(_encode(image), left, top - drawn[1], *drawn)
        ends.append(top - drawn[1] - 4 * mm)
    return float(min(ends))


def _encode(image: npt.NDArray[np.uint8]) -> ImageReader:
    """RGB (H, W, 3) as a JPEG, shrunk to what can be seen in print."""
    scale = _IMAGE_SIDE / max(image.shape[:2])
    if scale < 1:
        height, width = (max(1, round(side * scale)) for side in image.shape[:2])
        shrunk = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        image = np.asarray(shrunk, dtype=np.uint8)
    quality = [cv2.IMWRITE_JPEG_QUALITY, 92]
    encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)[1]
    return ImageReader(io.BytesIO(encoded.tobytes()))


def _table(page: Canvas, y: float, rows: list[tuple[str, str]]) -> float:
    first = 52 * mm  # width of the first column
    for name, value in rows:
        ends = (
            _write(page, y, name, width=first - _GAP, colour=_MUTED),
            _write(page, y, value, x=_MARGIN + first, width=_WIDTH - first),
        )
        y = min(ends)
    return float(y - 2 * mm)
