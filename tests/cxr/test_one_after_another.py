"""Radiographs chosen one after another are not mixed up, also where the first is slow."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from gradio.utils import get_upload_folder
from playwright.sync_api import Page, Route, expect

from tests.conftest import PAGE_MARKS
from tests.cxr.browser import answered, choose, shot

pytestmark = PAGE_MARKS


@pytest.fixture
def other_file(image_file: Path, tmp_path: Path) -> Path:
    """The radiograph of `image_file` mirrored, and larger."""
    path = tmp_path / "other.png"
    mirrored = cv2.imread(str(image_file), cv2.IMREAD_GRAYSCALE)[:, ::-1]
    cv2.imwrite(str(path), cv2.resize(mirrored, (480, 360)))
    return path


def report_name(page: Page) -> str:
    with page.expect_download() as waiting:
        page.locator("[data-keep=report]").click()
    return waiting.value.suggested_filename


def test_a_report_is_of_the_radiograph_that_is_shown(
    page: Page, image_file: Path, other_file: Path
) -> None:
    held: list[Route] = []
    uploads = re.compile("/upload")
    page.route(uploads, lambda route: route.continue_() if held else held.append(route))
    with page.expect_request(uploads):
        choose(page, other_file)
    answered(page, image_file)
    with page.expect_response(uploads):  # of the first, which is late
        held[0].continue_()
    page.wait_for_timeout(300)
    assert report_name(page) == "image_report.pdf"
    expect(page.locator(".verdict .name")).to_have_text("image.png")


def test_a_radiograph_that_is_late_changes_nothing_of_what_is_shown(
    page: Page, image_file: Path, other_file: Path
) -> None:
    page.evaluate("""() => {
      const { arrayBuffer } = Response.prototype;
      Response.prototype.arrayBuffer = async function () {
        Response.prototype.arrayBuffer = arrayBuffer;
        await new Promise((release) => { window.release = release; });
        return arrayBuffer.call(this);
      };
    }""")
    choose(page, other_file)
    page.wait_for_function("Boolean(window.release)")
    answered(page, image_file)
    page.keyboard.press("i")
    before = shot(page)
    page.evaluate("release()")
    page.wait_for_timeout(300)
    page.keyboard.press("i")
    page.keyboard.press("i")  # drawn anew
    np.testing.assert_array_equal(shot(page), before)


def test_a_report_can_be_made_after_the_upload_was_deleted(page: Page, image_file: Path) -> None:
    answered(page, image_file)
    shutil.rmtree(get_upload_folder())
    assert report_name(page) == "image_report.pdf"
