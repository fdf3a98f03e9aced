"""The list of many radiographs, in a real browser."""

from __future__ import annotations

import base64
import csv
import re
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

from cxr.classifier import Classifier
from cxr.messages import Message, sentences
from cxr.page import waiting_turns
from cxr.page.many import create_many
from cxr.page.uploads import asked_name
from cxr.page.waiting_turns import Turns
from cxr.reading.radiograph import read_radiograph
from tests.conftest import PAGE_MARKS
from tests.cxr.browser import ANSWERED, EN, answered, choose_many, many_status, row_of

pytestmark = PAGE_MARKS
ASKED = re.compile("/component_server")


def test_many_images(
    page: Page, archive: Path, tmp_path: Path, tiny_classifier: Classifier
) -> None:
    choose_many(page, archive)
    done = "5 of 5 done, 0 left: 1 refused, 1 unreadable"
    expect(many_status(page)).to_have_text(done, timeout=30_000)
    expect(page.locator("#many tbody tr")).to_have_count(5)
    expect(page.locator("#many .notice")).to_contain_text("ward/labels.csv: a table is not a")
    expect(page.locator("#many .notice")).to_contain_text(
        "2 files are not images and were left out: ward/README.txt, ward/Dates.XLSX."
    )
    answer = tiny_classifier.predict(read_radiograph(tmp_path / "image.png"))
    one = row_of(page, "ward/one.png")
    expect(one.locator(".verdict")).to_have_text(EN[f"verdict_{answer.verdict()}"])
    expect(one.locator(".worth")).to_have_text(EN[f"worth_{answer.checks.worth}"])
    shape = one.locator("img").evaluate("image => image.clientWidth / image.clientHeight")
    assert shape == pytest.approx(240 / 180, rel=0.02)
    expect(row_of(page, "inverted.png")).to_contain_text("Black and white are")
    expect(row_of(page, "gradient.png")).to_contain_text(sentences([Message("no_lungs")]))
    expect(row_of(page, "broken.jpeg")).to_contain_text("This is not an image")
    page.get_by_label("Your reading, ward/one.png").select_option("UNSURE")
    page.locator(".language").click()
    expect(many_status(page)).to_have_text("5 sur 5, 0 restante : 1 refusée, 1 illisible")

    with page.expect_download() as waiting:
        page.locator("[data-do=csv]").click()
    waiting.value.save_as(tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(encoding="utf-8-sig", newline="") as file:
        # As spreadsheets in French read them.
        table = {line["file"]: line for line in csv.DictReader(file, delimiter=";")}
    assert len(table) == 5
    probability = table["ward/one.png"]["probability"]
    assert float(probability.replace(",", ".")) == pytest.approx(answer.probability)
    assert "." not in probability
    assert table["ward/one.png"]["verdict"] == answer.verdict()
    assert table["ward/one.png"]["evidence"] == answer.checks.worth
    assert table["ward/one.png"]["own_label"] == "UNSURE"
    assert table["ward/gradient.png"]["status"] == "refused"
    assert table["ward/gradient.png"]["probability"] == ""
    assert table["ward/gradient.png"]["own_label"] == ""

    refused = []

    def busy_at_first(route: Route) -> None:
        asked = route.request.post_data_json
        if asked["fn_name"] == "overlay_of" and not refused:
            refused.append(asked)
            route.fulfill(json={"overlay": None, "stem": None, "busy": True})
        else:
            route.continue_()

    page.route(ASKED, busy_at_first)
    with page.expect_download() as waiting:
        page.locator("[data-do=overlays]").click()
    waiting.value.save_as(tmp_path / "overlays.zip")
    assert refused
    with zipfile.ZipFile(tmp_path / "overlays.zip") as overlays:
        assert overlays.testzip() is None
        assert sorted(overlays.namelist()) == ["inverted.png", "ward_=two.png", "ward_one.png"]
        content = np.frombuffer(overlays.read("ward_one.png"), np.uint8)
        height, width, _ = cv2.imdecode(content, cv2.IMREAD_COLOR).shape
        assert (height, width) == (231, 480)  # of 180 and 240, with a caption that can be read


def test_filters_and_order(page: Page, archive: Path, tmp_path: Path) -> None:
    choose_many(page, archive)
    expect(many_status(page)).to_contain_text(" 0 left", timeout=30_000)
    names = page.locator("#many tbody td.file")
    page.locator("[data-filter=verdict]").select_option("refused")
    expect(names).to_have_text(["ward/gradient.png"])
    expect(page.locator(".shown")).to_contain_text("1 of 5 shown")
    with page.expect_download() as waiting:
        page.locator("[data-do=csv]").click()
    waiting.value.save_as(tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text(encoding="utf-8-sig").count("ward/") == 1
    page.locator("[data-do=all]").click()
    expect(names).to_have_count(5)
    page.locator("[data-filter=remarks]").select_option("none")
    expect(names).to_have_text(["ward/=two.png", "ward/one.png"])
    page.locator("[data-filter=remarks]").select_option("")
    page.locator("[data-filter=search]").fill("WHITE are")
    expect(names).to_have_text(["inverted.png"])
    page.locator("[data-filter=search]").fill("")
    page.get_by_label("Your reading, ward/one.png").select_option("NORMAL")
    page.locator("[data-filter=own]").select_option("NORMAL")
    expect(names).to_have_text(["ward/one.png"])
    page.locator("[data-do=all]").click()
    page.locator("[data-sort=name]").click()
    order = ["inverted.png", *(f"ward/{n}" for n in ("=two.png", "broken.jpeg", "gradient.png"))]
    expect(names).to_have_text([*order, "ward/one.png"])
    page.locator("[data-sort=name]").click()
    expect(names).to_have_text(["ward/one.png", *reversed(order)])
    expect(page.locator("th", has_text="File")).to_have_attribute("aria-sort", "descending")
    page.locator(".sort").select_option("own")
    expect(names.first).to_have_text("ward/one.png")
    page.locator(".sort").select_option("probability")
    for _ in range(2):  # what has no number is last, whichever way the others go
        expect(names.nth(3)).to_have_text("ward/broken.jpeg")
        expect(names.nth(4)).to_have_text("ward/gradient.png")
        page.locator("[data-do=reverse]").click()


def test_from_one_radiograph_to_the_next_by_keyboard(
    page: Page, image_file: Path, gradient_file: Path
) -> None:
    choose_many(page, image_file, gradient_file)
    expect(many_status(page)).to_contain_text(" 0 left", timeout=30_000)
    row_of(page, "image.png").get_by_role("button").click()
    page.wait_for_selector(ANSWERED)
    expect(page.locator("#many")).to_be_hidden()
    expect(page.locator("#walk .place")).to_have_text("1 of 2")
    page.keyboard.press("2")
    pressed = page.locator("#walk [aria-pressed=true]")
    expect(pressed).to_contain_text(EN["verdict_PNEUMONIA"])
    page.keyboard.press("n")
    expect(page.locator(".problem .name")).to_have_text("gradient.png")
    expect(page.locator("#walk .place")).to_have_text("2 of 2")
    expect(pressed).to_have_count(0)
    page.keyboard.press("n")  # there is no further one
    expect(page.locator("#walk .place")).to_have_text("2 of 2")
    page.keyboard.press("p")
    page.wait_for_selector(ANSWERED)
    expect(page.locator(".verdict .name").first).to_have_text("image.png")
    page.keyboard.press("a")
    expect(page.locator("#many")).to_be_visible()
    expect(page.get_by_role("button", name="image.png")).to_be_focused()
    expect(page.get_by_label("Your reading, image.png")).to_have_value("PNEUMONIA")
    # A radiograph that did not come from the list has no next one in it.
    page.locator("button[data-view=one]").click()
    answered(page, image_file)
    expect(page.locator("#walk nav")).to_be_hidden()


def test_a_dropped_folder_keeps_the_paths_of_its_files(
    page: Page, tmp_path: Path, image_file: Path
) -> None:
    for ward in ("ward a", "ward b"):
        (tmp_path / "study" / ward).mkdir(parents=True)
        (tmp_path / "study" / ward / "image.png").write_bytes(image_file.read_bytes())
    drop(page, tmp_path / "study")
    expect(many_status(page)).to_contain_text("2 of 2 done", timeout=30_000)
    page.locator("[data-sort=name]").click()
    names = [f"study/{ward}/image.png" for ward in ("ward a", "ward b")]
    expect(page.locator("#many tbody td.file")).to_have_text(names)
    page.get_by_role("button", name=names[1]).click()
    page.wait_for_selector(ANSWERED)
    expect(page.locator("#walk .path")).to_have_text(names[1])


def drop(page: Page, path: Path) -> None:
    """Drop a file or a folder on the page, as from the system's file manager."""
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 400, "y": 400, "data": data})


def test_many_images_can_be_stopped_and_go_on(page: Page, image_file: Path, tmp_path: Path) -> None:
    for i in range(60):
        (tmp_path / f"image_{i}.png").write_bytes(image_file.read_bytes())
    choose_many(page, *sorted(tmp_path.glob("image_*.png")))
    done = page.locator("#many tbody tr:not([data-verdict=waiting])")
    done.nth(2).wait_for()
    page.locator("[data-do=cancel]").click()
    expect(page.locator("[data-do=cancel]")).to_be_hidden(timeout=20_000)
    stopped = done.count()
    assert 3 <= stopped < 60
    page.wait_for_timeout(1000)
    assert done.count() == stopped
    left = 60 - stopped
    page.get_by_role("button", name=f"Continue ({left} left)").click()
    done.nth(stopped).wait_for()
    page.locator("[data-do=cancel]").click()


def test_a_run_stops_without_a_connection_and_nothing_is_lost(page: Page, image_file: Path) -> None:
    page.locator("button[data-view=many]").click()
    page.context.set_offline(True)
    page.set_input_files(".pick-files", image_file)
    expect(page.locator("#many .notice")).to_contain_text(EN["state_offline"])
    expect(row_of(page, "image.png")).to_contain_text(EN["status_waiting"])
    page.context.set_offline(False)
    page.locator("[data-do=resume]").click()
    expect(many_status(page)).to_contain_text("1 of 1 done", timeout=30_000)
    expect(page.locator("#many .notice")).to_be_hidden()


def test_the_overlay_is_the_answers_own_map(
    tiny_classifier: Classifier,
    image_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is drawn from what was answered, turned back as the radiograph came, and not answered."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    turned = tmp_path / "turned.png"
    upright = cv2.imread(str(image_file), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(turned), np.rot90(upright))
    table = create_many(tiny_classifier, turns=Turns(1), elem_id="many")
    monkeypatch.setattr(Classifier, "predict", lambda *_: pytest.fail("answered again"))
    # All heat is in the upper left corner of the upright radiograph.
    asked = {"path": str(turned), "name": "turned.png", "map": [[1, 0], [0, 0]], "turns": 3}
    sent = table.overlay_of(asked)["overlay"]
    # Below it stands whether the heatmap supports the answer, if the browser says so.
    captions = [
        table.overlay_of({**asked, "worth": worth})["overlay"]
        for worth in ("not_supported", "supported", "anything", ["weak"])
    ]
    captions.append(table.overlay_of({**asked, "language": "fr"})["overlay"])
    assert len({sent, *captions}) == 4  # two of them are not known
    assert captions[2] == captions[3] == sent
    drawn = cv2.imdecode(np.frombuffer(base64.b64decode(sent), np.uint8), cv2.IMREAD_COLOR)
    drawn = drawn[:240, :180]
    colour = np.ptp(drawn.astype(int), axis=2) > 8
    assert colour[200:, :40].all()  # where that corner lies in the radiograph as it came
    assert not colour[:60].any()
    for odd in (None, "map", [], [[]], [[float("nan")]], [[1], [1, 2]], [[[1]]], [[0] * 999]):
        assert table.overlay_of({**asked, "map": odd}) == {
            "overlay": None,
            "stem": None,
            "busy": False,
        }
    monkeypatch.setattr(waiting_turns, "_MAX_WAIT", 0.01)
    crowded = create_many(tiny_classifier, turns=Turns(0), elem_id="crowded")
    assert crowded.overlay_of(asked) == {"overlay": None, "stem": None, "busy": True}


def test_no_file_but_an_upload_is_ever_opened(
    tiny_classifier: Classifier,
    image_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(uploads))
    table = create_many(tiny_classifier, turns=Turns(1), elem_id="many")
    link = uploads / "link.png"
    link.symlink_to(image_file)
    for path in (image_file, link, uploads / ".." / "image.png", uploads, "", uploads / "none.png"):
        row = table.classify_one({"path": str(path), "name": "../image.png"})
        assert row["status"] == "error"
        assert row["messages"] == [{"code": "no_upload", "values": {}}]
    assert image_file.exists()
    upload = uploads / "upload.png"
    upload.write_bytes(image_file.read_bytes())
    assert table.classify_one({"path": str(upload), "name": "image.png"})["status"] == "ok"
    assert asked_name({"name": "half a character \ud800.png"}) == "half a character ?.png"
    for odd in (None, [], {"path": "\0"}, {"path": [1]}, {"name": {}}):
        assert table.classify_one(odd)["status"] == "error"
        assert table.overlay_of(odd) == {"overlay": None, "stem": None, "busy": False}


def test_a_line_stays_where_it_is_while_it_is_labelled_by_keys(page: Page, archive: Path) -> None:
    choose_many(page, archive)
    expect(many_status(page)).to_contain_text(" 0 left", timeout=30_000)
    page.locator("[data-filter=own]").select_option("none")
    page.locator(".sort").select_option("name")
    label = page.get_by_label("Your reading, ward/broken.jpeg")
    label.focus()
    for value in ("PNEUMONIA", "NORMAL"):
        page.keyboard.press("ArrowDown")
        expect(label).to_have_value(value)
        expect(label).to_be_focused()
    page.keyboard.press("Tab")
    expect(label).to_have_count(0)  # it has a label now
    expect(page.locator("#many tbody tr")).to_have_count(4)


def test_heatmaps_that_are_stopped_leave_no_file_and_say_when_there_are_none(
    page: Page, archive: Path
) -> None:
    choose_many(page, archive)
    expect(many_status(page)).to_contain_text(" 0 left", timeout=30_000)
    downloads: list[object] = []
    page.on("download", lambda download: downloads.append(download))
    waiting: list[Route] = []
    page.route(ASKED, lambda route: waiting.append(route))
    with page.expect_request(ASKED):
        page.locator("[data-do=overlays]").click()
    expect(many_status(page)).to_have_text("Drawing heatmap 1 of 3")
    expect(page.locator("#many progress")).to_have_js_property("value", 0)
    stop = page.locator("[data-do=cancel]")
    stop.focus()
    page.keyboard.press("Enter")
    expect(many_status(page)).to_have_text(EN["many_stopping"])
    expect(stop).to_be_disabled()
    expect(page.locator("[data-do=files]")).to_be_focused()
    waiting[0].continue_()
    expect(stop).to_be_hidden()
    expect(many_status(page)).to_contain_text("5 of 5 done")
    page.locator("[data-filter=verdict]").select_option("refused")
    page.locator("[data-do=overlays]").click()
    expect(page.locator("#many .notice")).to_contain_text(EN["many_none_to_draw"])
    assert not downloads
