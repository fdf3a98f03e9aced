"""The viewer's tools in a real browser: heatmap, window, zoom, ruler, keys."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from cxr.reading.radiograph import read_radiograph
from tests.conftest import PAGE_MARKS
from tests.cxr.browser import (
    EN,
    Fingers,
    answered,
    colour,
    readout,
    set_slider,
    shot,
    show_heatmap,
)

pytestmark = PAGE_MARKS


def test_by_keyboard_alone(page: Page, image_file: Path) -> None:
    answered(page, image_file)
    page.reload()
    page.wait_for_selector(".invitation strong")
    answered(page, image_file)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator(".stage")).to_be_focused()
    page.keyboard.press("Shift+Tab")  # the tools are one stop
    expect(page.locator("[data-tool=heatmap]")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-tool=contour]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[data-tool=contour]")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("End")
    expect(page.locator("[data-tool=help]")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator(".stage")).to_be_focused()


def test_no_heatmap_until_it_is_asked_for(page: Page, image_file: Path) -> None:
    answered(page, image_file)
    box = page.locator(".stage").bounding_box()
    assert colour(page) < 5  # a grey image
    expect(page.locator(".legend")).to_be_hidden()
    show_heatmap(page)
    expect(page.locator(".legend")).to_be_visible()
    assert colour(page) > 30
    assert page.locator(".stage").bounding_box() == box  # nothing moves
    set_slider(page, ".opacity", 0.1)
    faint = colour(page)
    set_slider(page, ".opacity", 1)
    assert colour(page) > faint + 30
    set_slider(page, ".least", 0.9)
    most = np.ptp(shot(page), axis=2) > 30
    set_slider(page, ".least", 0)
    assert most.mean() < (np.ptp(shot(page), axis=2) > 30).mean()


# Zoom factor, and how many pixels of the canvas one of the screen takes across and down.
_PIXELS = """() => {
  const canvas = document.querySelector("canvas.main");
  return [canvas.width / canvas.clientWidth, canvas.height / canvas.clientHeight];
}"""


def test_a_window_of_another_size_does_not_distort_the_radiograph(
    page: Page, image_file: Path
) -> None:
    answered(page, image_file)
    for width, height in ((1900, 1000), (844, 390), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(200)
        assert page.evaluate(_PIXELS) == pytest.approx([1, 1], abs=0.01), (width, height)


def test_the_radiograph_stays_in_sight_while_the_panel_is_read(
    page: Page, image_file: Path
) -> None:
    answered(page, image_file)
    for name in ("counts", "thousand", "checks-box", "limits"):
        page.locator(f".{name} > summary").click()
    page.locator(".feedback").scroll_into_view_if_needed()
    assert page.evaluate("scrollY") > 300
    expect(page.locator(".stage")).to_be_in_viewport(ratio=0.99)
    stage, panel = (page.locator(name).bounding_box() for name in (".stage", ".panel"))
    assert stage
    assert panel
    assert stage["width"] > panel["width"]
    assert stage["x"] + stage["width"] < panel["x"]


def test_side_by_side_shows_the_heatmap_and_ends_with_the_radiograph(
    page: Page, image_file: Path
) -> None:
    answered(page, image_file)
    page.keyboard.press("s")
    expect(page.locator("[data-tool=heatmap]")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("canvas.plain")).to_be_visible()
    page.locator(".stage").hover()
    page.mouse.wheel(0, -400)
    answered(page, image_file)
    expect(page.locator("[data-tool=side]")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("canvas.plain")).to_be_hidden()


def test_contours_go_with_the_least_evidence_shown(page: Page, image_file: Path) -> None:
    answered(page, image_file)
    show_heatmap(page)
    page.locator("[data-tool=heatmap]").click()
    page.locator("[data-tool=contour]").click()
    set_slider(page, ".least", 0)
    all_of_them = (np.ptp(shot(page), axis=2) > 30).mean()
    set_slider(page, ".least", 0.3)
    some = (np.ptp(shot(page), axis=2) > 30).mean()
    set_slider(page, ".least", 0.9)
    assert all_of_them > some > 0
    assert colour(page) < 5


def test_the_legend_says_its_unit_and_what_is_shown(page: Page, image_file: Path) -> None:
    answered(page, image_file)
    show_heatmap(page)
    expect(page.locator(".legend .unit")).to_have_text(EN["unit_log_odds"])
    set_slider(page, ".opacity", 0.4)
    expect(page.locator(".legend .named > span:last-child").first).to_have_text("40%")
    top = float(page.locator(".legend .ticks span").last.text_content() or "")
    set_slider(page, ".least", 0.5)
    shown = page.locator(".legend .named > span:last-child").last.text_content() or ""
    assert float(shown) == pytest.approx(top / 2, rel=0.1)
    page.locator(".checks-box summary").click()
    expect(page.locator(".scale-means")).to_contain_text(f"The top colour, {top}")


def test_sliders_have_names_and_values_in_words(page: Page, image_file: Path) -> None:
    answered(page, image_file)
    show_heatmap(page)
    opacity = page.get_by_role("slider", name=EN["opacity"], exact=True)
    expect(opacity).to_have_attribute("aria-valuetext", "60%")
    least = page.get_by_role("slider", name=EN["least"], exact=True)
    shown = page.locator(".legend .named > span:last-child").last.text_content() or ""
    expect(least).to_have_attribute("aria-valuetext", shown)
    page.evaluate("window.cxr.setReadFirst(true)")
    answered(page, image_file)
    expect(page.get_by_role("slider", name=EN["own_confidence"], exact=True)).to_be_visible()


@pytest.mark.parametrize("size", [(1366, 768), (360, 740)])
def test_full_screen_is_the_radiographs(page: Page, url: str, size: tuple[int, int]) -> None:
    width, height = size
    page.set_viewport_size({"width": width, "height": height})
    page.goto(f"{url}?case=hila")
    expect(page.locator(".viewer")).to_have_attribute("data-state", "answered")
    page.evaluate("document.querySelector('.viewer .desk').requestFullscreen()")
    page.wait_for_function("document.fullscreenElement")
    page.wait_for_function(
        "least => document.querySelector('.viewer .stage').clientHeight > least", arg=0.7 * height
    )


def test_zoom_turn_and_flip(page: Page, image_file: Path) -> None:
    answered(page, image_file)
    whole, fit = shot(page), readout(page)[0]
    page.locator(".stage").hover()
    page.mouse.wheel(0, -400)
    assert readout(page)[0] == pytest.approx(fit * np.e, rel=0.02)
    page.keyboard.press("1")
    assert readout(page)[0] == 100 if fit <= 100 else fit
    page.keyboard.press("0")
    assert readout(page)[0] == fit
    page.keyboard.press("f")
    flipped = shot(page)
    assert np.abs(flipped[:, ::-1] - whole).mean() < 5 < np.abs(flipped - whole).mean()
    expect(page.locator(".banner")).to_have_text(EN["banner_mirrored"])
    page.keyboard.press("f")
    expect(page.locator(".banner")).to_be_hidden()
    for _ in range(2):
        page.keyboard.press("r")
    assert np.abs(shot(page)[::-1, ::-1] - whole).mean() < 5
    page.keyboard.press("0")
    page.keyboard.press("i")
    assert shot(page).mean() > whole.mean()
    page.keyboard.press("i")
    page.keyboard.press("s")
    expect(page.locator("canvas.plain")).to_be_visible()
    page.keyboard.press("m")  # the magnifier shows what is under the pointer
    page.locator(".stage").hover(position={"x": 200, "y": 200})
    assert np.abs(shot(page) - whole).mean() > 2
    # Keys belong to whoever is typing.
    before = readout(page)
    page.locator(".thousand summary").click()
    page.locator(".prevalence input").fill("")
    page.keyboard.type("10")
    assert readout(page) == before


def test_the_keys_are_listed_in_a_dialogue(page: Page, image_file: Path) -> None:
    answered(page, image_file)
    dialogue = page.get_by_role("dialog", name=EN["tool_help"])
    close = dialogue.get_by_role("button", name=EN["close"])
    button = page.locator("[data-tool=help]")
    button.focus()
    page.keyboard.press("?")
    expect(dialogue).to_contain_text(EN["tool_lens_does"])
    expect(close).to_be_focused()
    page.keyboard.press("i")  # what lies behind it stays as it is
    expect(page.locator("[data-tool=invert]")).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("Escape")
    expect(dialogue).to_be_hidden()
    expect(button).to_be_focused()
    button.click()
    close.click()
    expect(dialogue).to_be_hidden()
    button.click()
    page.mouse.click(5, 5)  # beside it
    expect(dialogue).to_be_hidden()


def test_two_fingers_zoom_about_their_middle_and_move(page: Page, image_file: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    answered(page, image_file)
    box = page.locator(".stage").bounding_box()
    assert box
    middle = round(box["height"] / 2)  # where an image that is lower than the stage is at any zoom
    left, top = box["x"] + 120, box["y"] + middle
    whole, fit = shot(page), readout(page)[0]
    fingers = Fingers(page)
    fingers.put((left - 30, top))
    fingers.put((left - 30, top), (left + 30, top))
    for apart in (40, 50, 60):
        fingers.move((left - apart, top), (left + apart, top))
    assert readout(page)[0] == pytest.approx(2 * fit, rel=0.02)
    zoomed = shot(page)
    around = whole[middle - 40 : middle + 40, 80:160].astype(np.uint8)
    expected = cv2.resize(around, (160, 160), interpolation=cv2.INTER_LINEAR)
    assert np.abs(zoomed[middle - 80 : middle + 80, 40:200] - expected).mean() < 4
    fingers.move((left - 30, top + 20), (left + 90, top + 20))  # both by 30 and 20
    moved = shot(page)
    assert np.abs(moved[60:260, 70:230] - zoomed[40:240, 40:200]).mean() < 4
    assert np.abs(moved - zoomed).mean() > 4
    # The finger that stays moves the image, whatever the tool; then each is a new touch.
    fingers.lift(all_but=1)
    fingers.move((left - 60, top))
    fingers.lift()
    assert np.abs(shot(page) - zoomed).mean() < 4
    page.locator("[data-tool=erase]").click()
    fingers.put((left, top))
    fingers.move((left, top + 30))
    expect(page.locator(".without")).to_contain_text("Without what is rubbed out")
    fingers.put((left, top + 30), (left + 60, top + 30))  # a pinch, and no stroke
    fingers.move((left, top + 30), (left + 30, top + 30))
    expect(page.locator(".without")).to_have_text(EN["what_if"])
    fingers.lift()
    assert readout(page)[0] == pytest.approx(fit, rel=0.02)
    # All this is the image's: the page was neither zoomed nor scrolled.
    assert page.evaluate("[visualViewport.scale, scrollY]") == [1, 0]


def test_window_and_level_of_a_dicom_file(page: Page, sixteen_bits: Path) -> None:
    answered(page, sixteen_bits)
    _, width, level = readout(page)
    assert (width, level) == (1200, 1500)  # the file's own
    page.keyboard.press("b")
    stored = read_radiograph(sixteen_bits).stored
    assert stored
    assert readout(page)[1] == round(stored.white - stored.black)
    clipped = page.locator("[data-tool=preset]")
    expect(clipped).to_contain_text(EN["window_full"])
    page.keyboard.press("w")
    page.locator(".stage").hover(position={"x": 200, "y": 200})
    page.mouse.down()
    page.mouse.move(300, 400, steps=3)
    page.mouse.up()
    assert readout(page)[1] != round(stored.white - stored.black)
    expect(clipped).to_contain_text(EN["window_own"])


def test_the_ruler_measures_in_millimetres(page: Page, sixteen_bits: Path) -> None:
    answered(page, sixteen_bits)
    page.keyboard.press("d")
    box = page.locator(".stage").bounding_box()
    assert box
    before = shot(page)
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 100, steps=3)
    page.mouse.up()
    assert np.abs(shot(page) - before).max() > 100
    # 100 screen pixels at this zoom, 0.2 mm each of the radiograph's.
    expected = 100 / (readout(page)[0] / 100) * 0.2
    said = page.evaluate("document.querySelector('.stage').dataset.length")
    assert float(said.split()[0]) == pytest.approx(expected, rel=0.02)
    assert said.endswith("mm")
