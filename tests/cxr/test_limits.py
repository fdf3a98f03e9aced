"""How much the page takes, of whom, and where uploads go: floods, sizes, paths, addresses."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page
from starlette.testclient import TestClient

from cxr.messages import as_sentence, text
from cxr.page import limits, waiting_turns
from cxr.page.limits import Allowance, Limits
from cxr.page.uploads import delete_old
from cxr.page.waiting_turns import Busy, Turns
from tests.conftest import PAGE_MARKS, ROOT
from tests.cxr.asking import ask, wrapped
from tests.cxr.browser import answered

pytestmark = PAGE_MARKS


# --- How much -------------------------------------------------------------------------------------


def test_uploads_come_back_with_time() -> None:
    now = [0.0]
    allowance = Allowance(burst=3, per_second=2, clock=lambda: now[0])
    assert [allowance.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert allowance.take("b") == 0  # each client has its own
    now[0] = 0.5
    assert [allowance.take("a") for _ in range(2)] == [0, 0.5]
    now[0] = 1000.0
    assert [allowance.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_the_clients_that_are_remembered_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_MAX_CLIENTS", 10)
    allowance = Allowance(burst=1, per_second=0.001)
    for client in range(100):
        assert allowance.take(str(client)) == 0
    assert len(allowance._left) == 10
    assert allowance.take("99") > 0


def limited(**settings: Any) -> TestClient:
    return TestClient(Limits(wrapped([]), **{"file_bytes": 1000, **settings}))


def test_what_is_too_large_is_refused_before_it_is_read() -> None:
    client = limited()
    assert client.post("/gradio_api/upload", content=bytes(1000)).text == "1000"
    refused = client.post("/gradio_api/upload", content=bytes(200_000))
    assert refused.status_code == 413
    assert refused.text == as_sentence(text("request_too_large", "en"))
    assert client.post("/gradio_api/queue/join", content=bytes(1_000_000)).status_code == 200
    french = {"Accept-Language": "fr-FR,fr"}
    refused = client.post("/gradio_api/queue/join", content=bytes(1_000_001), headers=french)
    assert refused.text == as_sentence(text("request_too_large", "fr"))


def test_a_request_that_hides_its_length_is_refused_on_the_way() -> None:
    sent = []

    def pieces() -> Iterator[bytes]:
        for _ in range(50):
            sent.append(1)
            yield bytes(100_000)

    refused = limited().post("/gradio_api/call/classify", content=pieces())
    assert refused.status_code == 413


def test_a_flood_of_uploads_is_told_to_come_later() -> None:
    client = limited(allowance=Allowance(burst=2, per_second=0.001))
    statuses = [client.post("/gradio_api/upload", content=b"x").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    refused = client.post("/gradio_api/upload", content=b"x")
    assert refused.text == as_sentence(text("too_many_uploads", "en"))
    assert int(refused.headers["retry-after"]) >= 1
    assert client.post("/gradio_api/component_server", content=b"x").status_code == 200


def test_no_upload_is_taken_when_the_disk_is_nearly_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_FREE_BYTES", 1 << 62)
    refused = limited().post("/gradio_api/upload", content=b"x")
    assert refused.status_code == 503
    assert refused.text == as_sentence(text("too_many_uploads", "en"))


def test_an_upload_ends_when_the_disk_is_nearly_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many at once would each have found enough when they began."""
    looks = iter((False, True))
    monkeypatch.setattr(limits, "_is_nearly_full", lambda: next(looks))
    content = bytes(limits._LOOK_EVERY)
    refused = limited(file_bytes=len(content)).post("/gradio_api/upload", content=content)
    assert refused.status_code == 503
    assert refused.text == as_sentence(text("too_many_uploads", "en"))


@pytest.mark.parametrize("path", ["call/upload", "run/upload", "stream/upload", "x/upload"])
def test_what_is_named_like_an_upload_is_none(path: str) -> None:
    assert limited().post(f"/gradio_api/{path}", content=bytes(1_000_001)).status_code == 413


def test_the_page_waits_when_it_is_told_to(page: Page, image_file: Path) -> None:
    refusals = [503, 429]

    def refuse(route: Any) -> None:
        if refusals:
            route.fulfill(status=refusals.pop(), body="later")
        else:
            route.continue_()

    page.route("**/gradio_api/upload*", refuse)
    answered(page, image_file)
    assert not refusals


def test_who_finds_many_waiting_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_turns, "_MAX_WAITING", 1)
    taken, leave = threading.Event(), threading.Event()
    few = Turns(1)

    def hold() -> None:
        with few.take():
            taken.set()
            leave.wait(10)

    threads = [threading.Thread(target=hold) for _ in range(2)]  # one holds it, one waits
    for thread in threads:
        thread.start()
    assert taken.wait(10)
    while few._places._value:
        time.sleep(0.01)
    with pytest.raises(Busy), few.take():
        pass
    leave.set()
    for thread in threads:
        thread.join()
    with few.take():
        pass


def test_turns_come_in_the_order_in_which_they_are_asked_for() -> None:
    """Also where somebody asks for the next one at once, as a request with many files does."""
    few = Turns(1)
    order: list[str] = []

    def many() -> None:
        for _ in range(3):
            with few.await_one():
                order.append("many")
                while order == ["many"] and not few._waiting:
                    time.sleep(0.001)

    def one() -> None:
        with few.take():
            order.append("one")

    first = threading.Thread(target=many)
    first.start()
    while not order:
        time.sleep(0.001)
    second = threading.Thread(target=one)
    second.start()
    first.join()
    second.join()
    assert order[:3] == ["many", "one", "many"]


def test_a_turn_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_turns, "_MAX_WAIT", 0.05)
    few = Turns(1)
    with few.await_one():
        for _ in range(10):  # each gives its place back, too
            with pytest.raises(Busy), few.take():
                pass
    with few.take(), pytest.raises(Busy), few.take():
        pass
    with few.take():
        pass


# --- Files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "gradio_api/file=/etc/passwd",
        "gradio_api/file=../../../../etc/passwd",
        "gradio_api/file=..%2f..%2f..%2fetc%2fpasswd",
        "gradio_api/file=app.py",
        "gradio_api/file=cxr/messages.toml",
        "gradio_api/file=http://127.0.0.1:9/",
        "gradio_api/file/etc/passwd",
        "static/../../../../../etc/passwd",
        "static/%2e%2e/%2e%2e/routes.py",
        "assets/%2e%2e/%2e%2e/%2e%2e/routes.py",
        "svelte/../../routes.py",
        "gradio_api/proxy=http://127.0.0.1:9/",
        "gradio_api/proxy=https://elsewhere.hf.space/",
        "monitoring",
        "monitoring/summary",
    ],
)
def test_no_file_and_no_address_is_given_out(url: str, path: str) -> None:
    status, _, body = ask(url, path)
    assert status >= 300
    assert b"root:" not in body
    assert b"import" not in body


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


def test_names_of_uploads_lead_nowhere_else(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(os.environ.get("GRADIO_TEMP_DIR") or Path(limits.get_upload_folder()))
    for name in ("../../x.png", "/etc/x.png", "a\\..\\..\\x.png", "%2e%2e%2fx", "C:x"):
        put = Path(upload(url, name, b"content"))
        assert put.resolve().is_relative_to(folder.resolve()), name
        assert put.is_file()


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "http://127.0.0.1:{port}/x.png",
        "https://127.0.0.1:{port}/",
        "file:///etc/passwd",
    ],
)
def test_a_client_that_names_another_file_or_address_gets_nothing(url: str, path: str) -> None:
    """Gradio would fetch an address for it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        named = {
            "path": path.format(port=server.getsockname()[1]),
            "meta": {"_type": "gradio.FileData"},
        }
        body = json.dumps({"data": [named, None]}).encode()
        kind = {"Content_Type": "application/json"}
        path = "gradio_api/call/classify"
        _, _, joined = ask(url, path, method="POST", body=body, **kind)
        _, _, answer = ask(url, f"{path}/{json.loads(joined)['event_id']}")
        assert b"event: error" in answer or b'"status": "error"' in answer
        assert b"root:" not in answer
        with pytest.raises(TimeoutError):
            server.accept()


POOLS = """
import ctypes, sys, threading
from cxr.page.serving import share_free_memory
if sys.argv[1] == "shared":
    share_free_memory()
libc = ctypes.CDLL(None)
together = threading.Barrier(8)
def take():
    together.wait()
    libc.free(ctypes.c_void_p(libc.malloc(1000)))
    together.wait()
libc.malloc.restype = ctypes.c_void_p
threads = [threading.Thread(target=take) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="not of glibc")
def test_threads_share_the_memory_that_is_free() -> None:
    pools = {}
    for how in ("shared", "not"):
        command = [sys.executable, "-c", POOLS, how]
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        pools[how] = said.count("<heap nr=")
    assert pools["shared"] <= 2 < pools["not"]


def test_uploads_are_deleted_when_they_are_old(tmp_path: Path) -> None:
    old, new = time.time() - 1000, time.time()
    outside = tmp_path / "outside"
    outside.write_bytes(b"kept")
    folder = tmp_path / "uploads"
    # Of tomorrow where the clock was set back since.
    for name, when in (("tmpold", old), ("tmpnew", new), ("tmptomorrow", new + 86_400)):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"part")
        os.utime(folder / name, (when, when))
    for name in ("empty", "full", "older"):
        (folder / name).mkdir()
    for name in ("full/image.png", "older/image.png"):
        (folder / name).write_bytes(b"whole")
    (folder / "link").symlink_to(tmp_path)
    for name in ("empty", "full", "older/image.png", "older", "link"):
        os.utime(folder / name, (old, old), follow_symlinks=False)
    delete_old(folder, age=300)
    left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    assert left == ["full", "full/image.png", "older", "tmpnew"]  # as new as its last change
    assert outside.read_bytes() == b"kept"
