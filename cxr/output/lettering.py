"""Words in pictures: captions, and what the fonts of PDF itself lack letters for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt

_FONT = "sans"  # OpenCV's own, with Latin, Greek, Cyrillic and East Asian letters
_BASELINE = 0.78  # of a line's height, from its top
_REGULAR, _BOLD = 400, 700
_MEASURED = 64  # pixels, of letters whose widths are measured


def draw_lines(
    said: str, *, width: int, size: int, colour: tuple[int, int, int], bold: bool = False
) -> Iterator[npt.NDArray[np.uint8]]:
    """Draw a paragraph on white, line by line.

    Args:
        said: the words; what the font lacks becomes a question mark.
        width: of a line, in pixels.
        size: of the letters, in pixels.
        colour: of the letters, RGB.
        bold: whether they are bold.

    Yields:
        Lines of shape (1.35 `size`, `width`, 3), uint8 RGB.
    """
    weight = _BOLD if bold else _REGULAR
    for line in _wrap(said, width, partial(_measure, size=size, weight=weight)):
        picture = np.full((round(1.35 * size), width, 3), 255, np.uint8)
        foot = (0, round(_BASELINE * picture.shape[0]))
        write_words(picture, line, foot, size=size, colour=colour, weight=weight)
        yield picture


def write_words(
    picture: npt.NDArray[np.uint8],
    said: str,
    foot: tuple[int, int],
    *,
    size: int,
    colour: tuple[int, int, int],
    weight: int = _REGULAR,
) -> int:
    """Write one line into a picture.

    Args:
        picture: RGB, (H, W, 3); it is written into.
        said: the words; what the font lacks becomes a question mark.
        foot: column and row at which the line begins, at the feet of its letters.
        size: of the letters, in pixels.
        colour: of the letters, RGB.
        weight: from 100 to 900, as in CSS.

    Returns:
        The column at which it ends.
    """
    cv2.putText(picture, said, foot, colour, cv2.FontFace(_FONT), size, weight)
    return foot[0] + _measure(said, size=size, weight=weight)


def fitting_size(said: str, *, width: int, size: int) -> int:
    """The size of letters, `size` at most, at which a line is no wider than `width` pixels."""
    # Widths are in proportion but for rounding, and large letters take long to measure.
    fits = int(width / _measure(said, size=_MEASURED) * _MEASURED * 0.99)
    return max(1, min(size, fits))


def _measure(said: str, *, size: int, weight: int = _REGULAR) -> int:
    """The width of a line in pixels."""
    # Spaces at the end count only before something else.
    measured = cv2.getTextSize((0, 0), f"{said}|", (0, 0), cv2.FontFace(_FONT), size, weight)
    ends = cv2.getTextSize((0, 0), "|", (0, 0), cv2.FontFace(_FONT), size, weight)
    return int(measured[2] - ends[2])


def _wrap(said: str, width: int, measure: Callable[[str], int]) -> Iterator[str]:
    """Lines that are not wider than `width`, broken at spaces where there are any."""
    line = ""
    for letter in said:
        if measure(line + letter) <= width or not line:
            line += letter
            continue
        head, space, tail = line.rpartition(" ")
        yield head if space else line
        line = (tail if space else "") + letter
    yield line
