"""The page in a real browser, with a real server and a tiny model behind it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from cxr.bundle import Bundle, load_bundle
from cxr.classifier import Classifier
from cxr.operating_points import OperatingPoints
from cxr.page import LAUNCH_SETTINGS, build_page, texts
from cxr.radiograph import read_radiograph
from tests.conftest import ROOT
from tests.loopback_hub import LoopbackHub
from training.publish import publish

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the web server's packages
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FILM = ".viewer[data-state=film]"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as driver:
        path = found or driver.chromium.executable_path
        if not Path(path).exists():
            message = "no Chromium: install it, or run `playwright install chromium`"
            if os.environ.get("CXR_REQUIRE_BROWSER"):
                pytest.fail(message)
            pytest.skip(message)
        chromium = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def url(tiny_bundle: Bundle) -> Iterator[str]:
    classifier = Classifier(tiny_bundle)
    classifier.warm_up()
    page = build_page(classifier)
    settings = {**LAUNCH_SETTINGS, "server_name": "127.0.0.1"}
    _, local_url, _ = page.launch(**settings, prevent_thread_lock=True, quiet=True)
    yield local_url
    page.close()


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector(".invitation strong")
    expect(page.locator("#status")).to_contain_text("Model tiny 1")
    yield page
    context.close()


def choose(page: Page, path: Path) -> None:
    page.set_input_files("#upload input[type=file]", path)


def set_slider(page: Page, selector: str, value: float) -> None:
    page.locator(selector).fill(str(value))


def displayed_probability(page: Page) -> float:
    text = page.locator(".probability output").inner_text()
    return float(re.sub(r"[^\d.]", "", text)) / 100


def test_first_sight(page: Page) -> None:
    expect(page.locator(".invitation")).to_contain_text(texts.VIEWER["invitation"])
    expect(page.locator("#disclaimer")).to_contain_text("Not a medical device")
    expect(page.locator("#disclaimer")).to_contain_text("children of 1–5 years")
    expect(page.locator(".panel")).to_be_hidden()


def test_a_chosen_film_gets_its_answer(page: Page, film_file: Path, tiny_bundle: Bundle) -> None:
    choose(page, film_file)
    page.wait_for_selector(FILM)
    answer = Classifier(tiny_bundle).predict(read_radiograph(film_file))
    assert displayed_probability(page) == pytest.approx(answer.probability, abs=0.006)
    expect(page.locator(".verdict .name")).to_have_text("film.png")
    label = texts.VIEWER["verdicts"][answer.verdict()]
    expect(page.locator(".verdict .label")).to_have_text(label)
    for picture in (".film", ".heat"):
        shape = page.locator(picture).evaluate("image => [image.naturalHeight, image.naturalWidth]")
        assert shape == [60, 80]
    expect(page.locator("#disclaimer")).to_be_visible()


def test_sliders_answer_in_the_browser_alone(
    page: Page, film_file: Path, points: OperatingPoints, tiny_bundle: Bundle
) -> None:
    choose(page, film_file)
    page.wait_for_selector(FILM)
    probability = Classifier(tiny_bundle).predict(read_radiograph(film_file)).probability
    page.wait_for_timeout(500)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))

    for threshold in (0.0, 0.2, 0.4, 0.55, 0.8, 1.0):
        set_slider(page, ".threshold", threshold)
        label = texts.VIEWER["verdicts"][points.verdict(probability, threshold)]
        expect(page.locator(".verdict .label")).to_have_text(label)
        at = points.at(threshold)
        expect(page.locator(".cost")).to_contain_text(f"{at.true_positives} of 100")
        expect(page.locator(".cost")).to_contain_text(f"{at.false_positives} of 100")
    page.locator(".reset").click()
    expect(page.locator(".threshold-control output")).to_have_text("0.50 (the model's)")
    label = texts.VIEWER["verdicts"][points.verdict(probability)]
    expect(page.locator(".verdict .label")).to_have_text(label)

    for opacity in (0.0, 0.25, 1.0):
        set_slider(page, ".opacity", opacity)
        shown = page.locator(".heat").evaluate("image => getComputedStyle(image).opacity")
        assert float(shown) == opacity
    assert not [url for url in requests if not url.startswith("data:")]


def test_the_opacity_changes_the_picture(page: Page, film_file: Path) -> None:
    choose(page, film_file)
    page.wait_for_selector(FILM)
    pictures = []
    for opacity in (0, 1):
        set_slider(page, ".opacity", opacity)
        shot = page.locator(".stage").screenshot()
        pictures.append(cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_COLOR))
    colour = [np.ptp(picture.astype(int), axis=2).max() for picture in pictures]
    assert colour[0] < 5  # a grey film
    assert colour[1] > 30


def test_an_example(page: Page) -> None:
    buttons = page.locator("#examples button")
    assert buttons.count() == 6
    buttons.nth(1).click()
    page.wait_for_selector(FILM)
    expect(page.locator(".verdict .name")).to_have_text("bacterial_2.png")


def test_a_broken_file_says_so_and_keeps_what_was_shown(
    page: Page, film_file: Path, tmp_path: Path
) -> None:
    choose(page, film_file)
    page.wait_for_selector(FILM)
    broken = tmp_path / "<b>broken<b>.jpeg"
    broken.write_bytes(film_file.read_bytes()[:100])
    choose(page, broken)
    notice = page.get_by_role("alert").filter(has_text="broken")
    expect(notice).to_contain_text("the picture is damaged or cut off")
    assert page.locator("#notice b").count() == 0  # a file's name is no markup
    expect(page.locator(".verdict .name")).to_have_text("film.png")
    choose(page, film_file)
    expect(notice).to_be_hidden()


def transfer(page: Page, path: Path) -> object:
    """A DataTransfer in the browser that holds the file."""
    content = list(path.read_bytes())
    return page.evaluate_handle(
        """([bytes, name]) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
          return data;
        }""",
        [content, path.name],
    )


def test_a_dropped_film(page: Page, film_file: Path) -> None:
    data = transfer(page, film_file)
    page.dispatch_event(".stage", "dragover", {"dataTransfer": data})
    page.dispatch_event(".stage", "drop", {"dataTransfer": data})
    page.wait_for_selector(FILM)
    expect(page.locator(".verdict .name")).to_have_text("film.png")


def test_a_pasted_film(page: Page, film_file: Path) -> None:
    data = transfer(page, film_file)
    page.evaluate(
        "data => document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data }))",
        data,
    )
    page.wait_for_selector(FILM)


def test_sliders_move_by_keyboard(page: Page, film_file: Path) -> None:
    choose(page, film_file)
    page.wait_for_selector(FILM)
    page.locator(".threshold").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".threshold-control output")).to_have_text("0.51 (yours)")


def test_nothing_is_asked_of_other_hosts(browser: Browser, url: str, film_file: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    page.wait_for_selector(".invitation strong")
    choose(page, film_file)
    page.wait_for_selector(FILM)
    assert not [a for a in asked if not a.startswith((url, "data:", "blob:"))]
    context.close()


def test_a_phone_shows_it_without_scrolling_sideways(page: Page, film_file: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    choose(page, film_file)
    page.wait_for_selector(FILM)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


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
def test_the_page_answers_before_the_model_has_loaded(
    browser: Browser, data: Path, tmp_path: Path
) -> None:
    """`python app.py`, real films, and nothing left of them when it has ended."""
    films = sorted((data / "originals" / "PNEUMONIA").iterdir())[:2]
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
            expect(page.locator("#status")).to_contain_text("The model is loading")
            choose(page, films[0])
            page.wait_for_timeout(1000)
            choose(page, films[1])  # while the first still waits: the last one is shown
            expect(page.locator(".verdict .name")).to_have_text(films[1].name, timeout=90_000)
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
def test_bad_usage(arguments: tuple[str, ...], message: str) -> None:
    with serve(*arguments) as process:
        _, error = process.communicate(timeout=60)
    assert process.returncode == 2
    assert message in error


def test_a_model_that_fails_late_is_said_on_the_page(
    browser: Browser, tmp_path: Path, write_bundle: Callable[[Path], Bundle], film_file: Path
) -> None:
    bundle = write_bundle(tmp_path / "bundle")
    (bundle.folder / "model.weights.h5").write_bytes(b"damaged after it was verified")
    page_of_blocks = build_page(Classifier(bundle))
    _, local_url, _ = page_of_blocks.launch(
        **LAUNCH_SETTINGS, server_name="127.0.0.1", prevent_thread_lock=True, quiet=True
    )
    context = browser.new_context()
    page = context.new_page()
    page.goto(local_url)
    expect(page.locator("#status")).to_contain_text("The model cannot be used", timeout=30_000)
    choose(page, film_file)
    expect(page.get_by_role("alert")).to_contain_text("model.weights.h5")
    expect(page.locator(".panel")).to_be_hidden()
    context.close()
    page_of_blocks.close()


@pytest.mark.slow
def test_a_model_that_cannot_be_fetched_is_replaced_and_the_page_says_so(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with serve("--model", "somebody/their-model@v1") as process:
        try:
            address = process.stdout.readline().split()[1]  # type: ignore[union-attr]
            context = browser.new_context()
            page = context.new_page()
            page.goto(address)
            expect(page.locator("#fallback")).to_contain_text("This is the bundled model")
            expect(page.locator("#fallback")).to_contain_text("somebody/their-model@v1")
            context.close()
        finally:
            process.terminate()
            _, error = process.communicate(timeout=30)
    assert "The bundled model is used instead" in error


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
def test_a_model_of_the_hub_answers_and_its_commit_is_shown(
    browser: Browser, hub: LoopbackHub, tiny_bundle: Bundle, tmp_path: Path, film_file: Path
) -> None:
    commit = publish(tiny_bundle.folder, "me/cxr", tag="v1").commit
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
            choose(page, film_file)
            page.wait_for_selector(FILM)
            answer = Classifier(tiny_bundle).predict(read_radiograph(film_file))
            assert displayed_probability(page) == pytest.approx(answer.probability, abs=0.006)
            context.close()
        finally:
            process.terminate()
            process.communicate(timeout=30)
