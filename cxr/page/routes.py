"""The routes of the page. Of Gradio's, only those that the page and its clients need are there.

Gradio serves much that is of no use here, and some of it would be of use to strangers: routes that
fetch addresses, run programs on files, or write to the disk. Two that are needed have answers of
our own instead of Gradio's: uploads, and calls of the functions of components.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradio.route_utils import (
    API_PREFIX,
    GradioMultiPartParser,
    GradioUploadFile,
    client_utils,
)
from gradio.routes import ORJSONResponse
from gradio.utils import get_upload_folder
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from cxr.page.clients import asking
from cxr.page.limits import MCP_PATH

# Of Gradio's routes, in the form in which it names them.
ALLOWED: Mapping[str, tuple[str, ...]] = {
    "GET": (
        "/",
        "/config",
        "/theme.css",
        "/favicon.ico",
        "/pwa_icon",
        "/robots.txt",
        "/assets/{path:path}",
        "/static/{path:path}",
        f"{API_PREFIX}/info",
        f"{API_PREFIX}/startup-events",
        f"{API_PREFIX}/queue/data",
        f"{API_PREFIX}/call/{{api_name}}/{{event_id}}",
        f"{API_PREFIX}/call/v2/{{api_name}}/{{event_id}}",
    ),
    "POST": (
        f"{API_PREFIX}/queue/join",
        f"{API_PREFIX}/call/{{api_name}}",
        f"{API_PREFIX}/call/v2/{{api_name}}",
        f"{API_PREFIX}/cancel",
        f"{API_PREFIX}/reset",
    ),
}
# Where they are offered. A client may ask for a stream (GET) or end a session (DELETE): there are
# none, and it has to be told so by status 405; by 404 it would think that its session is over.
_TOOLS = {"GET": (f"{MCP_PATH}/schema", MCP_PATH), "DELETE": (MCP_PATH,), "POST": (MCP_PATH,)}
_NO_FORM = "Expected a form with a file."


class Routes:
    """Middleware that lets through what has an answer, and answers uploads and calls itself."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap Gradio's application.

        Args:
            app: of Gradio.
        """
        self._app = app
        self._ours = [
            Route(f"{API_PREFIX}/upload", take_upload, methods=["POST"]),
            Route(f"{API_PREFIX}/component_server", call_function, methods=["POST"]),
        ]
        self._allowed = [
            Route(path, _nothing, methods=[method])
            for routes in (ALLOWED, _TOOLS)
            for method, paths in routes.items()
            for path in paths
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, have Gradio answer it, or say that nothing is there."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        asked = {**scope, "path": scope["path"].rstrip("/") or "/"}
        for route in self._ours:
            if route.matches(asked)[0] is Match.FULL:
                return await route.app(scope, receive, send)
        for route in self._allowed:
            match, found = route.matches(asked)
            if match is Match.FULL and _is_endpoint(scope, found["path_params"].get("api_name")):
                return await self._by_gradio(scope, receive, send)
        return await _nothing(None)(scope, receive, send)

    async def _by_gradio(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].rstrip("/").endswith(f"{API_PREFIX}/info"):
            # Without a page, Gradio tells everybody the address that the first one asked for.
            query = scope["query_string"] + b"&page="
            scope = {**scope, "query_string": query.removeprefix(b"&")}
        try:
            await self._app(scope, receive, send)
        except RuntimeError as error:
            # Gradio raises for an unknown address after it has begun to answer: the answer is ended
            # here, and the log spared pages of traceback.
            if not isinstance(error.__cause__, HTTPException):
                raise
            await send({"type": "http.response.body", "body": b""})


def _is_endpoint(scope: Scope, name: str | None) -> bool:
    """Whether there is such an endpoint, where one is named."""
    return name is None or name in {each.api_name for each in _page(scope).fns.values()}


def _page(scope: Scope) -> Any:
    return scope["app"].get_blocks()


def _nothing(_: Any) -> JSONResponse:
    return JSONResponse({"detail": "Not Found"}, status_code=404)


async def take_upload(request: Request) -> Response:
    """Store the file of a form, and say where.

    Unlike Gradio's own answer it takes one file a request, so that uploads can be counted, and no
    other fields, which would be held in memory; and it keeps no list of them.
    """
    folder, limit = Path(get_upload_folder()), _page(request.scope).max_file_size
    folder.mkdir(parents=True, exist_ok=True)
    try:
        form = await GradioMultiPartParser(
            request.headers,
            request.stream(),
            max_files=1,
            max_fields=0,
            upload_dir=folder,
            max_file_size=math.inf if limit is None else limit,
        ).parse()
    except (LookupError, ValueError, MultiPartException) as error:  # no form, or not such a one
        said = getattr(error, "message", _NO_FORM)
        return PlainTextResponse(said, 413 if "allowed size" in said else 400)
    files = [value for _, value in form.multi_items() if isinstance(value, GradioUploadFile)]
    if not files:  # it ended before its file did
        return PlainTextResponse(_NO_FORM, 400)
    return JSONResponse([await run_in_threadpool(_put, file, folder) for file in files])


def _put(file: GradioUploadFile, folder: Path) -> str:
    """Move an upload that is whole to its own folder, and return its path there."""
    name = client_utils.strip_invalid_filename_characters(Path(file.filename or "").name)
    put = folder / file.sha.hexdigest() / ("file" if name in ("", "..") else name)
    put.parent.mkdir(exist_ok=True)
    file.file.close()
    os.replace(file.file.name, put)
    return str(put)


async def call_function(request: Request) -> Response:
    """Call a function of a component, as the page's scripts do, with any JSON value.

    Unlike Gradio's own answer it takes no forms, whose files stay if they are broken off, knows
    the functions by their names, and keeps nothing of the session.
    """
    try:
        asked = await request.json()
        data, component, name = asked["data"], asked["component_id"], asked["fn_name"]
    except ClientDisconnect:
        raise
    except Exception:  # no JSON, too deep, not an object, …
        return JSONResponse({"detail": "Invalid JSON body."}, status_code=400)
    page = _page(request.scope)
    block = page.blocks.get(component) if isinstance(component, int) else None
    for function in getattr(block, "server_fns", ()):
        if function.__name__ == name:
            asking.set((request.client or ("",))[0])
            answer = await run_in_threadpool(function, data)
            found: Response = ORJSONResponse(answer)
            return found
    return JSONResponse({"detail": "Function not found."}, status_code=404)
