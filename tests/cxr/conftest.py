"""The page of the tiny model, served and opened in a browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from cxr.classifier import Classifier
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
