"""The page of the tiny model, served and opened in a browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from cxr.classifier import Classifier
from tests.conftest import BROWSERS
from tests.cxr.browser import served


@pytest.fixture(scope="module")
def url(tiny_classifier: Classifier) -> Iterator[str]:
    with served(tiny_classifier) as address:
        yield address


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="en-GB")
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector(".invitation strong")
    expect(page.locator("#status")).to_contain_text("Model tiny 1")
    yield page
    context.close()


@pytest.fixture
def page_on_disk(browser: Browser, url: str, tmp_path: Path) -> Iterator[Page]:
    """The page in a browser that keeps its storage on the disk, as it does but for private windows.

    In the others files are kept as references to where they came from.
    """
    context = browser.browser_type.launch_persistent_context(
        tmp_path / "profile",
        executable_path=next(filter(None, map(shutil.which, BROWSERS)), None),
        args=["--no-sandbox"],
        locale="en-GB",
    )
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector(".invitation strong")
    yield page
    context.close()
