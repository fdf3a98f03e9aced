"""What tests do in a reader study on the page."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect


def phase(page: Page, name: str) -> None:
    page.wait_for_selector(f".study[data-phase={name}]")


def settled(page: Page) -> str:
    """The phase of the study once the radiograph is there, or the results."""
    page.wait_for_selector(".study:not([data-phase=loading])")
    return page.locator(".study").get_attribute("data-phase") or ""


def choose_files(page: Page, *paths: Path) -> None:
    """Show the study, and choose files for it."""
    page.locator("nav [data-view=study]").click()
    phase(page, "setup")
    page.set_input_files("#study .pick-files", paths)


def begin(page: Page, paths: list[Path]) -> None:
    """Begin a study of these files."""
    choose_files(page, *paths)
    page.locator("#study [data-do=start]").click()
    phase(page, "read")


def read(page: Page, choice: str, confidence: int) -> None:
    page.locator(f"#study [name=choice][value={choice}]").check()
    if choice != "UNSURE":
        page.locator("#study .confidence").fill(str(confidence))


def submit(page: Page) -> None:
    page.locator("#study [type=submit]").click()


def mark(page: Page) -> None:
    """A stroke across the middle of the radiograph."""
    page.locator("#study [data-do=mark]").click()
    box = page.locator("#study .stage").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 40, y)
    page.mouse.down()
    page.mouse.move(x + 40, y, steps=4)
    page.mouse.up()
    expect(page.locator("#study .marked")).to_have_text("1 mark")
