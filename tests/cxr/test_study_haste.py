"""Second clicks, late files and too many of them in the reader study."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.conftest import PAGE_MARKS
from tests.cxr.browser import (
    EN,
)
from tests.cxr.studying import begin, choose_files, phase, read, submit

pytestmark = PAGE_MARKS


def test_enter_twice_submits_one_reading(page: Page, radiographs: list[Path]) -> None:
    begin(page, radiographs[:2])
    read(page, "NORMAL", 80)
    page.locator("#study [value=NORMAL]").focus()
    page.keyboard.press("Enter")
    phase(page, "aid")
    expect(page.locator("#study .verdict")).to_be_focused()
    page.keyboard.press("Enter")
    page.locator("#study [type=submit]").dispatch_event("click", {"detail": 2})
    page.wait_for_timeout(200)
    phase(page, "aid")
    expect(page.locator("#study .place strong")).to_contain_text("1 of 2")


def test_a_double_click_does_not_confirm(page: Page, radiographs: list[Path]) -> None:
    begin(page, radiographs[:2])
    page.locator("#study [data-do=end]").dblclick()
    expect(page.locator("#study [data-do=end]")).to_have_text(EN["study_end_sure"])
    phase(page, "read")
    page.locator("#study [data-do=end]").click()
    phase(page, "results")
    page.locator("[data-do=forget]").dblclick()
    expect(page.locator("[data-do=forget]")).to_have_text(EN["study_forget_sure"])
    phase(page, "results")


def test_one_radiograph_too_many_takes_nothing_away(page: Page, radiographs: list[Path]) -> None:
    choose_files(page, *radiographs[:3])
    expect(page.locator("#study .chosen")).to_contain_text("3 radiographs chosen")
    content = list(radiographs[3].read_bytes())
    page.evaluate(
        """(content) => document.dispatchEvent(new CustomEvent("cxr:study", { detail: {
          items: [],
          files: Array.from({ length: 498 },
            (_, i) => new File([new Uint8Array(content)], `${i}.png`)),
        } }))""",
        content,
    )
    expect(page.locator("#study .notice[role=alert]")).to_contain_text("at most 500 radiographs")
    expect(page.locator("#study .chosen")).to_contain_text("3 radiographs chosen")


def test_what_comes_while_it_is_under_way_is_said_not_to_count(
    page: Page, radiographs: list[Path]
) -> None:
    begin(page, radiographs[:1])
    page.evaluate(
        """() => document.dispatchEvent(new CustomEvent("cxr:study",
          { detail: { items: [], files: [new File(["x"], "late.png")] } }))"""
    )
    expect(page.locator("#study .notice[role=alert]")).to_have_text(EN["study_under_way"])
    read(page, "NORMAL", 80)
    submit(page)
    phase(page, "aid")
    submit(page)
    phase(page, "results")
    expect(page.locator("#study .notice[role=alert]")).to_be_hidden()


def test_a_study_that_is_kept_in_part_says_so(page: Page, radiographs: list[Path]) -> None:
    begin(page, radiographs[:3])
    page.evaluate("() => window.cxrStore.open('study').remove(2)")
    page.reload()
    phase(page, "read")
    expect(page.locator("#study .notice[role=alert]")).to_contain_text("2 of 3 radiographs")
