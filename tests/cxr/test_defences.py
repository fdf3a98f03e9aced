"""What the page refuses: other hosts and sites, foreign scripts, markup in names."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from cxr.page.defences import defences
from tests.conftest import PAGE_MARKS
from tests.cxr.asking import ask, wrapped
from tests.cxr.browser import EN, answered

pytestmark = PAGE_MARKS
MARKUP = '<img src=x onerror="document.title=1"><b>=1+2'  # a file name: no slash


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
    port = urlsplit(url).port
    for origin in ("http://localhost:3000", "http://127.0.0.1", f"http://127.0.0.1:{port}0"):
        assert ask(url, path, method="POST", body=body, Origin=origin)[0] == 403, origin
    asked = ask(url, "gradio_api/upload", method="POST", body=b"", Origin=url.rstrip("/"))
    assert asked[0] != 403


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 200),
        ("https://studio.example", 200),
        ("https://elsewhere.example", 403),
        ("https://home.studio.example", 403),
        ("http://[", 403),
    ],
)
def test_scripts_of_other_sites_do_nothing_where_somebody_is_logged_in(
    origin: str | None, status: int
) -> None:
    settings = {"server_name": "0.0.0.0", "auth": ("studio", "secret")}  # noqa: S104
    client = TestClient(wrapped(defences(settings)), base_url="https://studio.example")
    headers = {} if origin is None else {"Origin": origin}
    assert client.get("/", headers=headers).status_code == status
    assert (client.post("/", headers=headers).status_code == 403) == (status == 403)


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
    written = wrapped(defences(settings, host_names=("Elsewhere.Example",)))
    assert TestClient(written, base_url="http://elsewhere.example").get("/").status_code == 200


def test_a_space_is_reached_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "me/demo")
    client = TestClient(wrapped(defences({})), base_url="http://me-demo.hf.space")
    answer = client.get("/")
    assert answer.status_code == 200
    assert "https://huggingface.co" in answer.headers["content-security-policy"]


# --- Scripts and other hosts ----------------------------------------------------------------------


def test_the_policy_allows_no_other_host_and_no_script_of_strangers(url: str) -> None:
    _, headers, page = ask(url)
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert "'unsafe-inline'" not in policy["script-src"]
    hosts = {name: re.sub(r"'sha256-[^']+'", "", sources) for name, sources in policy.items()}
    assert not [name for name, sources in hosts.items() if "//" in sources or "*" in sources]
    nonce = policy["script-src"].split("'nonce-")[1].split("'")[0]
    assert page.count(b"<script") == page.count(f'<script nonce="{nonce}"'.encode()) > 3
    assert nonce not in ask(url)[1]["content-security-policy"]  # another one each time
    for path in ("", "config", "gradio_api/info", "nowhere"):
        assert ask(url, path)[1]["x-content-type-options"] == "nosniff"


def test_an_answer_that_failed_has_the_headers_too() -> None:
    def fail(_: Request) -> Response:
        raise RuntimeError("for a test")

    app = Starlette(routes=[Route("/", fail)], middleware=defences({"share": True}))
    answer = TestClient(app, raise_server_exceptions=False).get("/")
    assert (answer.status_code, answer.text) == (500, "The page failed at this request.")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    with pytest.raises(RuntimeError, match="for a test"):  # which the log tells the operator
        TestClient(app).get("/")


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
        packed.write(image_file, "../../up.png")
    page.locator("nav [data-view=many]").click()
    page.set_input_files(".pick-files", archive)
    expect(page.locator("#many tbody tr")).to_have_count(3, timeout=20_000)
    names = sorted(page.locator("#many tbody .file").all_inner_texts())
    assert names == sorted([f"ward/{MARKUP}.png", "etc/passwd", "up.png"])
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
        page.locator(f"nav [data-view={view}]").click()
    page.locator("#api button").click()  # the description of the endpoints
    page.wait_for_selector(".api-docs")
    page.wait_for_timeout(500)
    assert not [a for a in asked if not a.startswith((url, "data:", "blob:"))]
    assert not refused
    context.close()
