"""Turns: how many radiographs a server classifies at a time, whichever way they come.

Only a few requests of browsers wait for a turn, and not all of them of one address: whoever comes
when these do is told so at once, and the browser asks again a little later. So an answer takes at
most a few times as long as it takes alone.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager

from cxr.page.clients import asking

AT_ONCE = 2  # radiographs, where nothing else is said
_MAX_WAIT = 60  # seconds until a radiograph that waits for its turn is given up
_MAX_WAITING = 4  # radiographs that wait for a turn
_MAX_OF_ONE = 4  # radiographs of one address that have a turn or wait for one


class Busy(Exception):
    """Too many wait for a turn, or none came in time."""


class Turns:
    """Lets a few through at a time, in the order in which they came. Safe to share between threads.

    A semaphore has no such order: a request with many files, which asks for the next turn when it
    gives one back, would get it before all that wait.
    """

    def __init__(self, at_once: int = AT_ONCE) -> None:
        """Set up the turns.

        Args:
            at_once: how many can be held at a time; with 0, nobody gets one.
        """
        self._lock = threading.Lock()
        self._free = at_once
        self._waiting: deque[threading.Event] = deque()
        self._places = at_once + _MAX_WAITING
        self._taken: Counter[str] = Counter()  # places, by address

    @contextmanager
    def await_one(self) -> Iterator[None]:
        """Wait for a turn, however many do, and hold it: for who waits in a queue already."""
        self._begin(None)
        try:
            yield
        finally:
            self._end()

    @contextmanager
    def take(self) -> Iterator[None]:
        """Wait for a turn and hold it.

        Raises:
            Busy: too many wait already, in all or of this address, or none came within a minute.
        """
        client = asking.get()
        with self._lock:
            mine = self._taken[client] if client else 0
            if self._taken.total() >= self._places or mine >= _MAX_OF_ONE:
                raise Busy
            self._taken[client] += 1
        try:
            if not self._begin(_MAX_WAIT):
                raise Busy
            try:
                yield
            finally:
                self._end()
        finally:
            with self._lock:
                self._taken[client] -= 1
                self._taken += Counter()  # who has none is forgotten

    def _begin(self, seconds: float | None) -> bool:
        """Wait for a turn, for some time; returns whether it came."""
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            mine = threading.Event()
            self._waiting.append(mine)
        if mine.wait(seconds):
            return True
        with self._lock:
            if mine in self._waiting:
                self._waiting.remove(mine)
                return False
        return True  # it came at the last moment

    def _end(self) -> None:
        """Give a turn back: to who has waited longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1
