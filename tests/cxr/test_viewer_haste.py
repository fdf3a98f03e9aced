"""Keys, drags and other tabs in the middle of what a reader does in the viewer."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.conftest import PAGE_MARKS
from tests.cxr.browser import (
    EN,
    answered,
    choose,
    set_slider,
    shot,
)

pytestmark = PAGE_MARKS


def test_identifiers_are_asked_for_of_each_patient(page: Page, sixteen_bits: Path) -> None:
    answered(page, sixteen_bits)
    page.locator(".identifiers").check(force=True)
    answered(page, sixteen_bits)
    expect(page.locator(".identifiers")).not_to_be_checked()


def test_escape_puts_the_ruler_away_before_it_ends_the_quiz(page: Page) -> None:
    page.locator("[data-do=quiz]").click()
    expect(page.locator("[data-choice]").first).to_have_attribute("aria-disabled", "false")
    page.keyboard.press("d")
    expect(page.locator("[data-tool=ruler]")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(page.locator("[data-tool=ruler]")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#guide .choices")).to_be_visible()
    expect(page.locator("#viewer .panel")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("#guide section")).to_be_hidden()


@pytest.mark.parametrize("tool", ["e", "o", "d"])
def test_a_drag_goes_on_as_it_began(
    page: Page, image_file: Path, failures: list[str], tool: str
) -> None:
    answered(page, image_file)
    page.keyboard.press(tool)
    before = shot(page)
    page.locator(".stage").hover(position={"x": 300, "y": 200})
    page.keyboard.down("Shift")
    page.mouse.down()
    page.keyboard.up("Shift")
    page.mouse.move(520, 320, steps=4)
    page.mouse.up()
    expect(page.locator(".without")).to_have_text(EN["what_if"])  # the window was changed
    assert np.abs(shot(page) - before).max() > 0
    assert not failures


@pytest.mark.parametrize("tool", ["e", "o"])
def test_a_drag_does_not_go_on_into_another_radiograph(
    page: Page, image_file: Path, failures: list[str], tool: str
) -> None:
    answered(page, image_file)
    page.keyboard.press(tool)
    page.locator(".stage").hover(position={"x": 300, "y": 200})
    page.mouse.down()
    page.mouse.move(400, 300, steps=3)
    page.keyboard.press("z")  # not while it is being drawn
    expect(page.locator(".without")).to_contain_text("Without what is rubbed out")
    answered(page, image_file)
    page.mouse.move(520, 320, steps=4)
    page.mouse.up()
    expect(page.locator(".without")).to_have_text(EN["what_if"])
    assert not failures


def test_each_undo_takes_something_back(page: Page, image_file: Path) -> None:
    answered(page, image_file)
    page.keyboard.press("x")
    page.keyboard.press("e")
    for _ in range(2):
        page.locator(".stage").click(position={"x": 3, "y": 3})  # beside the radiograph
    page.keyboard.press("z")
    expect(page.locator(".without")).to_have_text(EN["what_if"])


def test_what_is_in_the_middle_stays_there_when_it_is_turned(page: Page, image_file: Path) -> None:
    answered(page, image_file)
    page.locator(".stage").focus()
    for key in [*["+"] * 6, *["ArrowRight"] * 4, *["ArrowDown"] * 3]:
        page.keyboard.press(key)
    middle = middle_of(page)
    for keys in ("f", "r", "r", "f", "r"):
        page.keyboard.press(keys)
        assert middle_of(page) == pytest.approx(middle, abs=6)
        assert shot(page).max() > 0


def middle_of(page: Page) -> float:
    """The value in the middle of the stage, as the readout says it."""
    box = page.locator("canvas.main").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2 + 1, box["y"] + box["height"] / 2 + 1)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    said = page.locator(".readout")
    expect(said).to_contain_text("value")
    return float(said.inner_text().split("value ")[1].split()[0].replace(",", ""))


def test_who_begins_to_read_first_in_another_tab_has_seen_this_answer(
    page: Page, url: str, image_file: Path, tmp_path: Path
) -> None:
    answered(page, image_file)
    other = page.context.new_page()
    other.goto(url)
    other.wait_for_selector(".invitation strong")
    other.evaluate("() => window.cxr.setReadFirst(true)")
    expect(page.locator(".read-first")).to_be_checked()
    expect(page.locator("#viewer .answer")).to_be_visible()
    page.keyboard.press("h")
    expect(page.locator(".own-reading")).to_be_hidden()
    another = tmp_path / "another.png"
    cv2.imwrite(str(another), cv2.imread(str(image_file))[:, ::-1])
    choose(page, another)
    expect(page.locator(".own-reading")).to_be_visible()


def test_a_link_to_no_case_is_forgotten_with_a_radiograph(
    page: Page, url: str, image_file: Path
) -> None:
    page.goto(f"{url}?case=nobody")
    unknown = page.get_by_text("There is no case called")
    expect(unknown).to_be_visible()
    answered(page, image_file)
    expect(unknown).to_be_hidden()


def test_refused_pictures_do_not_pile_up_in_the_browser(page: Page, gradient_file: Path) -> None:
    page.evaluate("""() => {
      window.live = new Set();
      const { createObjectURL, revokeObjectURL } = URL;
      URL.createObjectURL = (blob) => {
        const made = createObjectURL.call(URL, blob);
        window.live.add(made);
        return made;
      };
      URL.revokeObjectURL = (uri) => {
        window.live.delete(uri);
        revokeObjectURL.call(URL, uri);
      };
    }""")
    for _ in range(2):
        choose(page, gradient_file)
        page.wait_for_selector(".viewer[data-state=reading]", state="attached")
        page.wait_for_selector(".viewer[data-state=refused]")
    assert page.evaluate("window.live.size") == 0


def test_a_slider_that_hides_evidence_is_set_back(page: Page, image_file: Path) -> None:
    answered(page, image_file)
    page.keyboard.press("h")
    least = page.locator(".legend .least").input_value()
    set_slider(page, ".legend .least", 0.9)
    answered(page, image_file)
    page.keyboard.press("h")
    expect(page.locator(".legend .least")).to_have_value(least)
