"""What tests do on the page in a browser, and what they read from it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page

from cxr.classifier import Classifier
from cxr.messages import all_texts
from cxr.page import LAUNCH_SETTINGS, build_page, serving

ANSWERED = ".viewer[data-state=answered]"
EN, FR = all_texts()["en"], all_texts()["fr"]
# What floats over the radiograph is left out of pictures, and stays where it is.
_PLAIN = ".readout, .legend, .banner, .unsupported { opacity: 0 !important }"
_READOUT = re.compile(r"([\d,]+)% · W ([\d,]+) L ([\d,]+)")


@contextmanager
def served(
    classifier: Classifier, *, notes: Path | None = None, flag_to: str = ""
) -> Iterator[str]:
    """The address of a page with this model."""
    page = build_page(classifier, notes=notes, flag_to=flag_to)
    with serving.served(page, {**LAUNCH_SETTINGS, "server_name": "127.0.0.1"}):
        yield page.local_url


@contextmanager
def opened(browser: Browser, address: str, **settings: Any) -> Iterator[Page]:
    """The page at an address, in English unless the settings of the browser say otherwise."""
    with browser.new_context(**{"locale": "en-GB", **settings}) as context:
        page = context.new_page()
        page.goto(address)
        page.wait_for_selector(".invitation strong")
        yield page


def choose(page: Page, path: Path) -> None:
    """Choose a file, as in the file dialogue."""
    page.set_input_files("#viewer input.file", path)


def answered(page: Page, path: Path) -> None:
    """Choose a radiograph and wait for its answer."""
    choose(page, path)
    page.wait_for_selector(ANSWERED)


def set_slider(page: Page, selector: str, value: float) -> None:
    """Move a slider."""
    page.locator(selector).fill(str(value))


class Fingers:
    """Fingers on the screen of a page, in CSS pixels from its upper left corner."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)
        self._places: tuple[tuple[float, float], ...] = ()

    def put(self, *places: tuple[float, float]) -> None:
        """Have fingers at these places: those that are there already, and then more."""
        self._places = places
        self._send("touchStart", 0)

    def move(self, *places: tuple[float, float]) -> None:
        """Move the fingers to these places."""
        self._places = places
        self._send("touchMove", 0)

    def lift(self, *, all_but: int = 0) -> None:
        """Lift the fingers, except for those that were put down first."""
        self._send("touchEnd", all_but)
        self._places = self._places[:all_but]

    def _send(self, kind: str, first: int) -> None:
        points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(self._places)][first:]
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def number_in(text: str) -> float:
    """The percentage in a text, as a fraction."""
    found = re.search(r"([\d.]+)%", text)
    assert found, text
    return float(found[1]) / 100


# Gradio fades in what has a new value, and colours change slowly; what waits turns without end.
_STILL = """() => document.getAnimations().every(
  (one) => one.playState !== "running" || one.effect.getTiming().iterations === Infinity)"""


def violations(page: Page) -> list[tuple[str, list[str]]]:
    """What axe finds of WCAG 2.1 A and AA, once nothing moves: the rule and the elements."""
    page.wait_for_timeout(50)  # until what has just changed begins to
    page.wait_for_function(_STILL)
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    # Without selectors, which take as long as all else and which nobody reads.
    options = {"runOnly": rules, "resultTypes": ["violations"], "selectors": False}
    results = page.evaluate("options => axe.run(options)", options)
    return [
        (violation["id"], [node["html"][:200] for node in violation["nodes"]])
        for violation in results["violations"]
    ]


def choose_many(page: Page, *paths: Path) -> None:
    """Show the list and add files to it."""
    page.locator("button[data-view=many]").click()
    page.set_input_files(".pick-files", paths)


def many_status(page: Page) -> Locator:
    """How far the list is."""
    return page.locator("#many .progress [role=status]")


def shot(page: Page) -> Any:
    """The stage as it looks, without what floats over it: uint8 (H, W, 3)."""
    page.add_style_tag(content=_PLAIN)
    picture = page.locator(".stage").screenshot()
    return cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR).astype(int)


def colour(page: Page) -> int:
    """How far the most colourful pixel of the stage is from grey."""
    return int(np.ptp(shot(page), axis=2).max())


def show_heatmap(page: Page) -> None:
    """Also where it takes a second click."""
    page.locator("[data-tool=heatmap]").click()
    if page.locator(".unsupported").is_visible():
        page.locator(".unsupported").click()


def row_of(page: Page, name: str) -> Locator:
    """The line of the list with a file of this name."""
    return page.locator("#many tbody tr").filter(has=page.get_by_role("button", name=name))


def readout(page: Page) -> tuple[int, int, int]:
    """Zoom in per cent, and the window's width and level."""
    page.wait_for_timeout(60)  # until the next frame
    found = _READOUT.search(page.locator(".readout").text_content() or "")
    assert found
    zoom, width, level = (int(number.replace(",", "")) for number in found.groups())
    return zoom, width, level
