"""A report: the radiograph, its heatmap, the numbers, and what they do not mean.

One page; two where that many warnings would leave no room for the pictures.
"""

from __future__ import annotations

import io
from datetime import date

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from cxr.classifier import Prediction
from cxr.messages import text
from cxr.model.bundle import Bundle
from cxr.output.pdf_page import (
    INK,
    MARGIN,
    MUTED,
    RULE,
    WIDTH,
    draw_images,
    draw_table,
    height_of,
    write,
)
from cxr.output.report_words import ReportOptions, headline, meaning, rows
from cxr.reading.radiograph import Radiograph

_AMBER = HexColor("#b45309")
_MIN_PICTURES = 75 * mm  # captions and legend included


def pdf_report(
    radiograph: Radiograph, prediction: Prediction, bundle: Bundle, options: ReportOptions
) -> bytes:
    """A report of one or two pages, A4.

    Args:
        radiograph: the radiograph.
        prediction: its answer.
        bundle: the model that gave it.
        options: what the reader chose.

    Returns:
        A PDF file.
    """
    language = options.language
    title, disclaimer = text("report_title", language), text("report_disclaimer", language)
    buffer = io.BytesIO()
    page = Canvas(buffer, pagesize=A4, lang=language)
    # A name may hold half a character, which no file of another program can.
    named = text("named_value", language, name=title, value=radiograph.name)
    page.setTitle(named.encode("utf-8", "replace").decode())
    page.setAuthor(bundle.title)
    page.setSubject(disclaimer)
    file = text("report_file", language, name=radiograph.name)
    year, month, day = date.today().isoformat().split("-")
    today = text("report_date", language, year=year, month=month, day=day)

    def begin(*lines: str) -> float:
        y = write(page, A4[1] - MARGIN, title, size=16, bold=True)
        y = write(page, y, disclaimer, size=10, bold=True, colour=_AMBER)
        for line in lines:
            y = write(page, y, line, colour=MUTED)
        return y - 2 * mm

    def draw_verdict(y: float) -> float:
        """What the page says largest, too; outside the model's range, that and why."""
        in_range = prediction.gate_result.in_range
        said, why = headline(prediction, options)
        y = write(page, y, said, size=14, bold=True, colour=INK if in_range else _AMBER)
        return write(page, y, why, colour=MUTED if in_range else _AMBER) - 2 * mm

    def draw_words(page: Canvas, y: float) -> float:
        y = draw_table(page, y, rows(prediction, bundle, options))
        page.setStrokeColor(RULE)
        page.line(MARGIN, y, MARGIN + WIDTH, y)
        return write(page, y - 2 * mm, meaning(language), size=8, colour=MUTED)

    y = draw_verdict(begin(f"{file} · {today}"))
    lowest = MARGIN + height_of(draw_words)
    on_one_page = y - lowest >= _MIN_PICTURES
    worth = text(f"worth_{prediction.checks.worth}", language)
    with_heatmap = (
        f"{text('report_heatmap', language)}, {text('evidence_is', language, word=worth)}"
    )
    captions = [text("report_plain", language), with_heatmap]
    if options.withheld:
        captions = [text("heatmap_withheld", language)]
    y = draw_images(
        page,
        y,
        radiograph,
        prediction,
        captions,
        lowest=lowest if on_one_page else MARGIN,
        language=language,
    )
    if not on_one_page:
        page.showPage()
        y = begin(file)
    draw_words(page, y)
    page.showPage()
    page.save()
    return buffer.getvalue()
