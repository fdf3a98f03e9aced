"""A radiograph and its heatmap become a picture."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from cxr.checks import Worth
from cxr.classifier import Prediction
from cxr.language import Language
from cxr.messages import text
from cxr.model.bundle import Bundle
from cxr.model.heatmap import MIN_SHOWN
from cxr.output.lettering import fitting_size, write_words
from cxr.reading.radiograph import Radiograph

_HEADER = 33  # bytes of a PNG file before its second chunk
_SAID = b"tEXtSoftware\0cxr"
# A chunk of a PNG file: length, kind and content, checksum of both (PNG specification, 5.3).
_OURS = struct.pack(">I", len(_SAID) - 4) + _SAID + struct.pack(">I", zlib.crc32(_SAID))

Pixel = TypeVar("Pixel", np.float32, np.uint8)
NOTICE = "RESEARCH USE ONLY - NOT FOR DIAGNOSIS"
# Purple over red to yellow: rises evenly in lightness, so that it reads the same to colour-blind
# eyes and in print, and is nowhere so pale that it could pass for an opacity.
_COLOUR_MAP = cv2.COLORMAP_PLASMA
_COLOURS = (40, 235)  # of its 256: the ends are too dark, and too bright, to be seen on a lung
OPACITY = 0.6
FULL = 0.25  # of the heatmap: from there on a place is coloured in full
_STRIP = 256  # rows
_NOTICE_COLOUR, _CAPTION_COLOUR = (251, 191, 36), (226, 232, 240)  # as in answer.js
# Of a picture, in pixels: below, its caption could not be read; above, letters are large enough.
_LEAST_WIDTH, _WIDEST = 480, 4096


def colour_table() -> npt.NDArray[np.uint8]:
    """The colours of a heatmap's values from 0 to 1: RGB, uint8 of shape (256, 3)."""
    shades = np.rint(np.linspace(*_COLOURS, 256)).astype(np.uint8)[np.newaxis]
    colours = cv2.cvtColor(cv2.applyColorMap(shades, _COLOUR_MAP), cv2.COLOR_BGR2RGB)
    return np.asarray(colours[0], dtype=np.uint8)


def draw_overlay(
    radiograph: Radiograph, heatmap: npt.NDArray[np.float32], *, opacity: float = OPACITY
) -> npt.NDArray[np.uint8]:
    """The radiograph with its heatmap laid over it.

    Args:
        radiograph: the radiograph, (H, W).
        heatmap: float32 of shape (H, W) in [0, 1].
        opacity: of the places with evidence, in [0, 1]; 0 gives the radiograph alone.

    Returns:
        RGB, uint8 of shape (H, W, 3).
    """
    colours = colour_table()
    overlay = np.empty((*heatmap.shape, 3), dtype=np.uint8)
    for top in range(0, len(heatmap), _STRIP):  # in strips: as floats, all takes 100 MB and more
        rows = slice(top, top + _STRIP)
        image = radiograph.pixels[rows] * np.float32(255)
        overlay[rows] = np.rint(image).astype(np.uint8)[..., np.newaxis]
        shown = heatmap[rows] > MIN_SHOWN
        values = heatmap[rows][shown]
        seen = np.clip((values - MIN_SHOWN) / (FULL - MIN_SHOWN), 0, 1) * opacity
        alpha = seen[:, np.newaxis].astype(np.float32)
        layer = colours[np.rint(values * 255).astype(np.uint8)]
        mixed = image[shown][:, np.newaxis] * (1 - alpha) + layer * alpha
        overlay[rows][shown] = np.rint(mixed).astype(np.uint8)
    return overlay


def captioned_overlay(
    radiograph: Radiograph,
    prediction: Prediction,
    bundle: Bundle,
    *,
    language: Language = "en",
    withheld: bool = False,
) -> npt.NDArray[np.uint8]:
    """A radiograph with its heatmap and the caption of `with_caption`: RGB, (H, W, 3).

    Args:
        radiograph: the radiograph.
        prediction: its answer.
        bundle: the model that gave it.
        language: of the caption.
        withheld: draw the radiograph alone.
    """
    return with_caption(
        draw_overlay(radiograph, prediction.heatmap, opacity=0 if withheld else OPACITY),
        model=bundle.title,
        worth=prediction.checks.worth,
        in_range=prediction.gate_result.in_range,
        language=language,
        withheld=withheld,
    )


def with_caption(
    picture: npt.NDArray[np.uint8],
    *,
    model: str,
    worth: Worth | None,
    in_range: bool = True,
    language: Language = "en",
    withheld: bool = False,
) -> npt.NDArray[np.uint8]:
    """A picture with a strip below it: what it is, its colours, what they are worth, the model.

    The page's own download has the same strip, which answer.js draws.

    Args:
        picture: RGB, (H, W, 3).
        model: its name and version.
        worth: whether the heatmap supports the answer; None if it is not known.
        in_range: whether the radiograph is of a kind that the model was trained on.
        language: of the strip.
        withheld: whether the heatmap is left out since it does not support the answer.

    Returns:
        RGB, higher by the strip; black on the right of a picture that is too narrow for it.
    """
    height, wide = picture.shape[:2]
    width = max(wide, _LEAST_WIDTH)
    line = round(min(width, _WIDEST) / 32)
    strip = np.zeros((round(3.4 * line), width, 3), dtype=np.uint8)
    margin, bar = line // 2, width // 6
    disclaimer = text("report_disclaimer", language)
    said = [text("legend_high", language)]
    if not in_range:
        said.append(text("verdict_OUTSIDE", language))
    if worth:
        said.append(text("evidence_is", language, word=text(f"worth_{worth}", language)))
    low, rest = f"{text('legend_low', language)} ", f" {' · '.join([*said, model])}"
    if withheld:
        low, rest, bar = f"{text('heatmap_withheld', language)} · {model}", "", 0

    size = fitting_size(disclaimer, width=width - line, size=line)
    write_words(strip, disclaimer, (margin, round(1.35 * line)), size=size, colour=_NOTICE_COLOUR)
    size = fitting_size(low + rest, width=width - line - bar, size=line)
    foot = round(2.85 * line)
    left = write_words(strip, low, (margin, foot), size=size, colour=_CAPTION_COLOUR)
    ramp = strip[round(2.1 * line) : round(2.9 * line), left : left + bar]
    ramp[:] = colour_table()[np.linspace(0, 255, ramp.shape[1]).astype(np.uint8)]
    write_words(strip, rest, (left + bar, foot), size=size, colour=_CAPTION_COLOUR)
    beside = np.zeros((height, width - wide, 3), dtype=np.uint8)
    return np.vstack([np.hstack([picture, beside]), strip])


def shrink(picture: npt.NDArray[Pixel], side: int) -> npt.NDArray[Pixel]:
    """A picture, float32 or uint8 of shape (H, W) or (H, W, 3), with no side longer than `side`.

    The aspect ratio is kept.
    """
    scale = side / max(picture.shape[:2])
    if scale >= 1:
        return picture
    height, width = (max(1, round(length * scale)) for length in picture.shape[:2])
    shrunk = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk, dtype=picture.dtype)


def png(picture: npt.NDArray[np.uint8]) -> bytes:
    """A picture of shape (H, W) or (H, W, 3) RGB, uint8, as a PNG file that `is_ours`."""
    if picture.ndim == 3:
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    encoded = cv2.imencode(".png", picture)[1].tobytes()
    return encoded[:_HEADER] + _OURS + encoded[_HEADER:]


def is_ours(path: Path) -> bool:
    """Whether a file is a PNG that `png` made."""
    try:
        with path.open("rb") as file:
            return file.read(_HEADER + len(_OURS)).endswith(_OURS)
    except OSError:
        return False
