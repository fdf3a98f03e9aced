"""What the page refuses: other hosts and sites, foreign scripts, floods, paths, markup in names."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from cxr.messages import as_sentence, text
from cxr.page import limits, turns
from cxr.page.defences import defences
from cxr.page.limits import Allowance, Limits
from cxr.page.turns import Busy, Turns
from cxr.page.uploads import delete_left
from tests.conftest import PAGE_MARKS
from tests.cxr.browser import EN, answered

pytestmark = PAGE_MARKS
MARKUP = '<img src=x onerror="document.title=1"><b>=1+2'  # a file name: no slash


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


# --- Names of hosts -------------------------------------------------------------------------------


def test_the_page_answers_only_to_its_own_names(url: str) -> None:
    port = urlsplit(url).port
    assert ask(url, Host=f"localhost:{port}")[0] == 200
    for name in ("elsewhere.example", f"127.0.0.1.elsewhere.example:{port}", "", "[", "@localhost"):
        assert ask(url, Host=name)[0] in (400, 403), name


def test_other_sites_change_nothing(url: str) -> None:
    body = json.dumps({"fn_name": "answer_one", "component_id": 1, "data": {}}).encode()
    path = "gradio_api/component_server"
    for origin in ("https://elsewhere.example", "null", "http://["):
        assert ask(url, path, method="POST", body=body, Origin=origin)[0] == 403
    asked = ask(url, "gradio_api/upload", method="POST", body=b"", Origin=url.rstrip("/"))
    assert asked[0] != 403


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({}, 403),
        ({"server_name": "localhost"}, 403),
        ({"server_name": "::"}, 200),  # others reach it by names that are not known
        ({"share": True}, 200),
    ],
)
def test_where_other_names_are_refused(settings: dict[str, Any], status: int) -> None:
    client = TestClient(wrapped(defences(settings)), base_url="http://elsewhere.example")
    assert client.get("/").status_code == status
    proxied = wrapped(defences(settings, host_names=("elsewhere.example",)))
    assert TestClient(proxied, base_url="http://elsewhere.example").get("/").status_code == 200


def test_a_space_is_reached_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "me/demo")
    client = TestClient(wrapped(defences({})), base_url="http://me-demo.hf.space")
    answer = client.get("/")
    assert answer.status_code == 200
    assert "https://huggingface.co" in answer.headers["content-security-policy"]


def wrapped(middleware: list[Any]) -> ASGIApp:
    """What reads a request whole, behind these."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = await Request(scope, receive).body()
        await PlainTextResponse(f"{len(body)}")(scope, receive, send)

    found: ASGIApp = app
    for each in reversed(middleware):
        found = each.cls(found, **each.kwargs)
    return found


# --- Scripts and other hosts ----------------------------------------------------------------------


def test_the_policy_allows_no_other_host_and_no_script_of_strangers(url: str) -> None:
    _, headers, page = ask(url)
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert "'unsafe-inline'" not in policy["script-src"]
    assert not [name for name, sources in policy.items() if "//" in sources or "*" in sources]
    nonce = policy["script-src"].split("'nonce-")[1].split("'")[0]
    assert page.count(b"<script") == page.count(f'<script nonce="{nonce}"'.encode()) > 3
    assert nonce not in ask(url)[1]["content-security-policy"]  # another one each time
    for path in ("", "config", "gradio_api/info", "nowhere"):
        assert ask(url, path)[1]["x-content-type-options"] == "nosniff"


def test_a_name_with_markup_is_text_and_runs_nothing(
    browser: Browser, url: str, image_file: Path, tmp_path: Path
) -> None:
    """In viewer and list; and where markup gets in all the same, its script does not run."""
    context = browser.new_context()
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    page.wait_for_selector(".invitation strong")
    named = tmp_path / f"{MARKUP}.png"
    named.write_bytes(image_file.read_bytes())
    answered(page, named)
    expect(page.locator(".verdict .name").first).to_have_text(named.name)
    with page.expect_download() as waiting:
        page.evaluate(
            """name => cxrFiles.downloadTable("t.csv", ["file"], [{ file: name }])""",
            "=HYPERLINK(1)",
        )
    assert "'=HYPERLINK(1)" in Path(waiting.value.path()).read_text(encoding="utf-8-sig")
    archive = tmp_path / "images.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(image_file, f"ward/{MARKUP}.png")
        absolute = zipfile.ZipInfo()
        absolute.filename = "/etc/passwd"
        packed.writestr(absolute, image_file.read_bytes())
        packed.write(image_file, "../../up.png")  # left out, like all that begins with a dot
    page.locator("[data-view=many]").click()
    page.set_input_files(".pick-files", archive)
    expect(page.locator("#many tbody tr")).to_have_count(2, timeout=20_000)
    names = sorted(page.locator("#many tbody .file").all_inner_texts())
    assert names == sorted([f"ward/{MARKUP}.png", "/etc/passwd"])
    assert page.locator("#many tbody .file img, .verdict .name img").count() == 0
    assert not said
    # What the policy is for: an event handler and a script that got into the page.
    page.evaluate(
        """markup => { document.body.insertAdjacentHTML("beforeend", markup);
            const script = document.createElement("script");
            script.textContent = "document.title = 2"; document.body.append(script);
            fetch("http://127.0.0.1:9/").catch(() => 0); }""",
        MARKUP,
    )
    page.wait_for_timeout(300)
    assert page.title() == EN["title"]
    assert len([line for line in said if "Content Security Policy" in line]) >= 3
    assert not [a for a in asked if not a.startswith((url, "data:", "blob:"))]
    context.close()


def test_no_view_asks_other_hosts_or_breaks_the_policy(
    browser: Browser, url: str, image_file: Path
) -> None:
    context = browser.new_context(locale="fr-FR")
    page = context.new_page()
    asked: list[str] = []
    refused: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on(
        "console",
        lambda message: "Security" in message.text and refused.append(message.text),  # type: ignore[func-returns-value]
    )
    page.goto(url)
    page.wait_for_selector(".invitation strong")
    answered(page, image_file)
    with page.expect_download():
        page.locator("[data-keep=report]").first.click()
    for view in ("many", "about", "one"):
        page.locator(f"[data-view={view}]").click()
    page.locator("footer button").first.click()  # the description of the endpoints
    page.wait_for_timeout(500)
    assert not [a for a in asked if not a.startswith((url, "data:", "blob:"))]
    assert not refused
    context.close()


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
    monkeypatch.setattr(turns, "_MAX_WAITING", 1)
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
        status, _, answer = ask(url, "gradio_api/run/classify", method="POST", body=body, **kind)
        assert status >= 400 or json.loads(answer)["data"][0]["status"] == "error"
        assert b"root:" not in answer
        with pytest.raises(TimeoutError):
            server.accept()


def test_what_is_left_of_broken_uploads_is_deleted(tmp_path: Path) -> None:
    old, new = time.time() - 1000, time.time()
    outside = tmp_path / "outside"
    outside.write_bytes(b"kept")
    folder = tmp_path / "uploads"
    # Of tomorrow where the clock was set back since.
    for name, when in (("tmpold", old), ("tmpnew", new), ("tmptomorrow", new + 86_400)):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"part")
        os.utime(folder / name, (when, when))
    for name in ("empty", "full"):
        (folder / name).mkdir()
    (folder / "full" / "image.png").write_bytes(b"whole")
    (folder / "link").symlink_to(tmp_path)
    for name in ("empty", "full", "link"):
        os.utime(folder / name, (old, old), follow_symlinks=False)
    delete_left(folder, age=300)
    assert sorted(path.name for path in folder.iterdir()) == ["full", "tmpnew"]
    assert outside.read_bytes() == b"kept"
