"""What tests do on the studio's page in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import TimeoutError as Late

expect.set_options(timeout=15_000)  # milliseconds: trainings run beside the page


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def choose(page: Page, label: str, choice: str) -> None:
    box = page.locator("input:visible").and_(page.get_by_label(label, exact=True))
    option = page.get_by_role("option", name=choice, exact=True)
    for _ in range(5):
        box.click()
        try:
            return option.click(timeout=5_000)
        except Late:  # the menu was placed while the page moved, or renewed and closed
            page.keyboard.press("Escape")
            box.blur()  # a box that keeps the focus does not open its menu again
    raise AssertionError(f"{label}: {choice} could not be chosen")


def set_number(page: Page, label: str, value: float) -> None:
    box = page.get_by_label(f"number input for {label}", exact=True)
    for _ in range(5):  # a group that has just been unfolded sets its values once more
        box.fill(str(value))
        box.blur()
        page.wait_for_timeout(300)
        if box.input_value() == str(value):
            return
    raise AssertionError(f"{label}: expected {value}. Found: {box.input_value()}")


@contextmanager
def opened(browser: Browser, url: str, **settings: Any) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1400, "height": 900}, **settings)
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("#check")
    yield page
    context.close()
