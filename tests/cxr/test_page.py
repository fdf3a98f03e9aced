"""The page as a whole: languages, privacy, accessibility, phones, HTTP, and `python app.py`."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from html import escape, unescape
from pathlib import Path
from typing import Literal
from urllib.request import Request, urlopen

import cv2
import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, Error, Page, expect

import app
from cxr.classifier import Classifier
from cxr.language import Language
from cxr.messages import text
from cxr.model.bundle import Bundle, load_bundle
from cxr.page.preview import PICTURE_SIZE
from cxr.reading.radiograph import read_radiograph
from tests.conftest import BROWSERS, PAGE_MARKS, ROOT
from tests.cxr.browser import (
    ANSWERED,
    EN,
    FR,
    answered,
    choose,
    number_in,
    served,
    violations,
)
from tests.loopback_hub import LoopbackHub
from training.sharing.publish import publish

pytestmark = PAGE_MARKS


def test_the_browsers_language_and_a_switch(browser: Browser, url: str, image_file: Path) -> None:
    context = browser.new_context(locale="fr-FR", viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector(".invitation strong")
    expect(page.locator("#header h1")).to_have_text(FR["title"])
    expect(page).to_have_title(FR["title"])
    answered(page, image_file)
    expect(page.locator(".thousand summary")).to_have_text(FR["thousand_title"])
    expect(page.locator(".checks-box")).to_contain_text("les poumons")
    expect(page.locator("#api button")).to_have_text(FR["use_api"])
    assert page.evaluate("document.documentElement.lang") == "fr"
    page.locator(".language").click()
    expect(page.locator("#header h1")).to_have_text(EN["title"])
    expect(page).to_have_title(EN["title"])
    expect(page.locator(".thousand summary")).to_have_text(EN["thousand_title"])
    shown = page.locator("body").inner_text().replace(EN["other_language"], "")
    assert EN["use_api"] in shown
    for word in ("Seuil", "Pneumonie sur", "Choisir", "radiographie", "Modèle"):
        assert word not in shown
    context.close()


def test_the_page_has_an_icon_and_can_be_installed(url: str) -> None:
    with urlopen(f"{url}manifest.json") as answer:  # noqa: S310  # loopback
        manifest = json.load(answer)
    assert manifest["name"] == EN["title"]
    assert manifest["description"] == EN["link_preview"]
    asked = Request(f"{url}manifest.json", headers={"Accept-Language": "fr"})  # noqa: S310
    with urlopen(asked) as answer:  # noqa: S310
        assert json.load(answer)["short_name"] == FR["title_short"]
    with urlopen(f"{url}{manifest['icons'][0]['src']}") as answer:  # noqa: S310
        assert answer.read().startswith(b"<svg")


def test_an_installed_page_starts(browser: Browser, url: str, tmp_path: Path) -> None:
    """In a window of its own, as an installed page has it; and it can be installed."""
    context = browser.browser_type.launch_persistent_context(
        tmp_path,
        executable_path=next(filter(None, map(shutil.which, BROWSERS)), None),
        args=["--no-sandbox", f"--app={url}"],
        locale="en-GB",
    )
    (page,) = context.pages
    page.wait_for_selector(".invitation strong")
    assert page.evaluate("matchMedia('(display-mode: standalone)').matches")
    devtools = context.new_cdp_session(page)
    assert devtools.send("Page.getAppManifest")["errors"] == []
    assert devtools.send("Page.getInstallabilityErrors")["installabilityErrors"] == []
    answered(page, ROOT / "examples" / "hila.jpeg")
    context.close()


@pytest.mark.parametrize(
    ("headers", "language", "root"),
    [
        ({}, "en", None),
        ({"Accept-Language": "fr-CH, en", "X-Forwarded-Proto": "https"}, "fr", "https://127.0.0.1"),
        ({"X-Forwarded-Host": 'a.example"><script>'}, "en", "http://a.example"),
    ],
)
def test_a_shared_link_shows_what_it_leads_to(
    url: str, headers: dict[str, str], language: Language, root: str | None
) -> None:
    with urlopen(Request(f"{url}?case=hila", headers=headers)) as answer:  # noqa: S310
        head = answer.read().decode().partition("<style>")[0]
    tags = dict(re.findall(r'<meta (?:property|name)="([^"]+)" content="([^"]*)">', head))
    assert unescape(tags["og:title"]) == unescape(tags["twitter:title"]) == text("title", language)
    assert unescape(tags["og:description"]) == text("link_preview", language)
    assert unescape(tags["description"]) == text("link_preview", language)
    assert f"<title>{escape(text('title', language))}</title>" in head
    assert tags["twitter:card"] == "summary_large_image"
    assert tags["og:image"] == tags["twitter:image"]
    assert tags["og:image"].startswith(root or url)
    assert "<script>" not in head
    assert head.count('og:title"') == head.count('og:image"') == 1  # Gradio's are gone
    with urlopen(f"{url}preview.jpg") as answer:  # noqa: S310
        assert answer.headers["Content-Type"] == "image/jpeg"
        picture = cv2.imdecode(np.frombuffer(answer.read(), np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape[1::-1] == PICTURE_SIZE


def test_about_the_model(page: Page) -> None:
    page.locator("[data-view=about]").click()
    expect(page.locator("#card h1")).to_have_text("tiny")
    expect(page.get_by_role("img", name=EN["roc_label"])).to_be_visible()
    curves = page.get_by_role("img", name=EN["threshold_label"])
    expect(curves.locator("text")).to_contain_text(["100%", "0.75"])  # thresholds as elsewhere
    expect(page.locator("#one-view")).to_be_hidden()


def test_the_documented_endpoint(
    url: str, image_file: Path, gradient_file: Path, tiny_classifier: Classifier
) -> None:
    client = Client(url, verbose=False)
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    assert endpoints.keys() == {"/classify", "/classify_batch", "/heatmap", "/overlay"}
    for endpoint in endpoints.values():
        assert endpoint["description"]
    line = client.predict(handle_file(image_file), 0.2, api_name="/classify")
    answer = tiny_classifier.predict(read_radiograph(image_file))
    assert line["file"] == "image.png"
    assert line["status"] == "ok"
    assert line["probability"] == pytest.approx(answer.probability, abs=1e-5)
    assert line["label"] == answer.verdict(0.2)
    refused = client.predict(handle_file(gradient_file), api_name="/classify")
    assert refused["status"] == "refused"
    assert refused["threshold"] == 0.5
    with pytest.raises(AppError, match="from 0 to 1"):
        client.predict(handle_file(image_file), 2, api_name="/classify")


def test_every_endpoint_is_described_with_an_example_that_runs(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with urlopen(f"{url}gradio_api/info") as answer:  # noqa: S310  # loopback
        endpoints = json.load(answer)["named_endpoints"]
    monkeypatch.chdir(ROOT)  # where the radiographs of the examples are
    for name, endpoint in endpoints.items():
        assert ". Returns " in endpoint["description"]
        for parameter in endpoint["parameters"]:
            kind = {"image": "filepath", "images": "list[filepath]", "threshold": "float"}
            assert parameter["python_type"]["type"] == kind[parameter["parameter_name"]]
            said = parameter["python_type"]["description"]
            assert said[0].isupper(), said
            assert said.endswith(".")
        exec(endpoint["code_snippets"]["python"], {})  # noqa: S102  # as the page shows it
        printed = capsys.readouterr().out
        results = {
            "/classify": "'file': 'hila.jpeg'",
            "/classify_batch": "'file': 'dicom.dcm'",
            "/heatmap": "'npy': '",
            "/overlay": "'png': '",
        }
        assert results[name] in printed


def test_the_page_on_the_api_can_be_read(browser: Browser, url: str) -> None:
    for scheme in ("light", "dark"):
        page = browser.new_page(locale="en-GB", color_scheme=scheme)
        page.goto(url)
        page.locator("#api button").click()
        documented = page.locator(".api-docs")
        expect(documented).to_contain_text("handle_file('examples/hila.jpeg')", timeout=30_000)
        expect(documented.get_by_text("cURL", exact=True)).to_be_visible()
        expect(documented.get_by_text("MCP", exact=True)).to_be_hidden()  # only with --mcp
        assert [found for found in violations(page) if found[0] == "color-contrast"] == []
        page.close()


def test_a_batch_heatmap_and_overlay_over_http(
    url: str, image_file: Path, gradient_file: Path, tiny_classifier: Classifier
) -> None:
    client = Client(url, verbose=False)
    files = [handle_file(image_file), handle_file(gradient_file)]
    batch = client.predict(files, 0.2, api_name="/classify_batch")
    assert [record["status"] for record in batch] == ["ok", "refused"]
    assert batch[0]["file"] == "image.png"
    with pytest.raises(AppError, match="a list of 1 to 100 files"):
        client.predict([], api_name="/classify_batch")

    answer = tiny_classifier.predict(read_radiograph(image_file))
    sent = client.predict(files[0], api_name="/heatmap")
    heatmap = np.load(io.BytesIO(base64.b64decode(sent["npy"])))
    np.testing.assert_allclose(heatmap, answer.heatmap, atol=1e-5)
    picture = np.frombuffer(base64.b64decode(sent["png"]), np.uint8)
    assert cv2.imdecode(picture, cv2.IMREAD_UNCHANGED).shape == (180, 240)
    sent = client.predict(files[0], api_name="/overlay")
    overlay = np.frombuffer(base64.b64decode(sent["png"]), np.uint8)
    height, width, _ = cv2.imdecode(overlay, cv2.IMREAD_COLOR).shape
    assert width == 240
    assert height > 180
    with pytest.raises(AppError, match=r"gradient\.png: .*Two lung fields could not be found"):
        client.predict(files[1], api_name="/overlay")


@pytest.mark.slow
def test_fifty_images_at_once_are_all_answered(url: str, image_file: Path) -> None:
    client = Client(url, verbose=False)
    jobs = [client.submit(handle_file(image_file), api_name="/classify") for _ in range(50)]
    assert {job.result(timeout=120)["status"] for job in jobs} == {"ok"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(
    browser: Browser, url: str, image_file: Path, scheme: Literal["light", "dark"]
) -> None:
    """Contrast, labels and roles: no violation that axe knows of WCAG 2.1 A and AA."""
    context = browser.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector(".invitation strong")
    answered(page, image_file)
    page.keyboard.press("h")
    for summary in page.locator("summary:visible").all():
        summary.click()
    found = violations(page)
    page.set_input_files(".pick-files", image_file)
    for view in ("many", "about"):
        page.locator(f"[data-view={view}]").click()
        found += violations(page)
    assert found == []
    context.close()


# Whether words of an element's text are within its box, and not cut off below.
_IS_IN_SIGHT = """
([selector, words]) => {
  const element = document.querySelector(selector);
  const node = element.firstElementChild.firstChild;
  const range = document.createRange();
  const start = node.data.replaceAll("\\u00a0", " ").indexOf(words);
  range.setStart(node, start);
  range.setEnd(node, start + words.length);
  return range.getBoundingClientRect().bottom <= element.getBoundingClientRect().bottom + 1;
}
"""


def test_a_phone_shows_it_without_scrolling_sideways(page: Page, image_file: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    answered(page, image_file)
    # Radiograph and verdict are within one screen.
    for part in (".stage", ".verdict"):
        box = page.locator(part).bounding_box()
        assert box
        assert box["y"] + box["height"] <= 844
    page.set_input_files(".pick-files", image_file)
    for language, ages in (("en", "1–5 years"), ("fr", "1 à 5 ans")):
        assert page.evaluate(_IS_IN_SIGHT, ["#disclaimer", ages]), language
        for view in ("one", "many", "about"):
            page.locator(f"[data-view={view}]").click()
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= 390, (language, view)
        page.locator(".language").click()


# Embeds the page as the Hub does: the frame becomes as high as its content says, in messages of
# iframe-resizer.
_EMBEDDING = """<body><iframe src="{address}?case=hila" allow="local-network-access"
  style="width: 100%; height: 600px; border: 0"></iframe>
<script>
  const frame = document.querySelector("iframe");
  const begin = "[iFrameSizer]f:8:false:false:32:true:true:null:bodyOffset:null:null:0:false:parent"
    + ":scroll:false";
  const asked = setInterval(() => frame.contentWindow.postMessage(begin, "*"), 200);
  addEventListener("message", ({{ data }}) => {{
    if (!String(data).startsWith("[iFrameSizer]")) return;
    clearInterval(asked);
    const [, height, , kind] = data.slice(13).split(":");
    if (Number(height) && kind !== "autoResize") frame.style.height = `${{height}}px`;
  }});
</script>"""


def test_the_hub_embeds_a_space_and_other_sites_do_not(
    browser: Browser, tiny_classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACE_ID", "me/demo")
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    with contextlib.suppress(Error):  # browsers that do not know it ask for none
        context.grant_permissions(["local-network-access"])
    page = context.new_page()
    with served(tiny_classifier) as address:
        body = _EMBEDDING.format(address=address)
        page.route(
            re.compile(r"https://(huggingface\.co|elsewhere\.example)/"),
            lambda route: route.fulfill(content_type="text/html", body=body),
        )
        page.goto("https://huggingface.co/")
        embedded = page.frame_locator("iframe")
        embedded.locator(ANSWERED).wait_for()
        expect(embedded.locator(".verdict .name")).to_have_text("hila.jpeg")
        # The frame allows no full screen, so there is no button for it.
        expect(embedded.locator("#viewer [data-tool=full]")).to_have_count(0)
        # Frame and radiograph do not make each other higher and higher.
        page.wait_for_timeout(700)
        frame, stage = page.locator("iframe").bounding_box(), embedded.locator(".stage")
        assert frame
        assert 600 < frame["height"] < 2000
        shown = stage.first.bounding_box()
        assert shown
        assert shown["height"] < 720
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
        with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
            page.goto("https://elsewhere.example/")
        context.close()


def serve(*arguments: object, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "app.py", "--no-browser", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_the_page_answers_and_nothing_is_left_of_the_uploads(
    browser: Browser, data: Path, tmp_path: Path
) -> None:
    """`python app.py`, real radiographs, and nothing left of them when it has ended."""
    images = sorted((data / "originals" / "PNEUMONIA").iterdir())[:2]
    # A proxy in between, as in many hospitals, is not asked for the page.
    with serve(TMPDIR=str(tmp_path), HTTP_PROXY="http://127.0.0.1:9", NO_PROXY="") as process:
        try:
            line = process.stdout.readline()  # type: ignore[union-attr]
            address = re.fullmatch(r"Page: (http://\S+)\n", line)
            assert address, line
            context = browser.new_context()
            page = context.new_page()
            page.goto(address[1])
            page.wait_for_selector(".invitation strong")
            choose(page, images[0])
            choose(page, images[1])  # before the first is answered: the last one is shown
            expect(page.locator(".verdict .name")).to_have_text(images[1].name, timeout=90_000)
            expect(page.locator("#status")).to_contain_text(load_bundle().sha256[:12])
            assert page.locator(".verdict .label").inner_text() in {"Pneumonia", "Uncertain"}
            assert list(tmp_path.rglob("*.jpeg"))
            context.close()
        finally:
            process.terminate()
            process.communicate(timeout=30)
    assert process.returncode == 0
    assert not list(tmp_path.rglob("*.jpeg"))


@pytest.mark.slow
def test_nothing_is_left_of_uploads_that_are_on_their_way_when_the_page_ends(
    tiny_bundle: Bundle, tmp_path: Path
) -> None:
    options = ("--model", tiny_bundle.folder)
    with serve(*options, TMPDIR=str(tmp_path)) as process, ThreadPoolExecutor(8) as clients:
        address = process.stdout.readline().split()[1]  # type: ignore[union-attr]
        begun = [clients.submit(upload_until_refused, address) for _ in range(8)]
        deadline = time.monotonic() + 30
        while len(list(tmp_path.rglob("*.jpeg"))) < 300 and time.monotonic() < deadline:
            time.sleep(0.05)
        process.terminate()
        time.sleep(0.1)
        process.terminate()  # impatient
        process.communicate(timeout=30)
        assert sum(client.result() for client in begun) >= 300
    assert process.returncode in {0, -signal.SIGTERM}  # the second may come after all is removed
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not list(tmp_path.glob("cxr-uploads-*"))


def upload_until_refused(address: str) -> int:
    """Send files until nobody listens; returns how many were taken."""
    taken = 0
    with httpx.Client(trust_env=False, timeout=30) as client:
        while True:
            files = {"files": ("large.jpeg", b"x" * 20_000)}
            try:
                answer = client.post(f"{address}gradio_api/upload", files=files)
            except httpx.HTTPError:
                return taken
            taken += answer.status_code == 200
            time.sleep(0.01)


@pytest.mark.slow
def test_a_share_link_that_cannot_be_made_is_one_line(tiny_bundle: Bundle, tmp_path: Path) -> None:
    # No way out, and no tunnel program from an earlier time.
    offline = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1", "HF_HOME": tmp_path}
    options = ("--share", "--model", tiny_bundle.folder)
    with serve(*options, **{name: str(value) for name, value in offline.items()}) as process:
        try:
            lines = [process.stdout.readline() for _ in range(2)]  # type: ignore[union-attr]
            assert lines[0].startswith("Page: http://127.0.0.1:")
            assert lines[1] == (
                "No share link could be made (no connection?); the local page works.\n"
            )
            with urlopen(lines[0].split()[1]) as answer:  # noqa: S310  # loopback
                assert answer.status == 200
        finally:
            process.terminate()
            process.communicate(timeout=30)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model", "nowhere"), "app: nowhere: no such folder"),
        (("--port", "x"), "argument --port: invalid"),
        (("--port", "99999"), "expected a number from 1 to 65535"),
    ],
)
def test_bad_usage(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        sys.exit(app.main(arguments))  # as the file does when it is run
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_a_model_that_cannot_be_fetched_is_replaced_and_the_page_says_so(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with serve("--model", "somebody/their-model@v1") as process:
        try:
            address = process.stdout.readline().split()[1]  # type: ignore[union-attr]
            context = browser.new_context(locale="en-GB")
            page = context.new_page()
            page.goto(address)
            expect(page.locator("#fallback")).to_contain_text("This is the bundled model")
            reference = "somebody/their-model@v1"
            detail = page.locator("#fallback .detail")
            expect(detail).to_have_text(text("hub_unreachable", "en", reference=reference))
            page.locator(".language").click()
            expect(detail).to_have_text(text("hub_unreachable", "fr", reference=reference))
            context.close()
        finally:
            process.terminate()
            _, error = process.communicate(timeout=30)
    assert "The bundled model is used instead" in error


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
def test_a_model_of_the_hub_answers_and_its_commit_is_shown(
    browser: Browser,
    hub: LoopbackHub,
    tiny_classifier: Classifier,
    tmp_path: Path,
    image_file: Path,
) -> None:
    commit = publish(tiny_classifier.bundle.folder, "me/cxr", tag="v1").commit
    environment = {
        "HF_ENDPOINT": hub.url,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(tmp_path / "home"),
    }
    with serve("--model", "me/cxr@v1", **environment) as process:
        try:
            address = process.stdout.readline().split()[1]  # type: ignore[union-attr]
            context = browser.new_context()
            page = context.new_page()
            page.goto(address)
            expect(page.locator("#status")).to_contain_text(f"me/cxr@{commit}", timeout=60_000)
            expect(page.locator("#fallback")).to_have_count(0)
            choose(page, image_file)
            page.wait_for_selector(ANSWERED)
            answer = tiny_classifier.predict(read_radiograph(image_file))
            said = page.locator(".probability output").inner_text()
            assert number_in(said) == pytest.approx(answer.probability, abs=0.006)
            context.close()
        finally:
            process.terminate()
            process.communicate(timeout=30)
