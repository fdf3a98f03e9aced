"""What every page of ours asks of browsers and of requests, as middleware of its server.

Browsers are told to load nothing from other hosts and to run only scripts that this server put into
the page (Content Security Policy, https://www.w3.org/TR/CSP3/). A page on this machine answers only
to the names that it is known by here: another site's name may be made to lead here (DNS rebinding).
How much one client may send is in `cxr.page.limits`, how slowly it may read in `cxr.page.in_time`.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cxr.page.in_time import ReadInTime
from cxr.page.limits import Limits
from cxr.page.rewriting import rewriting_pages

LOOPBACK = "127.0.0.1"
_LOCAL_NAMES = (LOOPBACK, "localhost")
_SHARED_FRONT_END = "https://gradio.s3-us-west-2.amazonaws.com"  # of Gradio's pages with a link
_EMBEDDED_BY = "https://huggingface.co https://*.hf.space"


def on_a_space() -> bool:
    """Whether this runs on a Hugging Face Space, where others than its owner use the page."""
    return os.environ.get("SYSTEM") == "spaces" or "SPACE_ID" in os.environ


def listens_here(settings: Mapping[str, Any]) -> bool:
    """Whether a page with these settings of ``launch`` can be reached from this machine alone."""
    address = settings.get("server_name") or os.environ.get("GRADIO_SERVER_NAME") or LOOPBACK
    return address in _LOCAL_NAMES


def defences(settings: Mapping[str, Any], *, host_names: tuple[str, ...] = ()) -> list[Middleware]:
    """The middleware of a page.

    Args:
        settings: of Gradio's ``launch``: whether it is shared, where it listens, what its ``head``
            and its largest file are.
        host_names: by which others reach it besides this machine's own, as through a proxy.
    """
    shared = bool(settings.get("share"))
    found = [
        Middleware(ReadInTime),
        Middleware(_Headers, head=str(settings.get("head") or ""), shared=shared),
        Middleware(Limits, file_bytes=settings.get("max_file_size")),
    ]
    if listens_here(settings) and not shared and not on_a_space():
        found.insert(2, Middleware(_KnownNames, names={*_LOCAL_NAMES, *map(str.lower, host_names)}))
    elif settings.get("auth"):
        # Whoever is logged in sends the page's cookie along, whichever site's script asks.
        found.insert(2, Middleware(_OwnScripts))
    return found


class _KnownNames:
    """Refuses requests for other host names, and what pages of other sites want to change."""

    def __init__(self, app: ASGIApp, *, names: set[str]) -> None:
        self._app, self._names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self._is_known(scope):
            return await self._app(scope, receive, send)
        refusal = PlainTextResponse("This page is not known by that name.", status_code=403)
        return await refusal(scope, receive, send)

    def _is_known(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        name = host.partition(":")[0].lower()
        if scope.get("method") in ("GET", "HEAD", "OPTIONS") or "origin" not in headers:
            return name in self._names
        try:
            origin = urlsplit(headers["origin"])
            # Other pages of this machine are strangers, too.
            same_port = origin.port == urlsplit(f"//{host}").port
        except ValueError:  # not an address
            return False
        if not same_port and {name, origin.hostname} <= set(_LOCAL_NAMES):
            return False
        return {name, origin.hostname} <= self._names


class _OwnScripts:
    """Refuses what scripts of other sites ask for; a proxy has to pass on the name of the host."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self._is_own(Headers(scope=scope)):
            return await self._app(scope, receive, send)
        refusal = PlainTextResponse("Other sites may not ask for this.", status_code=403)
        return await refusal(scope, receive, send)

    def _is_own(self, headers: Headers) -> bool:
        try:
            return "origin" not in headers or urlsplit(headers["origin"]).netloc == headers["host"]
        except (ValueError, KeyError):
            return False


class _Headers:
    """Adds the security headers, and to each script of a page the number that allows it."""

    def __init__(self, app: ASGIApp, *, head: str, shared: bool) -> None:
        self._app = app
        elsewhere = f" {_SHARED_FRONT_END}" if shared else ""
        # Gradio puts the scripts of `head` into the page by script: these are allowed by digest.
        scripts = re.findall(r"<script>(.*?)</script>", head, re.DOTALL)
        own = f"'self'{elsewhere}"
        self._sources = {
            "default-src": "'none'",
            # 'unsafe-eval': Gradio compiles the scripts of gr.HTML in the browser.
            "script-src": " ".join([own, "'unsafe-eval'", *map(_digest, scripts)]),
            "style-src": f"{own} 'unsafe-inline'",  # components bring their styles as text
            "img-src": f"{own} data: blob:",
            "font-src": own,
            "connect-src": own,
            "manifest-src": "'self'",
            "base-uri": "'self'",
            "form-action": "'self'",
            "frame-ancestors": f"'self' {_EMBEDDED_BY}" if on_a_space() else "'self'",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        nonce = secrets.token_urlsafe(16)
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = self._policy(nonce)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
            await send(message)

        def mark_scripts(page: bytes) -> bytes:
            return page.replace(b"<script", b'<script nonce="%s"' % nonce.encode())

        try:
            marking = rewriting_pages(send_with_headers, mark_scripts)
            return await self._app(scope, receive, marking)
        except Exception:  # before Starlette answers, whose answer would be without the headers
            if not started:
                failure = PlainTextResponse("The page failed at this request.", status_code=500)
                await failure(scope, receive, send_with_headers)
            raise

    def _policy(self, nonce: str) -> str:
        sources = self._sources | {"script-src": f"{self._sources['script-src']} 'nonce-{nonce}'"}
        return "; ".join(f"{name} {value}" for name, value in sources.items())


def _digest(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
