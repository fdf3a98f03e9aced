"""Words as pictures, where the fonts of PDF itself lack letters, as of names in other scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
import numpy.typing as npt

_FONT = "sans"  # OpenCV's own, with Latin, Greek, Cyrillic and East Asian letters
_BASELINE = 0.78  # of a line's height, from its top


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
    font, weight = cv2.FontFace(_FONT), 700 if bold else 400

    def measure(words: str) -> int:
        left, _, across, _ = cv2.getTextSize((width, size), words, (0, 0), font, size, weight)
        return int(left + across)

    for line in _wrap(said, width, measure):
        picture = np.full((round(1.35 * size), width, 3), 255, np.uint8)
        foot = (0, round(_BASELINE * picture.shape[0]))
        cv2.putText(picture, line, foot, colour, font, size, weight)
        yield picture


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
