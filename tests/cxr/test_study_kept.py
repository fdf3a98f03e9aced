"""A reader study over reloads, in several tabs, and without its files."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import PAGE_MARKS
from tests.cxr.browser import EN, violations
from tests.cxr.studying import begin, choose_files, mark, phase, read, submit

pytestmark = PAGE_MARKS


@pytest.fixture
def pair(tmp_path: Path, image_file: Path) -> list[Path]:
    """An image under two names, and a table whose labels of it contradict each other."""
    names = ["one.png", "two.png"]
    for name in names:
        (tmp_path / name).write_bytes(image_file.read_bytes())
    (tmp_path / "labels.csv").write_text("one.png,normal\ntwo.png,pneumonia\n")
    return [tmp_path / name for name in [*names, "labels.csv"]]


def test_what_is_not_submitted_outlasts_a_reload_and_an_image_counts_once(
    page: Page, pair: list[Path]
) -> None:
    begin(page, pair)
    output = page.locator("#study .how-sure")
    expect(output).to_have_text(EN["confidence_unset"])
    mark(page)
    page.locator("#study [name=choice][value=NORMAL]").check()
    page.reload()
    phase(page, "read")
    expect(page.locator("#study .marked")).to_have_text("1 mark")
    expect(page.locator("#study [value=NORMAL]")).to_be_checked()
    expect(output).to_have_text(EN["confidence_unset"])
    submit(page)
    phase(page, "read")
    page.locator("#study .confidence").click()  # where the slider stands already
    expect(output).to_have_text("50%")
    page.reload()
    phase(page, "read")
    expect(output).to_have_text("50%")
    submit(page)
    phase(page, "aid")
    expect(output).to_have_text("50%")
    page.locator("#study [name=choice][value=PNEUMONIA]").check()  # a new choice: how sure now?
    expect(output).to_have_text(EN["confidence_unset"])
    page.locator("#study .confidence").fill("70")
    page.reload()
    phase(page, "aid")
    expect(page.locator("#study [value=PNEUMONIA]")).to_be_checked()
    expect(output).to_have_text("70%")
    submit(page)
    phase(page, "results")  # the other file has the same image
    results = page.locator("#study .results")
    expect(results).to_contain_text("1 of 2 radiographs read; 1 left out")
    expect(results).to_contain_text("1 radiograph shows the same image as another")
    expect(results).to_contain_text("their labels contradict each other")
    expect(results).to_contain_text(EN["study_no_labels"])


def test_a_second_tab_takes_the_study_over_whole(page: Page, pair: list[Path]) -> None:
    begin(page, pair[:1])
    mark(page)
    read(page, "PNEUMONIA", 80)
    other = page.context.new_page()
    other.goto(page.url)
    other.locator("nav [data-view=study]").click()
    phase(other, "elsewhere")
    expect(other.locator("#study .other-tab")).to_contain_text(EN["other_tab_study"])
    assert not violations(other)
    phase(page, "read")
    other.locator("#study [data-do=here]").click()
    phase(other, "read")
    phase(page, "elsewhere")
    expect(other.locator("#study .marked")).to_have_text("1 mark")
    expect(other.locator("#study .how-sure")).to_have_text("80%")
    submit(other)
    phase(other, "aid")
    page.bring_to_front()
    page.locator("#study [data-do=here]").click()  # and back
    phase(page, "aid")
    phase(other, "elsewhere")
    submit(page)
    phase(page, "results")
    page.close()
    phase(other, "results")


def test_a_tab_does_not_give_away_what_the_browser_has_not_kept(
    page: Page, url: str, pair: list[Path]
) -> None:
    session = page.context.new_cdp_session(page)
    session.send("Storage.overrideQuotaForOrigin", {"origin": url, "quotaSize": 1000})
    begin(page, pair[:1])
    expect(page.locator("#study .notice")).to_have_text(EN["study_full"])
    other = page.context.new_page()
    other.goto(page.url)
    other.locator("nav [data-view=study]").click()
    phase(other, "elsewhere")
    other.locator("#study [data-do=here]").click()
    expect(other.locator("#study .notice")).to_have_text(EN["other_tab_unkept"])
    phase(page, "read")


def test_a_study_that_was_not_kept_whole_does_not_begin(
    page: Page, radiographs: list[Path], tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as archive:
        for path in radiographs[:2]:
            archive.write(path, path.name)
    choose_files(page, tmp_path / "study.zip")
    expect(page.locator("#study .chosen")).to_contain_text("2 radiographs chosen")
    page.evaluate("""() => {
      const { arrayBuffer } = Blob.prototype;
      let read = 0;
      Blob.prototype.arrayBuffer = function () {
        return read++ ? new Promise(() => {}) : arrayBuffer.call(this);
      };
    }""")
    page.locator("#study [data-do=start]").click()
    expect(page.locator("#study .reading")).to_have_text(EN["study_keeping"])
    page.wait_for_timeout(500)  # until the first is kept
    page.reload()
    phase(page, "setup")
    expect(page.locator("#study .notice")).to_have_text(EN["study_not_begun"])
    page.set_input_files("#study .pick-files", radiographs[:1])
    page.locator("#study [data-do=start]").click()
    phase(page, "read")
    expect(page.locator("#study .notice")).to_be_hidden()


def test_a_study_goes_on_once_its_files_are_gone_from_the_disk(
    page_on_disk: Page, radiographs: list[Path]
) -> None:
    page = page_on_disk
    begin(page, radiographs[:2])
    for path in radiographs[:2]:
        path.unlink()
    read(page, "NORMAL", 80)
    submit(page)
    phase(page, "aid")
    submit(page)
    page.wait_for_selector(".study[data-phase=read], .study[data-phase=problem]")
    phase(page, "read")


def test_enter_held_down_submits_one_reading(page: Page, pair: list[Path]) -> None:
    begin(page, pair[:1])
    tools = page.locator("#study .tools")
    expect(tools.locator("[tabindex='0']")).to_be_visible()  # Tab leads to one that is there
    read(page, "NORMAL", 80)
    page.locator("#study [value=NORMAL]").focus()
    page.keyboard.down("Enter")
    phase(page, "aid")
    page.locator("#study [value=NORMAL]").focus()
    page.keyboard.down("Enter")
    page.wait_for_timeout(300)
    phase(page, "aid")
    page.keyboard.up("Enter")
    page.keyboard.press("Enter")
    phase(page, "results")
