"""How much one client may send, and how slowly: sizes, uploads in a time, and the time of each."""

from __future__ import annotations

import math
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from gradio.utils import get_upload_folder
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cxr.language import asked_language
from cxr.messages import as_sentence, text
from cxr.page.in_time import WaitingTime

_JSON_BYTES = 1_000_000  # of a request that brings no file: a hundred names of uploads are 50,000
CALL_BYTES = 20_000_000  # of a call that brings a radiograph in base64
_FORM_BYTES = 100_000  # around the file of an upload
_BURST = 1_000  # uploads of one client at once, ...
_PER_SECOND = 20.0  # ... and from then on: about what two cores answer
_FREE_BYTES = 1_000_000_000  # of the disk, that uploads leave to others, ...
# ... which is looked at after each so many bytes of an upload: a thousand may come at once.
_LOOK_EVERY = 250_000
UPLOAD_PATH = "/gradio_api/upload"
MCP_PATH = "/gradio_api/mcp"  # where calls of tools go, see `cxr.page.mcp_server`
_MAX_CLIENTS = 10_000  # that are remembered


class Allowance:
    """How many uploads each client has left; they come back with time."""

    def __init__(
        self,
        *,
        burst: int = _BURST,
        per_second: float = _PER_SECOND,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start with `burst` uploads for every client."""
        self._burst, self._per_second, self._clock = float(burst), per_second, clock
        self._left: dict[str, tuple[float, float]] = {}  # uploads, and when that was

    def take(self, client: str) -> float:
        """Take one, if there is one.

        Returns:
            Seconds until there is one; 0 if it was taken.
        """
        now = self._clock()
        left, since = self._left.pop(client, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._per_second)
        wait = 0.0 if left >= 1 else (1 - left) / self._per_second
        self._left[client] = (left if wait else left - 1, now)
        if len(self._left) > _MAX_CLIENTS:
            del self._left[next(iter(self._left))]  # who has been away longest
        return wait


class Limits:
    """Middleware that refuses what is too large, too much or too slow, in words for people."""

    def __init__(
        self, app: ASGIApp, *, file_bytes: int | None, allowance: Allowance | None = None
    ) -> None:
        """Set the limits.

        Args:
            app: answers what is within them.
            file_bytes: of an upload; None if the page takes no files.
            allowance: of uploads; the usual one by default.
        """
        self._app = app
        self._file_bytes = file_bytes or 0
        self._allowance = allowance or Allowance()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it before its body is read."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return await self._app(scope, receive, send)
        path = scope["path"].rstrip("/")
        is_call = path.endswith(MCP_PATH)
        is_upload = is_call or path.endswith(UPLOAD_PATH)
        limit = self._file_bytes + _FORM_BYTES if is_upload else _JSON_BYTES
        if is_call:
            limit = CALL_BYTES
        if _length(scope) > limit:
            return await _refusal(scope, 413)(scope, receive, send)
        if is_upload:
            client = scope.get("client") or ("",)
            if wait := self._allowance.take(client[0]):
                return await _refusal(scope, 429, wait=wait)(scope, receive, send)
            if _is_nearly_full():
                return await _refusal(scope, 503, wait=60)(scope, receive, send)
        return await self._within(limit, scope, receive, send, stores=is_upload and not is_call)

    async def _within(
        self, limit: int, scope: Scope, receive: Receive, send: Send, *, stores: bool
    ) -> None:
        """Answer a request that need not say how long it is, until it is too long or too slow."""
        taken, complete, refused, started = 0, False, False, False
        waiting = WaitingTime()

        async def refuse(refusal: PlainTextResponse) -> Message:
            nonlocal refused
            if not refused and not started:
                refused = True
                await refusal(scope, receive, send)
            return {"type": "http.disconnect"}

        async def receive_some() -> Message:
            nonlocal taken, complete
            if complete:  # what comes now is that the client has gone, whenever that is
                return await receive()
            try:
                message = await waiting.wait(receive())
            except TimeoutError:
                return await refuse(_refusal(scope, 408))
            complete = not message.get("more_body", False)
            came, before = len(message.get("body", b"")), taken
            waiting.went(came)
            taken += came
            if taken > limit:
                return await refuse(_refusal(scope, 413))
            if stores and taken // _LOOK_EVERY > before // _LOOK_EVERY and _is_nearly_full():
                return await refuse(_refusal(scope, 503, wait=60))
            return message

        async def send_unless_refused(message: Message) -> None:
            nonlocal started
            if not refused:
                started = True
                await send(message)

        try:
            await self._app(scope, receive_some, send_unless_refused)
        except ClientDisconnect:  # who has gone away needs no answer, and the log no traceback
            pass
        except Exception:
            if not refused:
                raise


def _length(scope: Scope) -> int:
    """Of the body, as far as the request says it."""
    said = Headers(scope=scope).get("content-length", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 20 else 0


def _is_nearly_full() -> bool:
    folder = Path(get_upload_folder())
    there = folder if folder.is_dir() else tempfile.gettempdir()
    return shutil.disk_usage(there).free < _FREE_BYTES


def _refusal(scope: Scope, status: int, *, wait: float = 0) -> PlainTextResponse:
    """An answer in the language that the browser asks for."""
    language = asked_language(Headers(scope=scope).get("accept-language", ""))
    too_slow = text("request_too_slow", language)
    too_large = text("request_too_large", language)
    full = text("disk_nearly_full", language)
    said = {408: too_slow, 413: too_large, 503: full}.get(
        status, text("too_many_uploads", language)
    )
    headers = {"Retry-After": str(math.ceil(wait))} if wait else {}
    headers["Connection"] = "close"  # the rest of the body is not read
    return PlainTextResponse(as_sentence(said), status_code=status, headers=headers)
