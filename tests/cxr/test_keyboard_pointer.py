"""The tools that need a place on the radiograph, used by keys alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.conftest import PAGE_MARKS
from tests.cxr.browser import EN, answered, number_in, readout, shot

pytestmark = PAGE_MARKS

STEP = 12  # CSS pixels, by which an arrow moves the pointer


def press(page: Page, *keys: str) -> None:
    """Press keys, one after another."""
    for key in keys:
        page.keyboard.press(key)


def length(page: Page) -> str:
    """What the ruler says."""
    return str(page.evaluate("document.querySelector('.stage').dataset.length"))


def test_the_ruler(page: Page, sixteen_bits: Path) -> None:
    answered(page, sixteen_bits)
    page.locator(".stage").focus()
    before = shot(page)
    press(page, "d", "ArrowUp")
    assert np.abs(shot(page) - before).max() > 100  # where the pointer is can be seen
    press(page, "Enter", *["ArrowRight"] * 5, "Enter")
    zoom = readout(page)[0] / 100
    assert float(length(page).split()[0]) == pytest.approx(5 * STEP / zoom * 0.2, rel=0.02)
    said = length(page)
    press(page, "ArrowRight")  # its end is set
    page.wait_for_timeout(60)
    assert length(page) == said


def test_a_line_that_was_begun_ends_with_its_tool(
    page: Page, sixteen_bits: Path, failures: list[str]
) -> None:
    answered(page, sixteen_bits)
    page.locator(".stage").focus()
    press(page, "d", "Enter", "d", "d", "ArrowRight")
    press(page, "o", "Enter", "ArrowRight", "z", "ArrowRight", "Enter", "Escape", "ArrowRight")
    assert not failures


def test_a_line_goes_on_after_zooming_and_its_cross_goes_with_its_tool(
    page: Page, sixteen_bits: Path
) -> None:
    answered(page, sixteen_bits)
    page.locator(".stage").focus()
    before = shot(page)
    press(page, "d", "Enter", "+", *["ArrowRight"] * 3, "Enter")
    zoom = readout(page)[0] / 100
    # It began in the middle, which zooming leaves where it is.
    assert float(length(page).split()[0]) == pytest.approx(3 * STEP / zoom * 0.2, rel=0.02)
    press(page, "d", "0")
    page.wait_for_timeout(60)
    np.testing.assert_array_equal(shot(page), before)


def test_the_window(page: Page, sixteen_bits: Path) -> None:
    answered(page, sixteen_bits)
    page.locator(".stage").focus()
    _, width, level = readout(page)
    press(page, "w", "ArrowRight", "ArrowDown")
    _, wider, higher = readout(page)
    assert wider > width
    assert higher > level
    press(page, "ArrowLeft", "ArrowUp")
    assert readout(page)[1:] == (width, level)
    press(page, "w", "m", "Shift+ArrowRight")  # at any time
    assert readout(page)[1] == pytest.approx(wider, abs=1)


def test_rubbing_out(page: Page, image_file: Path) -> None:
    answered(page, image_file)
    said = page.locator(".without")
    page.locator(".stage").focus()
    press(page, "e", "Space")
    expect(said).to_contain_text("Without what is rubbed out")
    press(page, "z")
    expect(said).to_have_text(EN["what_if"])
    press(page, "o", *["ArrowLeft"] * 15, *["ArrowUp"] * 15, "Enter")
    press(page, *["ArrowRight"] * 15, *["ArrowDown"] * 15, "Enter")
    expect(said).to_contain_text("Without what is rubbed out")
    before, after = said.inner_text().split(" → ")
    assert number_in(after) != number_in(before)
    press(page, *["ArrowLeft"] * 30)  # the box stays as it was
    expect(said).to_have_text(f"{before} → {after}")


def test_the_magnifier_shows_the_value_where_it_is(page: Page, image_file: Path) -> None:
    answered(page, image_file)
    page.locator(".stage").focus()
    press(page, "m", "ArrowLeft")
    expect(page.locator(".readout")).to_contain_text("value")
