"""Haste, and what is gone or unknown, in the list of many radiographs."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.conftest import PAGE_MARKS
from tests.cxr.browser import (
    ANSWERED,
    choose_many,
    many_status,
    row_of,
)

pytestmark = PAGE_MARKS


def test_what_the_page_does_not_know_does_not_stop_it(
    page: Page, archive: Path, failures: list[str]
) -> None:
    page.evaluate("delete window.cxrTexts.en.no_lungs")
    choose_many(page, archive)
    expect(many_status(page)).to_contain_text("5 of 5 done", timeout=30_000)
    expect(page.locator("[data-do=csv]")).to_be_visible()
    expect(row_of(page, "gradient.png")).to_contain_text("Something that this page does not")
    assert not failures


def test_a_row_without_its_file_takes_nobody_away_from_another(page: Page, archive: Path) -> None:
    choose_many(page, archive)
    expect(many_status(page)).to_contain_text("5 of 5 done", timeout=30_000)
    page.evaluate("""async () => {
      const { rows, open, fileOf } = window.cxrList;
      const [gone, there] = [...rows.keys()];
      rows.get(gone).source = "gone";
      open(gone, [gone, there]);
      await open(there, [gone, there]);
    }""")
    page.wait_for_timeout(300)
    assert page.evaluate("document.body.dataset.view") == "one"


def test_a_click_meets_the_line_that_is_under_it(page: Page, archive: Path) -> None:
    page.evaluate("() => window.cxr.setReadFirst(true)")
    choose_many(page, archive)
    expect(many_status(page)).to_contain_text("5 of 5 done", timeout=30_000)
    page.get_by_label("Your reading, ward/one.png").focus()
    page.get_by_label("Your reading, ward/one.png").select_option("NORMAL")
    name = row_of(page, "ward/=two.png").get_by_role("button")
    box = name.bounding_box()
    assert box
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.wait_for_timeout(100)  # a press takes as long
    page.mouse.up()
    page.wait_for_selector(ANSWERED)
    expect(page.locator(".own-reading .name")).to_have_text("=two.png")


def test_deleting_it_forgets_its_filters(page: Page, archive: Path) -> None:
    choose_many(page, archive)
    expect(many_status(page)).to_contain_text("5 of 5 done", timeout=30_000)
    page.locator("[data-filter=verdict]").select_option("refused")
    page.locator("[data-do=delete]").click()
    page.locator("[data-do=delete_all]").click()
    choose_many(page, archive)
    expect(many_status(page)).to_contain_text("5 of 5 done", timeout=30_000)
    expect(page.locator("#many tbody tr")).to_have_count(5)


def test_next_pressed_in_haste_asks_for_what_is_shown(page: Page, radiographs: list[Path]) -> None:
    choose_many(page, *radiographs[:6])
    expect(many_status(page)).to_contain_text("6 of 6 done", timeout=30_000)
    page.locator("#many tbody td.file button").first.click()
    page.wait_for_selector(ANSWERED)
    held: list[Route] = []
    asked: list[str] = []
    page.on(
        "request",
        lambda request: (
            asked.append(request.post_data or "") if "component_server" in request.url else None
        ),
    )
    page.route("**/upload*", lambda route: held.append(route))
    for number in (1, 2, 3):
        with page.expect_request("**/upload*"):
            page.keyboard.press("n")
        page.wait_for_timeout(100)
        assert len(held) == number
    for route in held:
        route.continue_()
    page.wait_for_selector(ANSWERED)
    page.wait_for_timeout(300)
    assert len([one for one in asked if "answer_one" in one]) == 1
