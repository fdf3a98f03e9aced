"""Marks that the reader draws in a study, in a real browser: on the radiograph alone."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.conftest import PAGE_MARKS
from tests.cxr.browser import EN, Fingers
from tests.cxr.studying import mark, phase, read, settled, submit

pytestmark = PAGE_MARKS


def test_what_is_beside_the_radiograph_is_no_mark_and_what_is_unreadable_is_counted(
    page: Page, radiographs: list[Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"broken")
    labels = tmp_path / "labels.csv"
    labels.write_text(f"broken.png,pneumonia\n{radiographs[0].name},normal\n")
    page.locator("nav [data-view=study]").click()
    page.set_input_files("#study .pick-files", [radiographs[0], broken, labels])
    page.locator("#study [data-do=start]").click()
    while (found := settled(page)) != "results":
        if found == "problem":
            page.locator("#study [data-do=leave]").click()
            page.wait_for_selector(".study:not([data-phase=problem])")
            continue
        page.locator("#study [data-do=mark]").click()
        box = page.locator("#study .stage").bounding_box()
        assert box
        page.mouse.click(box["x"] + 3, box["y"] + 3)
        expect(page.locator("#study .marked")).to_have_text(EN["study_no_marks"])
        expect(page.locator("#study [data-do=undo]")).to_be_disabled()
        # A stroke that leaves the radiograph and comes back is two: it marks nothing in between.
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        for across, down in ((0, 3 - y + box["y"]), (3 - x + box["x"], 3 - y + box["y"])):
            page.mouse.move(x + across, y + down, steps=30)
        page.mouse.move(x - 20, y, steps=60)
        page.mouse.up()
        expect(page.locator("#study .marked")).to_have_text("2 marks")
        read(page, "NORMAL", 80)
        submit(page)
        phase(page, "aid")
        submit(page)
        page.wait_for_selector(".study:not([data-phase=aid])")
    results = page.locator("#study .results")
    expect(results).to_contain_text("Of those left out, 1 had the label pneumonia and 0 the label")


def test_a_second_finger_takes_back_its_own_stroke_alone(
    page: Page, radiographs: list[Path]
) -> None:
    """Two fingers zoom; the first of them may have come down beside the radiograph."""
    page.locator("nav [data-view=study]").click()
    page.set_input_files("#study .pick-files", radiographs[0])
    page.locator("#study [data-do=start]").click()
    phase(page, "read")
    mark(page)
    box = page.locator("#study .stage").bounding_box()
    assert box
    beside = (box["x"] + 3, box["y"] + box["height"] / 2)
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    for first, second in ((beside, middle), (middle, beside)):
        fingers = Fingers(page)
        fingers.put(first)
        fingers.put(first, second)
        fingers.lift()
        expect(page.locator("#study .marked")).to_have_text("1 mark")
    page.locator("#study [data-do=undo]").click()
    expect(page.locator("#study .marked")).to_have_text(EN["study_no_marks"])
