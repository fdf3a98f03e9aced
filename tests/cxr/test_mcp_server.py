"""The tools for assistants, called by the protocol's own client: what they answer and refuse."""

from __future__ import annotations

import base64
import io
import json
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from gradio.mcp import DEFAULT_TEMP_DIR
from gradio.utils import get_upload_folder
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult
from PIL import Image
from playwright.sync_api import Browser, expect

import app
from cxr.classifier import Classifier
from cxr.page import LAUNCH_SETTINGS, build_page, in_time, serving
from cxr.page.mcp_server import mcp_settings
from cxr.page.waiting_turns import Turns
from cxr.reading.radiograph import read_radiograph
from tests.conftest import PAGE_MARKS, run_loop
from tests.cxr.asking import ask

pytestmark = PAGE_MARKS
PATH = "gradio_api/mcp"


@pytest.fixture(scope="module")
def mcp_url(tiny_classifier: Classifier) -> Iterator[str]:
    """A page with the tools."""
    tools = mcp_settings(tiny_classifier, turns=Turns(2))
    kwargs = {**LAUNCH_SETTINGS["app_kwargs"], **tools}
    settings = {**LAUNCH_SETTINGS, "server_name": "127.0.0.1", "app_kwargs": kwargs}
    page = build_page(tiny_classifier)
    with serving.served(page, settings):
        yield page.local_url


def data_uri(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"


def call(url: str, *calls: tuple[str, dict[str, Any]]) -> list[CallToolResult]:
    """What the tools say, in one session."""

    async def session() -> list[CallToolResult]:
        async with (
            streamable_http_client(f"{url}{PATH}") as (read, write, _),
            ClientSession(read, write) as client,
        ):
            await client.initialize()
            return [await client.call_tool(name, arguments) for name, arguments in calls]

    return run_loop(session())


def said(result: CallToolResult) -> str:
    (content,) = result.content
    assert content.type == "text"
    return content.text


def test_the_tools_are_three_and_described(mcp_url: str) -> None:
    async def listed() -> list[Any]:
        async with (
            streamable_http_client(f"{mcp_url}{PATH}") as (read, write, _),
            ClientSession(read, write) as client,
        ):
            await client.initialize()
            return list((await client.list_tools()).tools)

    tools = {tool.name: tool for tool in run_loop(listed())}
    assert tools.keys() == {"classify", "heatmap", "overlay"}
    for tool in tools.values():
        assert "no medical device" in tool.description
        assert tool.inputSchema["required"] == ["image"]
        assert tool.inputSchema["properties"]["image"]["type"] == "string"
    threshold = tools["classify"].inputSchema["properties"]["threshold"]
    assert (threshold["type"], threshold["minimum"], threshold["maximum"]) == ("number", 0, 1)


def test_a_radiograph_is_answered_and_leaves_nothing(
    mcp_url: str, image_file: Path, gradient_file: Path, tiny_classifier: Classifier
) -> None:
    mark = secrets.token_bytes(16)  # at the end of a PNG, nobody minds it
    image_file.write_bytes(image_file.read_bytes() + mark)
    image = data_uri(image_file)
    one, other, refused, overlay, heatmap, none = call(
        mcp_url,
        ("classify", {"image": image}),
        ("classify", {"image": image, "threshold": 0.2}),
        ("classify", {"image": data_uri(gradient_file)}),
        ("overlay", {"image": image}),
        ("heatmap", {"image": image}),
        ("overlay", {"image": data_uri(gradient_file)}),
    )
    answer = tiny_classifier.predict(read_radiograph(image_file))
    record = json.loads(said(one))
    assert record["status"] == "ok"
    assert record["probability"] == pytest.approx(answer.probability, abs=1e-5)
    assert json.loads(said(other))["label"] == answer.verdict(0.2)
    assert json.loads(said(refused))["status"] == "refused"
    sizes = []
    for result in (overlay, heatmap):
        (content,) = result.content
        assert content.type == "image"
        sizes.append(Image.open(io.BytesIO(base64.b64decode(content.data))))
    assert sizes[0].width == 480  # the least for a caption that can be read
    grey = np.asarray(sizes[1], np.float32) / 255
    np.testing.assert_allclose(grey, answer.heatmap, atol=0.003)
    assert none.isError
    assert "The lungs could not be found" in said(none)
    for folder in {get_upload_folder(), DEFAULT_TEMP_DIR}:  # where Gradio keeps what it is sent
        assert not any(ends_with(path, mark) for path in Path(folder).rglob("*"))


def ends_with(path: Path, mark: bytes) -> bool:
    try:
        return path.read_bytes().endswith(mark)
    except OSError:  # a folder, or deleted meanwhile: other tests use it, too
        return False


def test_no_path_is_read_and_no_address_is_fetched(mcp_url: str, image_file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/image.png"
        images: list[Any] = [
            str(image_file),
            image_file.as_uri(),
            address,
            f"data:image/png;base64,{address}",
            "data:image/png,plain",
            {"path": str(image_file), "meta": {"_type": "gradio.FileData"}},
            {"path": address, "url": address, "meta": {"_type": "gradio.FileData"}},
            [address],
            None,
        ]
        calls = [(name, {"image": image}) for image in images for name in ("classify", "overlay")]
        for asked, result in zip(calls, call(mcp_url, *calls), strict=True):
            assert result.isError, asked
        with pytest.raises(TimeoutError):
            server.accept()


def test_odd_calls_are_refused(mcp_url: str, image_file: Path, tmp_path: Path) -> None:
    image = data_uri(image_file)
    for result in call(
        mcp_url,
        ("classify", {"image": image, "threshold": 2}),
        ("classify", {"image": image, "threshold": float("nan")}),
        ("classify", {"image": image, "path": str(image_file)}),
        ("classify", {}),
        ("classify_batch", {"images": [image]}),
        ("answer_one", {"image": image}),
    ):
        assert result.isError, result
    noise = np.random.default_rng(0).integers(0, 256, (1200, 1200), np.uint8)
    large = tmp_path / "noise.png"
    Image.fromarray(noise).save(large)
    assert large.stat().st_size > 1_000_000  # more than other requests without a file may have
    unreadable, refused = call(
        mcp_url,
        ("classify", {"image": "data:;base64,AAAA"}),
        ("classify", {"image": data_uri(large)}),
    )
    assert json.loads(said(unreadable))["status"] == "error"
    assert json.loads(said(refused))["status"] == "refused"


def test_a_radiograph_as_large_as_is_promised_is_taken(mcp_url: str, image_file: Path) -> None:
    large = image_file.with_name("large.png")
    large.write_bytes(image_file.read_bytes() + bytes(13_900_000 - image_file.stat().st_size))
    (answer,) = call(mcp_url, ("classify", {"image": data_uri(large)}))
    assert json.loads(said(answer))["status"] == "ok"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[" * 100_000,
        b"[]",
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "\x1b[31mJane Doe"}).encode(),
        json.dumps(
            {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": [[]] * 2000}
        ).encode(),
    ],
    ids=["no JSON", "deep", "no object", "no method", "many values"],
)
def test_what_no_client_sends_does_not_reach_the_library(
    mcp_url: str, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    kind = {"Content_Type": "application/json", "Accept": "application/json, text/event-stream"}
    status, _, said = ask(mcp_url, PATH, method="POST", body=body, **kind)
    assert status == 400
    assert said.startswith(b"Expected")
    assert not caplog.text


def test_browsers_get_no_page_there_and_other_sites_nothing(mcp_url: str) -> None:
    for path in (PATH, f"{PATH}/%3C/script%3E%3Cscript%3Ealert(1)%3C/script%3E/{PATH}"):
        status, _, body = ask(mcp_url, path, Accept="text/html")
        assert status in (404, 405)
        assert b"alert(1)" not in body
    assert ask(mcp_url, f"{PATH}/sse")[0] == 404
    kind = {"Content_Type": "application/json", "Accept": "application/json, text/event-stream"}
    listing = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).encode()
    assert ask(mcp_url, PATH, method="POST", body=listing, **kind)[0] == 200
    for named in ({"Origin": "https://elsewhere.example"}, {"Host": "elsewhere.example"}):
        assert ask(mcp_url, PATH, method="POST", body=listing, **kind, **named)[0] == 403
    assert ask(mcp_url, PATH, method="POST", **kind, Content_Length="20000001")[0] == 413


def test_a_client_that_asks_for_a_stream_is_told_that_there_is_none(mcp_url: str) -> None:
    for method in ("GET", "DELETE"):
        status, headers, _ = ask(mcp_url, PATH, method=method, Accept="text/event-stream")
        assert (status, headers["allow"]) == (405, "POST")


def test_the_log_does_not_quote_clients(mcp_url: str, caplog: pytest.LogCaptureFixture) -> None:
    kind = {"Content_Type": "application/json", "Accept": "application/json, text/event-stream"}
    named = {"name": "patient Jane Doe", "arguments": {}}
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": named}
    ask(mcp_url, PATH, method="POST", body=json.dumps(asked).encode(), **kind)
    asked = {"jsonrpc": "2.0", "id": 1, "method": "patients/Jane", "params": named}
    ask(mcp_url, PATH, method="POST", body=json.dumps(asked).encode(), **kind)
    assert "Jane" not in caplog.text


def test_slow_clients_keep_nobody_from_the_tools(
    mcp_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixteen that send a byte now and then; somebody else is answered, and they are sent away."""
    monkeypatch.setattr(in_time, "_SECONDS", 1.5)
    address = urlsplit(mcp_url)
    head = f"POST /{PATH} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json"
    head += "\r\nAccept: application/json, text/event-stream\r\nContent-Length: 1000\r\n\r\n"
    listing = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    whole = head.replace("1000", str(len(listing))) + listing

    def connect(ours: str = "127.0.0.1") -> socket.socket:
        where = (str(address.hostname), address.port or 80)
        return socket.create_connection(where, timeout=10, source_address=(ours, 0))

    def answer(connection: socket.socket) -> bytes:
        return connection.recv(12).removeprefix(b"HTTP/1.1 ")

    with ExitStack() as stack:
        slow = [stack.enter_context(connect()) for _ in range(16)]
        for connection in slow:
            connection.sendall(f"{head}{{".encode())
        statuses = [answer(connection) for connection in slow[8:]]
        assert statuses == [b"503"] * 8  # a client has half of the places
        other = stack.enter_context(connect("127.0.0.2"))
        other.sendall(whole.encode())
        assert answer(other) == b"200"
        for _ in range(3):
            for connection in slow[:8]:
                connection.sendall(b" ")
            time.sleep(0.1)
        assert [answer(connection) for connection in slow[:8]] == [b"408"] * 8
        again = stack.enter_context(connect())
        again.sendall(whole.encode())
        assert answer(again) == b"200"


def test_it_is_off_unless_asked_for(
    tiny_classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_MCP_SERVER", "true")
    page = build_page(tiny_classifier)
    with serving.served(page, {**LAUNCH_SETTINGS, "server_name": "127.0.0.1"}):
        status, _, _ = ask(page.local_url, PATH, method="POST", body=b"{}")
        assert status in (404, 405)
        assert page.mcp_server_obj is None
    assert serving.BASE_SETTINGS["mcp_server"] is False  # of the studio, too


def test_a_missing_package_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    assert app.main(["--no-browser", "--mcp"]) == 2
    assert "mcp: not installed. The option --mcp needs" in capsys.readouterr().err


def test_the_page_on_the_api_lists_the_tools_and_how_to_reach_them(
    browser: Browser, mcp_url: str
) -> None:
    page = browser.new_page(locale="en-GB")
    page.goto(mcp_url)
    page.locator("#api button").click()
    documented = page.locator(".api-docs")
    for said in ("classify", "no medical device", f'"url": "{mcp_url}{PATH}/"'):
        expect(documented).to_contain_text(said, timeout=30_000)
    assert "upload_files_to_gradio" not in documented.inner_text()  # of Gradio's own tools
    page.close()
