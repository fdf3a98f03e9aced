"""Turns: how many radiographs a server classifies at a time, whichever way they come.

Only a few requests of browsers wait for a turn: whoever comes when these do is told so at once, and
the browser asks again a little later. So an answer takes at most a few times as long as it takes
alone.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = 2  # radiographs, where nothing else is said
_MAX_WAIT = 60  # seconds until a radiograph that waits for its turn is given up
_MAX_WAITING = 5  # radiographs that wait for a turn


class Busy(Exception):
    """Too many wait for a turn, or none came in time."""


class Turns:
    """Lets a few through at a time. Safe to share between threads."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        """Set up the turns.

        Args:
            at_once: how many can be held at a time; with 0, nobody gets one.
        """
        self._free = threading.BoundedSemaphore(at_once)
        self._places = threading.BoundedSemaphore(at_once + _MAX_WAITING)

    @contextmanager
    def await_one(self) -> Iterator[None]:
        """Wait for a turn, however many do, and hold it: for who waits in a queue already."""
        with self._free:
            yield

    @contextmanager
    def take(self) -> Iterator[None]:
        """Wait for a turn and hold it.

        Raises:
            Busy: too many wait already, or none came within a minute.
        """
        if not self._places.acquire(blocking=False):
            raise Busy
        try:
            if not self._free.acquire(timeout=_MAX_WAIT):
                raise Busy
            try:
                yield
            finally:
                self._free.release()
        finally:
            self._places.release()
