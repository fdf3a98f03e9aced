"""Which address asks for something, and how much of a day's allowance each has taken."""

from __future__ import annotations

import threading
from collections import Counter
from contextvars import ContextVar
from datetime import UTC, date, datetime

# The address that calls a function of a component, for as long as the call lasts; "" of others.
asking: ContextVar[str] = ContextVar("asking", default="")


class DailyShare:
    """How often each address does something in a day. Safe to share between threads."""

    def __init__(self, most: int) -> None:
        """Set the limit.

        Args:
            most: times a day, of one address.
        """
        self._most = most
        self._lock = threading.Lock()
        self._day: date | None = None
        self._taken: Counter[str] = Counter()

    def take(self) -> bool:
        """Take one of whoever asks, if any is left today; returns whether there was."""
        client, today = asking.get(), datetime.now(UTC).date()
        with self._lock:
            if today != self._day:
                self._day, self._taken = today, Counter()
            if self._taken[client] >= self._most:
                return False
            self._taken[client] += 1
            return True
