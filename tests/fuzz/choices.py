"""Choices that the bytes of an input make, the same ones each time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """Takes choices from bytes, one after another; once they are used up, the first of each."""

    def __init__(self, content: bytes) -> None:
        """From the beginning of `content`."""
        self._content, self._at = content, 0

    def number(self, low: int, high: int) -> int:
        """From `low` to `high`, both included."""
        size = 1 if high - low < 256 else 4
        return low + int.from_bytes(self.some_bytes(size), "little") % (high - low + 1)

    def one_of(self, values: Sequence[T]) -> T:
        """One of several."""
        return values[self.number(0, len(values) - 1)]

    def some_bytes(self, size: int) -> bytes:
        """The next bytes, fewer at the end."""
        taken = self._content[self._at : self._at + size]
        self._at += size
        return taken

    def rest(self) -> bytes:
        """All that is left."""
        return self.some_bytes(len(self._content))
