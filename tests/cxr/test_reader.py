"""What the reader does with an answer, in a real browser: own readings, and files to keep."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path

import cv2
import pytest
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader

from cxr.classifier import Classifier
from cxr.errors import CXRError
from cxr.page import notes
from cxr.page.clients import asking
from cxr.page.notes import note_keeper
from tests.conftest import PAGE_MARKS
from tests.cxr.browser import (
    EN,
    answered,
    choose,
    choose_many,
    many_status,
    opened,
    row_of,
    served,
    set_slider,
)

pytestmark = PAGE_MARKS


def test_what_the_reader_keeps(page: Page, image_file: Path, tmp_path: Path) -> None:
    answered(page, image_file)
    set_slider(page, ".threshold", 0.33)
    page.locator(".language").click()
    for name in ("first.pdf", "again.pdf"):
        with page.expect_download() as waiting:
            page.locator("[data-keep=report]").click()
        assert waiting.value.suggested_filename == "image_report.pdf"
        waiting.value.save_as(tmp_path / name)
        words = " ".join(PdfReader(tmp_path / name).pages[0].extract_text().split())
        assert "33 % (celui du lecteur)" in words
        assert "image.png" in words
    with page.expect_download() as waiting:
        page.locator("[data-keep=overlay]").click()
    assert waiting.value.suggested_filename == "image_overlay.png"
    waiting.value.save_as(tmp_path / "overlay.png")
    height, width, _ = cv2.imread(str(tmp_path / "overlay.png")).shape
    assert width == 480  # the least for a caption that can be read
    assert height > 180  # a caption is burnt in below


def test_the_reader_first(page: Page, image_file: Path, tmp_path: Path) -> None:
    another = tmp_path / "another.png"
    cv2.imwrite(str(another), cv2.imread(str(image_file))[:, ::-1])
    answered(page, another)
    set_slider(page, ".threshold", 0)  # the model calls everything pneumonia
    answer = page.locator(".answer")
    page.locator(".read-first").check()
    expect(answer).to_be_visible()  # of this image it has been seen
    choose(page, image_file)
    expect(page.locator(".own-reading .name")).to_have_text("image.png")
    expect(answer).to_be_hidden()
    page.keyboard.press("h")
    expect(page.locator(".legend")).to_be_hidden()
    page.locator("[name=own][value=PNEUMONIA]").check()
    expect(page.locator(".how-sure")).to_have_text(EN["confidence_unset"])
    set_slider(page, ".confidence", 90)
    expect(page.locator(".how-sure")).to_have_text("90%")
    page.locator(".own-reading button").click()
    expect(answer).to_be_visible()
    expect(page.locator(".agreement")).to_contain_text("You read 1 radiograph first; you and")
    expect(page.locator(".agreement")).to_contain_text("agree on 1.")
    set_slider(page, ".threshold", 1)  # what was answered stays what it was
    page.locator(".feedback summary").click()
    page.locator("[name=agree][value=disagree]").check()
    page.locator(".comment").fill('=1+1, "rotated"')
    page.locator("[data-note=save]").click()
    expect(page.locator(".saved")).to_have_text(EN["feedback_saved"])
    expect(page.locator(".agreement")).to_contain_text("agree on 1.")

    with page.expect_download() as waiting:
        page.locator("[data-note=download]").click()
    waiting.value.save_as(tmp_path / "notes.csv")
    with (tmp_path / "notes.csv").open(encoding="utf-8-sig", newline="") as file:
        (mine,) = csv.DictReader(file)
    assert mine["file"] == "image.png"
    assert mine["own"] == mine["verdict"] == "PNEUMONIA"
    assert float(mine["threshold"]) == 0
    assert float(mine["confidence"]) == 0.9
    assert mine["feedback"] == "disagree"
    assert mine["comment"] == '\'=1+1, "rotated"'  # no formula
    page.locator("[data-note=clear]").click()
    expect(page.locator(".agreement")).to_be_empty()


def test_what_is_said_of_one_radiograph_is_not_said_of_the_next(
    page: Page, image_file: Path, tmp_path: Path
) -> None:
    another = tmp_path / "another.png"
    cv2.imwrite(str(another), cv2.imread(str(image_file))[:, ::-1])
    page.evaluate("window.cxr.setReadFirst(true)")
    answered(page, image_file)
    page.locator("[name=own][value=PNEUMONIA]").check()
    set_slider(page, ".confidence", 90)
    answered(page, another)  # without having submitted
    expect(page.locator("[name=own]:checked")).to_have_count(0)
    expect(page.locator(".how-sure")).to_have_text(EN["confidence_unset"])
    page.locator("[name=own][value=NORMAL]").check()
    page.locator(".own-reading button").click()
    expect(page.locator(".verdict")).to_be_focused()
    page.locator(".feedback summary").click()
    page.locator(".comment").fill("a comment that nobody saved")
    answered(page, image_file)
    expect(page.locator(".own-reading")).to_be_visible()
    answered(page, another)  # it has been read, and its answer was seen
    expect(page.locator(".own-reading")).to_be_hidden()
    expect(page.locator(".comment")).to_have_value("a comment that nobody saved")
    (mine,) = page.evaluate("JSON.parse(sessionStorage.getItem('cxr.notes'))")
    assert (mine["file"], mine["own"]) == ("another.png", "NORMAL")


def test_who_reads_first_reads_first_in_the_list_too(
    page: Page, archive: Path, tmp_path: Path
) -> None:
    page.evaluate("window.cxr.setReadFirst(true)")
    choose_many(page, archive)
    expect(many_status(page)).to_contain_text(" 0 left", timeout=30_000)
    one, two = row_of(page, "ward/one.png"), row_of(page, "ward/=two.png")
    for row in (one, two):
        expect(row.locator(".verdict")).to_have_text(EN["status_unread"])
        for cell in (".number", ".worth"):
            expect(row.locator(cell)).to_have_text("–")
    expect(row_of(page, "ward/gradient.png").locator(".verdict")).to_have_text(EN["status_refused"])
    page.get_by_label("Your reading, ward/=two.png").select_option("NORMAL")
    expect(two.locator(".number")).to_contain_text("%")
    one.get_by_role("button").click()
    page.locator("[name=own][value=UNSURE]").check()
    page.locator(".own-reading button").click()  # in the viewer, which counts for the list
    page.keyboard.press("a")
    expect(page.get_by_label("Your reading, ward/one.png")).to_have_value("UNSURE")
    expect(one.locator(".verdict")).not_to_have_text(EN["status_unread"])
    expect(one.locator(".number")).to_contain_text("%")
    page.get_by_label("Your reading, ward/one.png").select_option("")
    with page.expect_download() as waiting:
        page.locator("[data-do=csv]").click()
    waiting.value.save_as(tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(encoding="utf-8-sig", newline="") as file:
        table = {row["file"]: row for row in csv.DictReader(file)}
    assert (table["ward/one.png"]["verdict"], table["ward/one.png"]["probability"]) == (
        "unread",
        "",
    )
    assert float(table["ward/=two.png"]["probability"]) > 0
    with page.expect_download() as waiting:
        page.locator("[data-do=overlays]").click()
    waiting.value.save_as(tmp_path / "overlays.zip")
    with zipfile.ZipFile(tmp_path / "overlays.zip") as overlays:
        assert overlays.namelist() == ["ward_=two.png"]
    said = "2 radiographs are not in the ZIP file: you have not read them yet"
    expect(page.locator("#many .notice")).to_contain_text(said)
    one.get_by_role("button").click()  # it has been read: its answer is shown, and it counts again
    expect(page.locator("#viewer .answer")).to_be_visible()
    page.keyboard.press("a")
    expect(page.get_by_label("Your reading, ward/one.png")).to_have_value("UNSURE")


def test_notes_outlast_a_browser_that_keeps_nothing(page: Page, image_file: Path) -> None:
    page.evaluate("() => { Storage.prototype.setItem = () => { throw new Error('forbidden'); }; }")
    answered(page, image_file)
    page.locator(".feedback summary").click()
    page.locator("[name=agree][value=agree]").check()
    page.locator("[data-note=save]").click()
    expect(page.locator(".saved")).to_have_text(EN["feedback_saved"])
    with page.expect_download():
        page.locator("[data-note=download]").click()
    page.locator("[data-note=clear]").click()
    expect(page.locator("[name=agree]:checked")).to_have_count(0)


def test_a_confidence_that_was_not_said_is_none(page: Page, image_file: Path) -> None:
    page.evaluate("window.cxr.setReadFirst(true)")
    answered(page, image_file)
    page.locator("[name=own][value=NORMAL]").check()
    page.locator(".own-reading button").click()
    expect(page.locator(".agreement")).not_to_be_empty()
    (mine,) = page.evaluate("JSON.parse(sessionStorage.getItem('cxr.notes'))")
    assert (mine["own"], mine["confidence"]) == ("NORMAL", None)


def test_the_space_bar_says_that_the_confidence_is_as_it_stands(
    page: Page, image_file: Path
) -> None:
    page.evaluate("window.cxr.setReadFirst(true)")
    answered(page, image_file)
    page.locator("[name=own][value=NORMAL]").check()
    page.locator(".own-reading .confidence").focus()
    page.keyboard.press("Space")
    expect(page.locator(".how-sure")).to_have_text("50%")
    page.locator(".own-reading button").click()
    expect(page.locator(".agreement")).not_to_be_empty()
    (mine,) = page.evaluate("JSON.parse(sessionStorage.getItem('cxr.notes'))")
    assert mine["confidence"] == 0.5


def test_the_reader_may_be_unsure(page: Page, image_file: Path, tmp_path: Path) -> None:
    page.evaluate("window.cxr.setReadFirst(true)")
    answered(page, image_file)
    page.locator("[name=own][value=UNSURE]").check()
    expect(page.locator(".own-reading .confidence")).to_be_disabled()
    page.locator(".own-reading button").click()
    expect(page.locator(".agreement")).to_contain_text("agree on 1. You were unsure about 1.")
    with page.expect_download() as waiting:
        page.locator("[data-note=download]").click()
    waiting.value.save_as(tmp_path / "notes.csv")
    with (tmp_path / "notes.csv").open(encoding="utf-8-sig", newline="") as file:
        (mine,) = csv.DictReader(file)
    assert (mine["own"], mine["confidence"]) == ("UNSURE", "")
    with page.expect_download() as waiting:
        page.locator("[data-keep=report]").click()
    waiting.value.save_as(tmp_path / "report.pdf")
    words = " ".join(PdfReader(tmp_path / "report.pdf").pages[0].extract_text().split())
    own = EN["report_own"].format(verdict=EN["unsure"])
    assert f"{EN['report_own_title']} {own}" in words


def test_notes_for_the_operator_hold_no_image_and_no_name(
    browser: Browser, tiny_classifier: Classifier, image_file: Path, tmp_path: Path
) -> None:
    with (
        served(tiny_classifier, notes=tmp_path / "notes") as address,
        opened(browser, address) as page,
    ):
        answered(page, image_file)
        page.locator(".feedback summary").click()
        page.locator("[name=agree][value=agree]").check()
        page.route("**/component_server/**", lambda route: route.fulfill(status=502))
        page.locator("[data-note=save]").click()
        expect(page.locator(".saved")).to_have_text(EN["feedback_saved"])  # but not sent
        page.unroute("**/component_server/**")
        page.locator("[data-note=save]").click()
        expect(page.locator(".saved")).to_have_text(EN["feedback_sent"])
    (line,) = (tmp_path / "notes" / "notes.jsonl").read_text(encoding="utf-8").splitlines()
    kept = json.loads(line)
    assert kept["feedback"] == "agree"
    assert kept["model"] == tiny_classifier.bundle.sha256
    assert 0 <= kept["probability"] <= 1
    assert kept.keys() <= {
        "day",
        "model",
        "probability",
        "threshold",
        "verdict",
        "feedback",
        "comment",
    }


def test_only_known_fields_of_a_note_are_kept(tmp_path: Path) -> None:
    keep = note_keeper(tmp_path, model="m")
    keep({"file": "Jane Doe.png", "probability": 7, "verdict": "<b>", "comment": "x" * 5000})
    keep(["no note"])
    for odd in ({"verdict": []}, {"comment": "\ud800"}, {"probability": True}):
        keep(odd)  # of these only the second says anything
    line, *odd_lines = (tmp_path / "notes.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(odd_lines) == 1
    assert json.loads(line).keys() == {"day", "model", "comment"}
    assert len(json.loads(line)["comment"]) == 1000


def test_a_note_that_is_not_kept_is_said_not_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page then says that it is in this tab alone."""
    monkeypatch.setattr(notes, "_MAX_A_DAY", 3)
    keep = note_keeper(tmp_path, model="m")
    for number in range(3):
        keep({"feedback": "agree", "comment": str(number)})
    with pytest.raises(CXRError, match="one address has sent 3 notes today"):
        keep({"feedback": "agree"})
    asking.set("10.0.0.2")
    keep({"feedback": "disagree"})
    asking.set("")
    assert len((tmp_path / "notes.jsonl").read_text().splitlines()) == 4
    monkeypatch.setattr(notes, "_MAX_BYTES", 10)
    with pytest.raises(CXRError, match="is full"):
        note_keeper(tmp_path, model="m")({"feedback": "agree"})


def test_a_dicom_image_is_kept_as_dicom(page: Page, data: Path, tmp_path: Path) -> None:
    answered(page, data / "dicom" / "files" / "chest_RSNA_16d7f894.dcm")
    with page.expect_download() as waiting:
        page.locator("[data-keep=dicom]").click()
    assert waiting.value.suggested_filename == "chest_RSNA_16d7f894_dicom.zip"
    waiting.value.save_as(tmp_path / "dicom.zip")
    with zipfile.ZipFile(tmp_path / "dicom.zip") as archive:
        assert archive.namelist() == ["secondary_capture.dcm", "structured_report.dcm"]
        assert archive.read("structured_report.dcm")[128:132] == b"DICM"
