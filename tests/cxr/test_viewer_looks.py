"""What lies where in the viewer, on screens of all sizes and on paper; how radiographs begin."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.conftest import PAGE_MARKS
from tests.cxr.browser import ANSWERED, answered, choose_many, many_status, shot, show_heatmap

pytestmark = PAGE_MARKS

OVERLAP = """([one, other]) => {
  const [a, b] = [one, other].map((name) => document.querySelector(name).getBoundingClientRect());
  return Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
}"""


@pytest.mark.parametrize("width", [1440, 1100, 1024, 820, 390, 320])
def test_nothing_lies_on_the_radiograph_or_on_another_part(
    page: Page, image_file: Path, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    answered(page, image_file)
    show_heatmap(page)
    expect(page.locator(".legend")).to_be_visible()
    parts = (".stage", ".legend", ".tools", ".verdict")
    for i, one in enumerate(parts):
        for other in parts[i + 1 :]:
            assert not page.evaluate(OVERLAP, [one, other]), (one, other)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # A pointer at rest shows no words of its own over a finding.
    assert page.locator(".stage").get_attribute("title") is None


@pytest.mark.parametrize("width", [1440, 820, 390])
def test_nothing_moves_when_heat_is_switched_on(page: Page, image_file: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    answered(page, image_file)

    def places() -> list[object]:
        parts = (".stage", ".under", ".tools", ".verdict", ".worth")
        return [page.locator(part).first.bounding_box() for part in parts]

    before = places()
    expect(page.locator(".legend")).to_be_hidden()
    show_heatmap(page)
    expect(page.locator(".legend")).to_be_visible()
    assert places() == before


def test_what_was_set_on_a_radiograph_is_not_set_on_the_next(
    page: Page, image_file: Path, tmp_path: Path
) -> None:
    answered(page, image_file)
    for tool in ("invert", "lens", "erase"):
        page.locator(f"[data-tool={tool}]").click()
    page.evaluate("window.cxr.setReadFirst(true)")
    another = tmp_path / "another.png"
    cv2.imwrite(str(another), cv2.imread(str(image_file))[:, ::-1])
    answered(page, another)
    expect(page.locator(".own-reading")).to_be_visible()
    expect(page.locator(".tools [aria-pressed=true]")).to_have_count(0)
    expect(page.locator(".stage")).to_have_attribute("data-mode", "move")
    before = shot(page)
    page.locator(".stage").hover()
    page.mouse.down()
    page.mouse.move(300, 400, steps=4)
    page.mouse.up()
    np.testing.assert_array_equal(shot(page), before)  # nothing is painted on it


def test_one_key_shows_the_radiograph_as_at_first(page: Page, image_file: Path) -> None:
    answered(page, image_file)
    before = shot(page)
    for key in ("r", "f", "i", "b", "+", "d"):
        page.keyboard.press(key)
    box = page.locator(".stage").bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.99 * box["width"], box["y"] + 0.01 * box["height"])
    page.mouse.up()
    expect(page.locator(".readout")).to_contain_text("pixels")
    page.mouse.move(0, 0)
    page.keyboard.press("Backspace")
    expect(page.locator(".readout")).not_to_contain_text("pixels")
    expect(page.locator(".tools [aria-pressed=true]")).to_have_count(0)
    page.evaluate("document.activeElement.blur()")  # its ring is no part of the radiograph
    np.testing.assert_array_equal(shot(page), before)


def test_side_by_side_the_pointer_is_at_one_place_of_both(page: Page, image_file: Path) -> None:
    answered(page, image_file)
    page.keyboard.press("s")
    page.keyboard.press("h")  # without heat, so that nothing else has a colour
    plain = page.locator("canvas.plain").bounding_box()
    main = page.locator("canvas.main").bounding_box()
    stage = page.locator(".stage").bounding_box()
    assert plain
    assert main
    assert stage
    page.mouse.move(main["x"] + 0.4 * main["width"], main["y"] + 0.5 * main["height"])
    page.wait_for_timeout(200)
    seen = shot(page)
    yellow = (seen[..., 1] > 180) & (seen[..., 0] < 120)
    rows, columns = np.nonzero(yellow)
    middle = plain["x"] - stage["x"]
    for pane, found in ((main, columns < middle), (plain, columns >= middle)):
        expected = pane["x"] - stage["x"] + 0.4 * pane["width"]
        assert columns[found].mean() == pytest.approx(expected, abs=2)
        assert rows[found].mean() == pytest.approx(0.5 * pane["height"], abs=2)


def test_on_paper_there_is_what_is_said_and_nothing_to_press(page: Page, image_file: Path) -> None:
    page.evaluate("cxr.setDark(true)")
    answered(page, image_file)
    page.emulate_media(media="print")
    for gone in (".tools", "#sources", "nav", ".stops", ".what-if", "#api"):
        expect(page.locator(gone).first).to_be_hidden()
    for there in (".stage", ".verdict", ".bar .fill", ".worth", ".cost.rule", "#disclaimer .more"):
        expect(page.locator(there).first).to_be_visible()
    light = "el => getComputedStyle(el).color.match(/\\d+/g).every((part) => part < 100)"
    assert page.locator(".worth .means").evaluate(light)  # dark on white
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_the_keyboard_can_be_seen(page: Page, image_file: Path) -> None:
    outline = "el => { const s = getComputedStyle(el); return s.outlineStyle + s.outlineWidth; }"
    first = page.locator(".read-first")
    first.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(first).to_be_focused()
    assert first.evaluate(outline) == "solid3px"
    page.keyboard.press("Space")
    answered(page, image_file)
    choice = page.locator(".own-reading [value=PNEUMONIA]")
    choice.focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".own-reading :focus").evaluate(outline) == "solid3px"


def test_whoever_opens_a_line_of_the_list_is_at_the_radiograph(
    page: Page, image_file: Path
) -> None:
    choose_many(page, image_file)
    expect(many_status(page)).to_contain_text("1 of 1 done", timeout=30_000)
    page.get_by_role("button", name="image.png", exact=True).press("Enter")
    expect(page.locator("#viewer .stage")).to_be_focused()


def test_nothing_is_behind_keys_that_are_listed(page: Page, image_file: Path) -> None:
    """A file that is pasted then leads to the list, where all can be used at once."""
    choose_many(page, image_file)
    expect(many_status(page)).to_contain_text("1 of 1 done", timeout=30_000)
    page.get_by_role("button", name="image.png", exact=True).click()
    expect(page.locator("#viewer .stage")).to_be_focused()
    page.wait_for_selector(ANSWERED)
    page.keyboard.press("?")
    page.keyboard.press("3")  # the list's key for the reader's own label
    page.keyboard.press("Escape")
    expect(page.locator("#walk [aria-pressed=true]")).to_have_count(0)
    page.keyboard.press("?")
    expect(page.locator("#viewer .help")).to_be_visible()
    page.evaluate("cxr.setView('many')")
    expect(page.locator("#viewer .help")).to_be_hidden()
    expect(page.locator("#many [data-do=files]")).to_be_enabled()
    page.locator("#many .sift").get_by_role("searchbox").fill("image")


def test_on_a_phone_the_list_comes_before_its_filters(page: Page, image_file: Path) -> None:
    choose_many(page, image_file)
    sort = page.locator("#many select.sort")
    expect(sort).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    expect(sort).to_be_hidden()
    page.locator("#many .sift summary").click()
    expect(sort).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 720})
    expect(sort).to_be_visible()
