"""The list over reloads, in several tabs, and without room or files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Page, expect

from tests.conftest import PAGE_MARKS
from tests.cxr.browser import ANSWERED, EN, choose_many, many_status, row_of, violations

pytestmark = PAGE_MARKS


def test_the_list_survives_a_reload_until_it_is_deleted(
    page: Page, archive: Path, image_file: Path
) -> None:
    for path in (image_file, archive):
        choose_many(page, path)
        expect(many_status(page)).to_contain_text(" 0 left", timeout=30_000)
    expect(many_status(page)).to_contain_text("6 of 6 done", timeout=30_000)
    page.get_by_label("Your reading, ward/one.png").select_option("NORMAL")
    expect(page.locator(".kept")).to_have_text(EN["kept_all"])
    before = page.locator("#many tbody").inner_text()
    page.reload()
    expect(page.locator("#many tbody tr")).to_have_count(6)
    assert page.locator("#many tbody").inner_text() == before
    expect(page.get_by_label("Your reading, ward/one.png")).to_have_value("NORMAL")
    for name in ("image.png", "ward/one.png"):  # of a file, and of a ZIP file
        page.locator("button[data-view=many]").click()
        page.get_by_role("button", name=name, exact=True).click()
        expect(page.locator(".verdict .name").first).to_have_text(Path(name).name)
    page.keyboard.press("a")
    page.locator("[data-do=delete]").click()
    page.locator("[data-do=keep_all]").click()
    expect(page.locator("#many tbody tr")).to_have_count(6)
    page.locator("[data-do=delete]").click()
    page.locator("[data-do=delete_all]").click()
    expect(page.locator("#many tbody tr")).to_have_count(0)
    page.reload()
    expect(page.locator(".hint")).to_contain_text("Or drop")
    page.wait_for_function("() => window.cxrList.ready.then(() => true)")
    assert page.evaluate("async () => (await window.cxrStore.open('list-files').all()).length") == 0
    expect(page.locator("#many tbody tr")).to_have_count(0)


def test_without_room_in_the_browser_the_list_stays_and_deleting_makes_room(
    page: Page, url: str, tmp_path: Path, image_file: Path
) -> None:
    session = page.context.new_cdp_session(page)
    session.send("Storage.overrideQuotaForOrigin", {"origin": url, "quotaSize": 300_000})
    page.reload()
    choose_many(page, image_file)
    expect(page.locator(".kept")).to_have_text(EN["kept_all"], timeout=30_000)
    large = tmp_path / "large.png"
    noise = np.random.default_rng(0).integers(0, 255, (700, 700)).astype(np.uint8)
    cv2.imwrite(str(large), noise)
    choose_many(page, large)
    expect(many_status(page)).to_contain_text("2 of 2 done", timeout=30_000)
    expect(page.locator(".kept")).to_have_text(EN["kept_full"])
    page.reload()  # what was kept before is there, and the row of what was not
    expect(page.locator("#many tbody tr")).to_have_count(2)
    page.locator("button[data-view=many]").click()
    row_of(page, "large.png").get_by_role("button").click()
    expect(page.locator("#many .notice")).to_contain_text("large.png: the file is not there")
    row_of(page, "image.png").get_by_role("button").click()
    page.wait_for_selector(ANSWERED)
    page.keyboard.press("a")
    page.locator("[data-do=delete]").click()
    page.locator("[data-do=delete_all]").click()
    choose_many(page, image_file)
    expect(many_status(page)).to_contain_text("1 of 1 done", timeout=30_000)
    expect(page.locator(".kept")).to_have_text(EN["kept_all"])
    choose_many(page, image_file)  # a second file of the same name is another one
    names = page.locator("#many tbody td.file")
    expect(names).to_have_text(["image.png", "image.png (2)"])


def test_a_second_tab_does_not_overwrite_the_list(
    page: Page, image_file: Path, gradient_file: Path
) -> None:
    choose_many(page, image_file)
    expect(many_status(page)).to_contain_text("1 of 1 done", timeout=30_000)
    other = page.context.new_page()
    other.goto(page.url)
    choose_many(other, gradient_file)  # not added, and it is said
    expect(other.locator("#many .other-tab")).to_contain_text(EN["other_tab_list"])
    assert not violations(other)
    page.get_by_label("Your reading, image.png").select_option("NORMAL")
    other.locator("#many [data-do=here]").click()
    expect(other.get_by_label("Your reading, image.png")).to_have_value("NORMAL")
    expect(other.locator("#many tbody tr")).to_have_count(1)
    expect(page.locator("#many .other-tab")).to_be_visible()
    other.get_by_label("Your reading, image.png").select_option("UNSURE")
    other.close()
    expect(page.get_by_label("Your reading, image.png")).to_have_value("UNSURE")


def test_what_was_chosen_is_read_from_the_browser_once_it_is_gone_from_the_disk(
    page_on_disk: Page, archive: Path, image_file: Path
) -> None:
    page = page_on_disk
    for path in (archive, image_file):
        choose_many(page, path)
        expect(many_status(page)).to_contain_text(" 0 left", timeout=30_000)
    expect(page.locator(".kept")).to_have_text(EN["kept_all"])
    archive.unlink()
    image_file.unlink()
    for name in ("ward/one.png", "image.png"):
        page.locator("button[data-view=many]").click()
        page.get_by_role("button", name=name, exact=True).click()
        page.wait_for_selector(ANSWERED)
        expect(page.locator(".verdict .name").first).to_have_text(Path(name).name)


def test_order_filters_and_the_open_radiograph_outlast_a_reload(page: Page, archive: Path) -> None:
    choose_many(page, archive)
    expect(many_status(page)).to_contain_text(" 0 left", timeout=30_000)
    expect(page.locator(".kept")).to_have_text(EN["kept_all"])
    page.locator("[data-sort=remarks]").click()
    names = page.locator("#many tbody td.file")
    remarks = [text for text in page.locator("#many td.remarks").all_inner_texts() if text]
    assert len(remarks) == 3
    assert remarks == sorted(remarks, key=str.lower)  # and those without any come last
    page.locator("[data-filter=search]").fill("ward")
    expect(names).to_have_count(4)
    before = names.all_inner_texts()
    page.reload()
    expect(names).to_have_text(before)
    header = page.locator("th", has_text="Remarks")
    expect(header).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("button", name="ward/one.png", exact=True).click()
    page.wait_for_selector(ANSWERED)
    place = page.locator("#walk .place").inner_text()
    assert place.endswith(" of 4")
    page.reload()
    page.wait_for_selector(ANSWERED)
    expect(page.locator(".verdict .name").first).to_have_text("one.png")
    expect(page.locator("#walk .place")).to_have_text(place)


def test_a_list_that_the_browser_does_not_delete_is_said(page: Page, image_file: Path) -> None:
    choose_many(page, image_file)
    expect(page.locator(".kept")).to_have_text(EN["kept_all"], timeout=30_000)
    page.evaluate("() => { IDBObjectStore.prototype.clear = () => { throw new Error('disk'); }; }")
    page.locator("[data-do=delete]").click()
    page.locator("[data-do=delete_all]").click()
    expect(page.locator("#many tbody tr")).to_have_count(0)
    expect(page.locator(".kept")).to_have_text(EN["kept_undeleted"])
