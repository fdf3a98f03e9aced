"""Drawing a report's page, from the top down.

Each function takes the y to begin at, in points from the page's lower edge, and returns the next y.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from xml.sax.saxutils import escape

import cv2
import numpy as np
import numpy.typing as npt
from reportlab import rl_config
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

from cxr.classifier import Prediction
from cxr.language import Language
from cxr.messages import text
from cxr.output.lettering import draw_lines
from cxr.output.overlay import OPACITY, colour_table, draw_overlay, shrink
from cxr.reading.radiograph import Radiograph

_BACKWARDS = ("R", "AL")  # Unicode's classes of Hebrew and of Arabic letters
MARGIN = 18 * mm
WIDTH = A4[0] - 2 * MARGIN
MUTED, RULE = HexColor("#475569"), HexColor("#cbd5e1")
INK = HexColor("#1e293b")
_GAP = 5 * mm
_LEGEND = 6.5 * mm  # of the page's height
_IMAGE_SIDE = 1200  # pixels on the longer side: 300 dpi at the printed size, all that is seen


def write(
    page: Canvas,
    y: float,
    said: str,
    *,
    x: float = MARGIN,
    width: float = WIDTH,
    size: float = 9.5,
    bold: bool = False,
    colour: Any = INK,
) -> float:
    """Write a paragraph; as a picture where the fonts of PDF itself lack a letter of it."""
    # They have the characters of Windows-1252, in which letters and accents are one, and no space
    # is thin.
    said = unicodedata.normalize("NFC", said.replace("\u202f", "\xa0"))
    # What is written from right to left could only be drawn backwards.
    said = "".join("?" if unicodedata.bidirectional(one) in _BACKWARDS else one for one in said)
    try:
        said.encode("cp1252")
    except UnicodeEncodeError:
        return _draw(page, y, said, x=x, width=width, size=size, bold=bold, colour=colour)
    style = ParagraphStyle(
        "text",
        fontName="Helvetica-Bold" if bold else "Helvetica",
        fontSize=size,
        leading=1.35 * size,
        textColor=colour,
        splitLongWords=True,
    )
    paragraph = Paragraph(escape(said), style)
    _, height = paragraph.wrap(width, y)
    paragraph.drawOn(page, x, y - height)
    return float(y - height - 1.2 * mm)


def _draw(
    page: Canvas,
    y: float,
    said: str,
    *,
    x: float,
    width: float,
    size: float,
    bold: bool,
    colour: Any,
) -> float:
    """Draw a paragraph."""
    pixels = 4  # a point
    red, green, blue = colour.bitmap_rgb()
    drawn = draw_lines(
        said.encode("utf-8", "replace").decode(),  # lone surrogates cannot be drawn
        width=round(pixels * width),
        size=round(pixels * size),
        colour=(red, green, blue),
        bold=bold,
    )
    for line in drawn:
        rows, columns = line.shape[:2]
        y -= rows / pixels
        page.drawImage(_encode(line), x, y, columns / pixels, rows / pixels)
    return float(y - 1.2 * mm)


def height_of(draw: Callable[[Canvas, float], float]) -> float:
    """What something takes of a page's height, in points."""
    return A4[1] - draw(Canvas(io.BytesIO(), pagesize=A4), A4[1])


def _draw_legend(page: Canvas, y: float, language: Language) -> float:
    """The heatmap's colours from nothing to the strongest, below the second image."""
    left, word, width, height = MARGIN + (WIDTH + _GAP) / 2, 20 * mm, 34 * mm, 2.5 * mm
    shades = np.repeat(colour_table()[np.newaxis], 8, axis=0)
    page.drawImage(_encode(shades), left + word, y - height, width, height)
    ends = (
        (text("legend_low", language), left),
        (text("legend_high", language), left + word + width + 2 * mm),
    )
    for said, x in ends:
        write(page, y + 0.6 * mm, said, x=x, width=word, colour=MUTED, size=8)
    return float(y - _LEGEND)


def draw_images(
    page: Canvas,
    y: float,
    radiograph: Radiograph,
    prediction: Prediction,
    captions: list[str],
    *,
    lowest: float,
    language: Language,
) -> float:
    """Radiograph and overlay side by side with a legend, of equal sizes that end above `lowest`.

    With a single caption, the radiograph alone.
    """
    width = (WIDTH - _GAP) / 2
    small = replace(radiograph, pixels=shrink(radiograph.pixels, _IMAGE_SIDE), stored=None)
    heatmap = shrink(prediction.heatmap, _IMAGE_SIDE)
    opacities = (0, OPACITY)[: len(captions)]
    images = [draw_overlay(small, heatmap, opacity=opacity) for opacity in opacities]
    lefts = [MARGIN + column * (width + _GAP) for column in range(len(images))]
    # Below the longer caption, so that both images begin at the same height.
    top = min(
        write(page, y, caption, x=left, width=width, colour=MUTED, size=8.5)
        for caption, left in zip(captions, lefts, strict=True)
    )
    ends = []
    for image, left in zip(images, lefts, strict=True):
        rows, columns = image.shape[:2]
        height = min(width, top - lowest - _LEGEND - 4 * mm)
        scale = min(width / columns, height / rows)
        drawn = (columns * scale, rows * scale)
        page.drawImage(_encode(image), left, top - drawn[1], *drawn)
        ends.append(top - drawn[1] - 4 * mm)
    return _draw_legend(page, min(ends), language) if len(images) > 1 else min(ends)


def _encode(image: npt.NDArray[np.uint8]) -> ImageReader:
    """RGB (H, W, 3) as a JPEG."""
    # ReportLab would write the picture as text as well (ASCII85), in Python and a quarter longer.
    rl_config.useA85 = 0
    quality = [cv2.IMWRITE_JPEG_QUALITY, 92]
    encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)[1]
    return ImageReader(io.BytesIO(encoded.tobytes()))


def draw_table(page: Canvas, y: float, rows: list[tuple[str, str]]) -> float:
    """Write rows of a name and a value."""
    first, size = 46 * mm, 8.5  # the width of the first column
    for name, value in rows:
        ends = (
            write(page, y, name, width=first - _GAP, size=size, colour=MUTED),
            write(page, y, value, x=MARGIN + first, width=WIDTH - first, size=size),
        )
        y = min(ends)
    return float(y - 2 * mm)
