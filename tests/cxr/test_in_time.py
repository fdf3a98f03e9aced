"""Clients that send or read slowly, at a real server."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cxr.messages import as_sentence, text
from cxr.page import in_time
from cxr.page.in_time import ReadInTime
from cxr.page.limits import Limits
from tests.conftest import run_loop

LARGE = 30_000_000  # bytes, more than all the buffers between a server and its client hold
CLOSE = "\r\nConnection: close\r\n\r\n"
HEAD = "{} HTTP/1.1\r\nHost: here\r\nContent-Length: {}\r\n\r\n"


class Application:
    """Answers how long a request was; or, to a GET, something large, in one piece or in many."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        answer: ASGIApp = PlainTextResponse(bytes(LARGE))
        if scope["path"] == "/pieces":
            answer = StreamingResponse(bytes(1_000_000) for _ in range(LARGE // 1_000_000))
        if scope["method"] == "POST":
            answer = PlainTextResponse(str(len(await Request(scope, receive).body())))
        try:
            await answer(scope, receive, send)
        finally:
            self.ended.set()


@contextmanager
def connected(application: ASGIApp) -> Iterator[socket.socket]:
    """A connection to a server of the application behind our middleware."""
    for each in (Middleware(Limits, file_bytes=1000), Middleware(ReadInTime)):
        application = each.cls(application, **each.kwargs)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    try:
        with socket.create_connection(listening.getsockname(), timeout=20) as client:
            yield client
    finally:
        server.should_exit = server.force_exit = True
        thread.join(20)


def received(client: socket.socket) -> bytes:
    """All that comes."""
    parts = []
    while part := client.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


@pytest.fixture(autouse=True)
def _little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_time, "_SECONDS", 0.5)


@pytest.mark.parametrize("path", ["/", "/pieces"])
def test_an_answer_that_is_not_read_is_given_up(path: str) -> None:
    application = Application()
    with connected(application) as client:
        client.sendall(HEAD.format(f"GET {path}", 0).encode())
        assert application.ended.wait(10)  # and holds nothing any more
        assert len(received(client)) < LARGE


def test_an_answer_that_waits_behind_one_that_is_not_read_is_given_up_too() -> None:
    """The server lets nothing of it go, not even its header, until the one before it has been."""
    application = Application()

    async def nothing_goes(_: Message) -> None:
        await asyncio.Event().wait()

    async def receive() -> Message:
        return {"type": "http.request"}

    scope = {"type": "http", "method": "GET", "path": "/"}

    async def answer() -> None:
        await asyncio.wait_for(ReadInTime(application)(scope, receive, nothing_goes), 10)

    run_loop(answer())
    assert application.ended.is_set()


@pytest.mark.parametrize("path", ["/", "/pieces"])
def test_an_answer_that_is_read_arrives_whole(path: str) -> None:
    with connected(Application()) as client:
        client.sendall(HEAD.format(f"GET {path}", 0).replace("\r\n\r\n", CLOSE).encode())
        time.sleep(0.3)
        _, body = received(client).split(b"\r\n\r\n", 1)
        assert body.count(0) == LARGE


def test_a_request_that_comes_too_slowly_is_refused() -> None:
    with connected(Application()) as client:
        client.sendall(HEAD.format("POST /", 1000).encode() + b"a few")
        answer = received(client)
    assert answer.startswith(b"HTTP/1.1 408")
    assert answer.decode().endswith(as_sentence(text("request_too_slow", "en")))


def test_a_request_that_comes_at_a_fair_rate_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_time, "_BYTES_PER_SECOND", 100)
    with connected(Application()) as client:
        client.sendall(HEAD.format("POST /", 1000).encode())
        for _ in range(10):  # a second in all
            client.sendall(bytes(100))
            time.sleep(0.1)
        assert client.recv(12) == b"HTTP/1.1 200"
