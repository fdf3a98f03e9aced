"""Whether there seem to be words in a radiograph's pixels: a line of letters may name somebody.

Nothing is read: a line is at least six letters, thin and bright, of one height and close to each
other; a side marker has one or two. Of words drawn in white at the edges of 56 radiographs of their
original size, 98 % were found, and 64 % at 224 pixels, where letters run into each other. Of 5,216
images of 224 pixels, four seemed to have words: two did, and two show teeth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

_SIDE = 1024  # pixels of the longer side at most: letters in larger images are as large
_STROKE = 17  # pixels: what is wider in both directions is no letter
_BRIGHTER = 70  # than what is around, of 255 levels
_HEIGHTS = (5, 48)  # pixels of a letter
_LINE = 6  # letters
_LETTER = 0.75  # its width with the gap after it, in heights
_MAX_MARKS = 2000  # of more, noise is made, and comparing all takes seconds
_MAX_TOUCHING = 3  # letters that touch, as far as they are counted


@dataclass(frozen=True)
class _Mark:
    """A thin bright mark: a letter, or some that touch."""

    x: int
    y: int
    width: int
    height: int

    @property
    def letters(self) -> int:
        return min(_MAX_TOUCHING, max(1, round(self.width / (_LETTER * self.height))))

    def is_followed_by(self, other: _Mark) -> bool:
        """Whether both stand on one line; how far apart is asked elsewhere."""
        apart = abs(2 * (other.y - self.y) + other.height - self.height) / 2
        return apart <= 0.3 * self.height and 0.6 <= other.height / self.height <= 1.6


def has_words(pixels: npt.NDArray[np.float32]) -> bool:
    """Whether a line of letters seems to be in an image.

    Args:
        pixels: of shape (H, W) in [0, 1].
    """
    marks = sorted(_marks(pixels), key=lambda mark: (mark.x, mark.y))
    if len(marks) > _MAX_MARKS:
        return False
    return any(_letters_from(i, marks) >= _LINE for i in range(len(marks)))


def _letters_from(start: int, marks: list[_Mark]) -> int:
    """Letters in the line that begins with a mark."""
    first = marks[start]
    letters, end = first.letters, first.x + first.width
    for mark in marks[start + 1 :]:
        if mark.x - end > 1.2 * first.height:
            break
        if mark.x >= end - 2 and first.is_followed_by(mark):
            letters, end = letters + mark.letters, mark.x + mark.width
    return letters


def _marks(pixels: npt.NDArray[np.float32]) -> list[_Mark]:
    levels = cv2.convertScaleAbs(pixels, alpha=255)
    height, width = levels.shape
    scale = _SIDE / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        levels = cv2.resize(levels, size, interpolation=cv2.INTER_AREA)
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (_STROKE, _STROKE))
    around = cv2.morphologyEx(levels, cv2.MORPH_TOPHAT, kernel)
    bright = cv2.threshold(around, _BRIGHTER, 255, cv2.THRESH_BINARY)[1]
    outlines, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    marks = (_Mark(*map(int, cv2.boundingRect(outline))) for outline in outlines)
    return [mark for mark in marks if _is_letter(mark, bright)]


def _is_letter(mark: _Mark, bright: npt.NDArray[Any]) -> bool:
    low, high = _HEIGHTS
    if not low <= mark.height <= high or mark.width > 4 * mark.height:
        return False
    box = bright[mark.y : mark.y + mark.height, mark.x : mark.x + mark.width]
    area = cv2.countNonZero(box)
    filled = area / box.size
    return area >= 5 and filled >= 0.12 and not (mark.width > 1.6 * mark.height and filled > 0.7)
