"""Requests to the page without a browser, and to parts of what stands before it."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp


def ask(
    url: str, path: str = "", *, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer."""
    address = urlsplit(url)
    connection = HTTPConnection(str(address.hostname), address.port, timeout=20)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, f"/{path}", body=body, headers=named)
    with connection.getresponse() as answer:
        return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()


def wrapped(middleware: list[Any]) -> ASGIApp:
    """What reads a request whole, behind these."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = await Request(scope, receive).body()
        await PlainTextResponse(f"{len(body)}")(scope, receive, send)

    found: ASGIApp = app
    for each in reversed(middleware):
        found = each.cls(found, **each.kwargs)
    return found


def upload(url: str, name: str, content: bytes) -> str:
    """Where an upload with this name in its header was put."""
    head = f'--x\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    status, _, body = ask(
        url,
        "gradio_api/upload",
        method="POST",
        body=head.encode() + content + b"\r\n--x--\r\n",
        Content_Type="multipart/form-data; boundary=x",
    )
    assert status == 200, body
    return str(json.loads(body)[0])
