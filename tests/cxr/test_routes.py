"""Which of Gradio's routes the page has, and its own answers in place of two of them."""

from __future__ import annotations

import json
import re
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
import pytest
from gradio.routes import App
from gradio.utils import get_upload_folder
from playwright.sync_api import Browser

from cxr.page.routes import ALLOWED
from tests.conftest import PAGE_MARKS
from tests.cxr.asking import ask
from tests.cxr.browser import answered

pytestmark = PAGE_MARKS
OURS = {
    ("GET", "/manifest.json"),  # see cxr/page/preview.py
    ("POST", "/gradio_api/upload"),
    ("POST", "/gradio_api/component_server"),
}
# What Gradio's page on the API asks for, and does without.
UNANSWERED = ("/gradio_api/mcp/schema", "/monitoring/summary")
JSON = {"Content_Type": "application/json"}
FORM = {"Content_Type": "multipart/form-data; boundary=x"}


# --- Gradio's routes ------------------------------------------------------------------------------


def gradio_routes() -> set[tuple[str, str]]:
    """Method and path of all that Gradio serves, without the twins that end with a slash."""

    def walk(routes: Any) -> Iterator[tuple[str, str]]:
        for route in routes:
            if nested := getattr(route, "original_router", None):
                yield from walk(nested.routes)
            else:
                for method in route.methods:
                    yield method, route.path.rstrip("/") or "/"

    with gr.Blocks(analytics_enabled=False) as page:
        pass
    return set(walk(App.create_app(page).routes))


def test_what_is_not_needed_of_gradio_is_not_there(url: str) -> None:
    there = gradio_routes()
    needed = {(method, path) for method, paths in ALLOWED.items() for path in paths}
    assert needed | OURS <= there
    others = sorted(there - needed - OURS)
    assert ("GET", "/gradio_api/file={path_or_url:path}") in others
    assert len(others) > 40
    for method, path in others:
        sample = re.sub(r"\{.*?\}", "1", path).lstrip("/")
        for twin in (sample, f"{sample}/"):
            status, headers, body = ask(url, twin, method=method, body=b"{}", **JSON)
            if method == "HEAD":  # of what is there for GET
                assert status in (200, 404, 405), twin
                continue
            assert (status, body) == (404, b'{"detail":"Not Found"}'), twin
            assert headers["x-content-type-options"] == "nosniff"


def test_the_page_asks_for_nothing_that_is_not_there(
    browser: Browser, url: str, image_file: Path
) -> None:
    page = browser.new_page(locale="en-GB")
    answers: list[tuple[int, str]] = []
    page.on("response", lambda answer: answers.append((answer.status, answer.url)))
    page.goto(url)
    page.wait_for_selector(".invitation strong")
    answered(page, image_file)
    for view in ("many", "study", "about", "one"):
        page.locator(f"nav [data-view={view}]").click()
    page.locator("#api button").click()
    page.wait_for_selector(".api-docs")
    page.wait_for_timeout(500)
    assert len(answers) > 10
    missed = [address for status, address in answers if status >= 400]
    assert [address for address in missed if not address.endswith(UNANSWERED)] == []
    page.close()


def test_nobody_chooses_the_address_that_others_are_told(url: str) -> None:
    ask(url, "gradio_api/info", X_Forwarded_Host="elsewhere.example")
    for query in ("", "?serialize=False", "?all_endpoints=True"):
        _, _, body = ask(url, f"gradio_api/info{query}")
        assert b"elsewhere.example" not in body
        assert json.loads(body)["named_endpoints"].keys() == {
            "/classify",
            "/classify_batch",
            "/heatmap",
            "/overlay",
        }


# --- Uploads --------------------------------------------------------------------------------------


def part(head: str, content: bytes = b"content") -> bytes:
    return f"--x\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (part('name="files"; filename="a"') * 2, FORM),
        (part('name="files"; filename="a"') + part('name="x"'), FORM),
        (part('name="files"'), FORM),
        (b"content", {"Content_Type": "image/png"}),
        (b"content", {"Content_Type": "multipart/form-data"}),
    ],
)
def test_a_form_has_one_file_and_nothing_else(url: str, body: bytes, kind: dict[str, str]) -> None:
    before = set(Path(get_upload_folder()).rglob("*"))
    status, _, _ = ask(
        url, "gradio_api/upload", method="POST", body=body + b"--x--\r\n" * (kind == FORM), **kind
    )
    assert status == 400
    assert set(Path(get_upload_folder()).rglob("*")) == before


# --- Calls of functions ---------------------------------------------------------------------------


def component(url: str, name: str) -> int:
    found = json.loads(ask(url, "config")[2])["components"]
    return int(next(each["id"] for each in found if each["props"].get("elem_id") == name))


def call(url: str, **asked: Any) -> tuple[int, bytes]:
    body = json.dumps(asked).encode()
    status, _, answer = ask(url, "gradio_api/component_server", method="POST", body=body, **JSON)
    return status, answer


def test_a_function_is_called_by_its_name(url: str) -> None:
    viewer = component(url, "viewer")
    named = {"component_id": viewer, "session_hash": "x"}
    status, body = call(url, data={"case": "none"}, fn_name="answer_one", **named)
    assert (status, json.loads(body)["kind"]) == (200, "unreadable")
    for name in ("get_config", "postprocess", "__init__", "click", "", None, 1, ["answer_one"]):
        assert call(url, data={}, fn_name=name, **named)[0] == 404, name
    for other in (-1, 10**30, None, [viewer], {"a": 1}, str(viewer), 0.5):
        asked = {"component_id": other, "fn_name": "answer_one", "data": {}}
        assert call(url, **asked)[0] == 404, other
    for body in (b"", b"{}", b"[]", b"1", b"[" * 100_000, b"\xff"):
        path = "gradio_api/component_server"
        assert ask(url, path, method="POST", body=body, **JSON)[0] == 400, body[:10]


def test_a_name_of_a_megabyte_keeps_nobody_waiting(url: str) -> None:
    """Gradio would look for it in the component's script, as a regular expression."""
    named = {"component_id": component(url, "viewer"), "data": {}}
    began = time.monotonic()
    assert call(url, fn_name="x" * 900_000, **named)[0] == 404
    assert time.monotonic() - began < 0.5


def test_a_form_for_a_function_leaves_no_file(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gradio would store its files beside the uploads, where they stay if it is broken off."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    address = urlsplit(url)
    with socket.create_connection((str(address.hostname), int(address.port or 0))) as client:
        head = (
            f"POST /gradio_api/component_server HTTP/1.1\r\nHost: {address.netloc}\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 900000\r\n\r\n"
        )
        client.sendall(head.encode() + part('name="a"; filename="a"', bytes(300_000)))
        time.sleep(0.5)
    time.sleep(0.5)
    assert not list(tmp_path.iterdir())


# --- Logs -----------------------------------------------------------------------------------------


def test_who_asks_for_what_is_not_there_leaves_nothing_in_the_log(
    url: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Each would leave six kilobytes of traceback, or the name that a client gave a file."""
    for path in ("queue/data?session_hash=nobody", "call/classify/nobody"):
        assert b"404" in ask(url, f"gradio_api/{path}")[2]
    for path in ("call/nothing", "call/v2/nothing", "call/nothing/1"):
        assert ask(url, f"gradio_api/{path}", method="POST", body=b"{}", **JSON)[0] == 404
    file = {"path": "/ward/Jane Doe.dcm", "meta": {"_type": "gradio.FileData"}}
    for data in ([file, None], [{**file, "meta": 1}, None], [], [file]):
        body = json.dumps({"data": data}).encode()
        _, _, joined = ask(url, "gradio_api/call/classify", method="POST", body=body, **JSON)
        if event := json.loads(joined).get("event_id"):
            assert b"no such upload" in ask(url, f"gradio_api/call/classify/{event}")[2]
    said = "".join(capfd.readouterr())
    assert "Jane" not in said + caplog.text
    assert "Traceback" not in said + caplog.text
