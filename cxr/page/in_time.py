"""How slowly a client may send the body of its request, and read its answer.

The heatmap of a large radiograph is an answer of 270 MB, which is held in memory until it is read:
some clients that read nothing would take all that there is. The connection of one that is given up
stays until the system ends it; a proxy has to limit these.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import TypeVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS = 20  # that a client may keep us waiting, ...
_BYTES_PER_SECOND = 20_000  # ... and, with all that comes or goes, gets back at this rate
_PIECE = 65_536  # bytes of an answer, as many as the server keeps on their way
_T = TypeVar("_T")


class WaitingTime:
    """How long one request or answer may still keep the server waiting."""

    def __init__(self) -> None:
        """Begin with all of it."""
        self._left = float(_SECONDS)

    async def wait(self, step: Awaitable[_T]) -> _T:
        """Wait for the client.

        Raises:
            TimeoutError: it is too slow.
        """
        since = time.monotonic()
        async with asyncio.timeout(max(self._left, 0)):
            done = await step
        self._left -= time.monotonic() - since
        return done

    def went(self, count: int) -> None:
        """Earn time by so many bytes that have come or gone, never more than there was at first.

        Of an answer that nobody reads, the first bytes go quickly, too: into the system's buffers.
        """
        self._left = min(_SECONDS, self._left + count / _BYTES_PER_SECOND)


class ReadInTime:
    """Middleware that ends an answer which its client does not read."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as long as the answer is read."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        reader = _Reader(send)
        try:
            await self._app(scope, receive, reader.send)
        except Exception:
            if not reader.is_gone:
                raise


class _Reader:
    """Sends an answer in pieces, of which the next waits until there is room for it."""

    def __init__(self, send: Send) -> None:
        self._send, self._left = send, WaitingTime()
        self.is_gone = False

    async def send(self, message: Message) -> None:
        """Send a message of the server's protocol (ASGI).

        Raises:
            OSError: the client reads too slowly; applications stop at it.
        """
        if message["type"] != "http.response.body":
            await self._wait(message)  # until an answer before it has been read, too
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        for start in range(0, max(len(body), 1), _PIECE):
            piece = body[start : start + _PIECE]
            is_last = start + _PIECE >= len(body)
            await self._wait({**message, "body": piece, "more_body": more or not is_last})
            self._left.went(len(piece))

    async def _wait(self, message: Message) -> None:
        try:
            await self._left.wait(self._send(message))
        except TimeoutError as error:
            self.is_gone = True
            raise OSError("The client reads too slowly.") from error
