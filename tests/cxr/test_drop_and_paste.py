"""Radiographs that are dropped on the viewer, or pasted."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.conftest import PAGE_MARKS
from tests.cxr.browser import (
    ANSWERED,
)

pytestmark = PAGE_MARKS


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


def test_a_dropped_image(page: Page, image_file: Path) -> None:
    data = transfer(page, image_file)
    page.dispatch_event(".stage", "dragover", {"dataTransfer": data})
    page.dispatch_event(".stage", "drop", {"dataTransfer": data})
    page.wait_for_selector(ANSWERED)
    expect(page.locator(".verdict .name")).to_have_text("image.png")


def test_a_pasted_image(page: Page, image_file: Path) -> None:
    data = transfer(page, image_file)
    page.evaluate(
        "data => document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data }))",
        data,
    )
    page.wait_for_selector(ANSWERED)
