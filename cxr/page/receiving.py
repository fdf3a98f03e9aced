"""Receives whole requests that must not keep others waiting: a few of each client at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

_MAX_AT_ONCE = 16  # requests that are received or answered at a time, ...
_MAX_OF_ONE = 8  # ... and of one client


class Full(Exception):
    """As many requests are received or answered as may be."""


class Places:
    """How many requests are received or answered at a time, in all and of one client."""

    def __init__(self) -> None:
        """Start with no request in progress."""
        self._taken: Counter[str] = Counter()

    @contextmanager
    def take(self, scope: Scope) -> Iterator[None]:
        """Hold a place for a client.

        Raises:
            Full: there is none, or the client has its share.
        """
        client = (scope.get("client") or ("",))[0]
        if self._taken.total() >= _MAX_AT_ONCE or self._taken[client] >= _MAX_OF_ONE:
            raise Full
        self._taken[client] += 1
        try:
            yield
        finally:
            self._taken[client] -= 1
            self._taken += Counter()  # who has none is forgotten


async def receive_whole(receive: Receive) -> bytes:
    """Receive a request's body.

    Raises:
        ClientDisconnect: the client has gone away, or was sent away.
    """
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


def in_one_piece(body: bytes, receive: Receive) -> Receive:
    """What gives a body that was received to whoever reads it once more, then what follows."""
    pieces: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return pieces.pop() if pieces else await receive()

    return again
