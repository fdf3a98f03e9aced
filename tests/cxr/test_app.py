"""`python app.py`: its options, its models, and what it leaves behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import urlopen

import httpx
import pytest
from playwright.sync_api import Browser, expect

import app
from cxr.classifier import Classifier
from cxr.messages import text
from cxr.model.bundle import Bundle, load_bundle
from cxr.reading.radiograph import read_radiograph
from tests.conftest import PAGE_MARKS, ROOT
from tests.cxr.browser import (
    ANSWERED,
    choose,
    number_in,
)
from tests.loopback_hub import LoopbackHub
from training.sharing.publish import publish

pytestmark = PAGE_MARKS


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
@pytest.mark.usefixtures("_heeds_interrupts")
@pytest.mark.parametrize(
    ("first", "then"),
    [("SIGTERM", "SIGTERM"), ("SIGINT", "SIGINT"), ("SIGHUP", "SIGTERM")],
)
def test_nothing_is_left_of_uploads_that_are_on_their_way_when_the_page_ends(
    tiny_bundle: Bundle, tmp_path: Path, first: str, then: str
) -> None:
    options = ("--model", tiny_bundle.folder)
    with serve(*options, TMPDIR=str(tmp_path)) as process, ThreadPoolExecutor(8) as clients:
        address = process.stdout.readline().split()[1]  # type: ignore[union-attr]
        begun = [clients.submit(upload_until_refused, address) for _ in range(8)]
        deadline = time.monotonic() + 30
        while len(list(tmp_path.rglob("*.jpeg"))) < 300 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(list(tmp_path.rglob("*.jpeg"))) >= 300
        process.send_signal(getattr(signal, first))
        for _ in range(2):  # impatient
            time.sleep(0.05)
            process.send_signal(getattr(signal, then))
        try:
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()  # else its clients would be waited for without end
        assert sum(client.result() for client in begun) >= 300
    # The last may come after all is removed.
    assert process.returncode in {0, 130, *(-getattr(signal, name) for name in (first, then))}
    assert "Traceback" not in said
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not list(tmp_path.glob("cxr-uploads-*"))


def upload_until_refused(address: str) -> int:
    """Send files until nobody listens; returns how many were taken."""
    taken = 0
    with httpx.Client(trust_env=False, timeout=30) as client:
        while True:
            # Each another one: files with the same content are stored once.
            files = {"files": ("large.jpeg", os.urandom(16).ljust(20_000, b"x"))}
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
        (("--port", "x"), "argument --port: expected a number from 1 to 65535, received x"),
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
