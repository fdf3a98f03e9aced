"""What the probability would be without a region, computed in the browser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from cxr.classifier import Classifier, Prediction
from cxr.reading.radiograph import read_radiograph
from tests.conftest import PAGE_MARKS
from tests.cxr.browser import EN, answered, number_in

pytestmark = PAGE_MARKS


def without_hottest(answer: Prediction) -> float:
    """What the engine says without the hottest place that counts and its neighbours."""
    found = answer.evidence
    assert found
    row, column = np.unravel_index(np.argmax(found.evidence * found.weights), found.evidence.shape)
    y, x = np.indices(found.evidence.shape)
    erased = (np.hypot(y - row, x - column) <= 2).astype(np.float32)
    return answer.operating_points.probability(found.logit(erased))


def test_the_browsers_what_if_is_the_engines(
    page: Page, image_file: Path, tiny_classifier: Classifier
) -> None:
    answer = tiny_classifier.predict(read_radiograph(image_file))
    assert answer.evidence
    assert answer.operating_points.probability(answer.evidence.logit()) == answer.probability
    answered(page, image_file)
    page.keyboard.press("x")
    said = page.locator(".without").inner_text()
    expect(page.locator(".banner")).to_have_text(said)  # in sight on a phone and a full screen
    before, after = said.split(" → ")
    assert number_in(before) == pytest.approx(answer.probability, abs=0.0006)
    assert number_in(after) == pytest.approx(without_hottest(answer), abs=0.0006)
    page.keyboard.press("z")
    expect(page.locator(".without")).to_have_text(EN["what_if"])
    page.keyboard.press("e")
    page.locator(".stage").hover(position={"x": 300, "y": 200})
    page.mouse.down()
    page.mouse.move(500, 300, steps=4)
    page.mouse.up()
    expect(page.locator(".without")).to_contain_text("Without what is rubbed out")
    page.locator("[data-what=all]").click()
    expect(page.locator(".without")).to_have_text(EN["what_if"])


def test_a_box_takes_out_what_lies_in_it_and_no_more(
    page: Page, image_file: Path, tiny_classifier: Classifier
) -> None:
    answer = tiny_classifier.predict(read_radiograph(image_file))
    assert answer.evidence
    quarter = np.zeros(answer.evidence.evidence.shape, np.float32)
    quarter[: len(quarter) // 2, : len(quarter) // 2] = 1
    without = answer.operating_points.probability(answer.evidence.logit(quarter))
    answered(page, image_file)
    page.keyboard.press("o")
    box = page.locator(".stage").bounding_box()
    assert box
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.down()
    # Without most of the lungs there is nothing to judge by.
    page.mouse.move(box["x"] + box["width"] - 4, box["y"] + box["height"] - 4, steps=3)
    said = page.locator(".without")
    expect(said).to_have_text(EN["too_little_left"])
    # The upper left quarter, in the middle of which the radiograph lies.
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=3)
    expect(said).to_contain_text("Without what is rubbed out")
    assert number_in(said.inner_text().split(" → ")[1]) == pytest.approx(without, abs=0.0006)
    page.mouse.move(box["x"] + 4, box["y"] + 4, steps=3)  # smaller again: nothing is left in it
    expect(said).to_have_text(EN["what_if"])
    page.mouse.up()


def test_there_is_an_end_to_rubbing_out(page: Page, image_file: Path) -> None:
    answered(page, image_file)
    button = page.locator("[data-what=hottest]")
    for _ in range(64):  # cells of the map
        if button.is_disabled():
            break
        button.click()
    expect(button).to_be_disabled()
    page.keyboard.press("x")  # says and does nothing more
    page.locator("[data-what=all]").click()
    expect(button).to_be_enabled()
