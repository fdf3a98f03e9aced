"""Turns: how many radiographs are classified at a time for those who ask outside Gradio's queue."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_MAX_WAIT = 60  # seconds until a radiograph that waits for its turn is given up


class Busy(Exception):
    """No turn came in time."""


class Turns:
    """Lets a few through at a time. Safe to share between threads."""

    def __init__(self, at_once: int) -> None:
        """Set up the turns.

        Args:
            at_once: how many can be held at a time; with 0, nobody gets one.
        """
        self._free = threading.BoundedSemaphore(at_once)

    @contextmanager
    def take(self) -> Iterator[None]:
        """Wait for a turn and hold it.

        Raises:
            Busy: none came within a minute.
        """
        if not self._free.acquire(timeout=_MAX_WAIT):
            raise Busy
        try:
            yield
        finally:
            self._free.release()
