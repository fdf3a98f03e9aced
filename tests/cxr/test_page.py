"""The page in a real browser, with a real server and a tiny model behind it."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.request import urlopen

import cv2
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader

import app
from cxr.classifier import Classifier
from cxr.messages import Message, all_texts, sentences
from cxr.model.bundle import Bundle, load_bundle
from cxr.model.operating_points import OperatingPoints
from cxr.page import LAUNCH_SETTINGS, build_page
from cxr.page.many import create_many
from cxr.page.notes import note_keeper
from cxr.reading.radiograph import read_radiograph
from tests.conftest import PAGE_MARKS, ROOT
from tests.loopback_hub import LoopbackHub
from training.sharing.publish import publish

pytestmark = PAGE_MARKS
IMAGE = ".viewer[data-state=radiograph]"
EN, FR = all_texts()["en"], all_texts()["fr"]


@pytest.fixture(scope="module")
def url(tiny_classifier: Classifier) -> Iterator[str]:
    page = build_page(tiny_classifier)
    settings = {**LAUNCH_SETTINGS, "server_name": "127.0.0.1"}
    _, local_url, _ = page.launch(**settings, prevent_thread_lock=True, quiet=True)
    yield local_url
    page.close()


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="en-GB")
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector(".invitation strong")
    expect(page.locator("#status")).to_contain_text("Model tiny 1")
    yield page
    context.close()


def choose(page: Page, path: Path) -> None:
    page.set_input_files("#upload input[type=file]", path)


def set_slider(page: Page, selector: str, value: float) -> None:
    page.locator(selector).fill(str(value))


def displayed_probability(page: Page) -> float:
    text = page.locator(".probability output").inner_text()
    return float(re.sub(r"[^\d.]", "", text)) / 100


def test_first_sight(page: Page) -> None:
    expect(page.locator(".invitation")).to_contain_text(EN["invitation"])
    expect(page.locator("#disclaimer")).to_contain_text("Not a medical device")
    expect(page.locator("#disclaimer")).to_contain_text("children of 1–5 years")
    expect(page.locator(".panel")).to_be_hidden()


def test_a_chosen_image_gets_its_answer(
    page: Page, image_file: Path, tiny_classifier: Classifier
) -> None:
    choose(page, image_file)
    page.wait_for_selector(IMAGE)
    answer = tiny_classifier.predict(read_radiograph(image_file))
    assert displayed_probability(page) == pytest.approx(answer.probability, abs=0.006)
    expect(page.locator(".verdict .name")).to_have_text("image.png")
    label = EN[f"verdict_{answer.verdict()}"]
    expect(page.locator(".verdict .label")).to_have_text(label)
    for picture in (".pane.main .radiograph", "img.heatmap"):
        shape = page.locator(picture).evaluate("image => [image.naturalHeight, image.naturalWidth]")
        assert shape == [180, 240]
    expect(page.locator("#disclaimer")).to_be_visible()


def test_sliders_answer_in_the_browser_alone(
    page: Page, image_file: Path, points: OperatingPoints, tiny_classifier: Classifier
) -> None:
    choose(page, image_file)
    page.wait_for_selector(IMAGE)
    probability = tiny_classifier.predict(read_radiograph(image_file)).probability
    page.wait_for_timeout(500)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))

    for threshold in (0.0, 0.2, 0.4, 0.55, 0.8, 1.0):
        set_slider(page, ".threshold", threshold)
        label = EN[f"verdict_{points.verdict(probability, threshold)}"]
        expect(page.locator(".verdict .label")).to_have_text(label)
        at = points.at(threshold)
        low, high = at.sensitivity_interval()
        sensitivity = f"{at.sensitivity:.1%} ({low:.1%}–{high:.1%})"
        expect(page.locator("output.sensitivity")).to_have_text(sensitivity)
        for name, count in (
            ("sensitivity", at.true_positives),
            ("specificity", at.true_negatives),
        ):
            expect(page.locator(f"small.{name}")).to_contain_text(f"{count} of 100 ")
    page.locator(".reset").click()
    expect(page.locator(".threshold-control output")).to_have_text("0.50 (the model's)")
    label = EN[f"verdict_{points.verdict(probability)}"]
    expect(page.locator(".verdict .label")).to_have_text(label)

    page.keyboard.press("h")
    for opacity in (0.0, 0.25, 1.0):
        set_slider(page, ".opacity", opacity)
        shown = page.locator("img.heatmap").evaluate("image => getComputedStyle(image).opacity")
        assert float(shown) == opacity
    assert not [url for url in requests if not url.startswith("data:")]


def test_the_opacity_changes_the_picture(page: Page, image_file: Path) -> None:
    choose(page, image_file)
    page.wait_for_selector(IMAGE)
    page.keyboard.press("h")
    pictures = []
    for opacity in (0, 1):
        set_slider(page, ".opacity", opacity)
        shot = page.locator(".stage").screenshot()
        pictures.append(cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_COLOR))
    colour = [np.ptp(picture.astype(int), axis=2).max() for picture in pictures]
    assert colour[0] < 5  # a grey image
    assert colour[1] > 30


def test_an_example(page: Page) -> None:
    page.locator("#cases [data-case=hila]").click()
    page.wait_for_selector(IMAGE)
    expect(page.locator(".verdict .name")).to_have_text("hila.jpeg")


def test_a_broken_file_says_so_and_keeps_what_was_shown(
    page: Page, image_file: Path, tmp_path: Path
) -> None:
    choose(page, image_file)
    page.wait_for_selector(IMAGE)
    broken = tmp_path / "<b>broken<b>.jpeg"
    broken.write_bytes(image_file.read_bytes()[:100])
    choose(page, broken)
    notice = page.get_by_role("alert").filter(has_text="broken")
    expect(notice).to_contain_text("the picture is damaged or cut off")
    assert page.locator("#notice b").count() == 0  # a file's name is no markup
    expect(page.locator(".verdict .name")).to_have_text("image.png")
    choose(page, image_file)
    expect(notice).to_be_hidden()


def test_what_is_no_chest_image_is_refused_in_words(
    page: Page, image_file: Path, gradient_file: Path
) -> None:
    choose(page, image_file)
    page.wait_for_selector(IMAGE)
    choose(page, gradient_file)
    notice = page.get_by_role("alert").filter(has_text="gradient.png")
    expect(notice).to_contain_text("gradient.png: this image was not classified. ")
    expect(notice).to_contain_text(sentences([Message("no_lungs")]))
    expect(page.locator(".verdict .name")).to_have_text("image.png")  # what was shown stays
    page.locator(".language").click()
    expect(notice).to_contain_text(sentences([Message("no_lungs")], "fr"))


def test_a_image_that_came_inverted_is_answered_with_a_warning(
    page: Page, image_file: Path, tmp_path: Path
) -> None:
    inverted = tmp_path / "inverted.png"
    cv2.imwrite(str(inverted), 255 - cv2.imread(str(image_file)))
    choose(page, inverted)
    page.wait_for_selector(IMAGE)
    expect(page.locator(".warnings")).to_have_text(sentences([Message("inverted")]))


def test_a_dicom_image(page: Page, data: Path) -> None:
    choose(page, data / "dicom" / "files" / "chest_CR-MONO1-10.dcm")
    page.wait_for_selector(IMAGE)
    shape = page.locator(".pane.main .radiograph").evaluate("image => [image.naturalWidth]")
    assert shape == [440]
    expect(page.locator(".warnings")).to_contain_text("children of 1–5 years")


def test_no_heatmap_until_it_is_asked_for(page: Page, image_file: Path) -> None:
    choose(page, image_file)
    page.wait_for_selector(IMAGE)
    heatmap, legend = page.locator("img.heatmap"), page.locator(".legend")
    expect(heatmap).to_be_hidden()
    expect(legend).to_be_hidden()
    page.locator("[data-tool=heatmap]").click()
    expect(heatmap).to_be_visible()
    set_slider(page, ".threshold", 1)
    expect(legend).to_contain_text(EN["legend_normal"])
    set_slider(page, ".threshold", 0)
    expect(legend).to_contain_text(EN["legend"])
    page.keyboard.press("c")
    expect(heatmap).to_be_hidden()
    expect(page.locator(".contour")).to_be_visible()


def transform(page: Page) -> str:
    return str(page.locator(".pane.main .sheet").evaluate("sheet => sheet.style.transform"))


def test_the_view_is_changed_in_the_browser(page: Page, image_file: Path) -> None:
    choose(page, image_file)
    page.wait_for_selector(IMAGE)
    stage = page.locator(".stage")
    stage.hover()
    page.mouse.wheel(0, -400)
    assert "scale(2.7" in transform(page)
    before = transform(page)
    page.mouse.down()
    page.mouse.move(500, 300)
    page.mouse.up()
    assert transform(page) != before
    page.keyboard.press("0")
    assert transform(page) == "translate(0px, 0px) scale(1)"

    page.keyboard.press("b")  # now dragging changes brightness and contrast
    stage.hover()
    page.mouse.down()
    page.mouse.move(700, 250)
    page.mouse.up()
    levels = str(
        page.locator(".pane.main .radiograph").evaluate("radiograph => radiograph.style.filter")
    )
    assert levels != "invert(0) brightness(1) contrast(1)"
    assert transform(page) == "translate(0px, 0px) scale(1)"
    page.keyboard.press("i")
    levels = str(
        page.locator(".pane.main .radiograph").evaluate("radiograph => radiograph.style.filter")
    )
    assert "invert(1)" in levels

    expect(page.locator(".plain .radiograph")).to_be_hidden()
    page.keyboard.press("s")
    expect(page.locator(".plain .radiograph")).to_be_visible()
    # Keys belong to whoever is typing.
    page.locator(".thousand summary").click()
    page.locator(".prevalence input").fill("")
    page.keyboard.type("50")
    assert "scale(1)" in transform(page)


def test_the_models_three_thresholds(page: Page, image_file: Path, points: OperatingPoints) -> None:
    choose(page, image_file)
    page.wait_for_selector(IMAGE)
    for name in ("high_sensitivity", "high_specificity", "threshold"):
        page.locator(f"[data-stop={name}]").click()
        expect(page.locator(f"[data-stop={name}]")).to_have_attribute("aria-pressed", "true")
        value = f"{getattr(points, name):.2f}"
        expect(page.locator(".threshold-control output")).to_have_text(f"{value} (yours)")


def test_of_a_thousand_children(page: Page, image_file: Path, points: OperatingPoints) -> None:
    choose(page, image_file)
    page.wait_for_selector(IMAGE)
    page.locator(".thousand summary").click()
    page.locator(".prevalence input").fill("30")
    at = points.at(0.5)
    positive, negative = at.predictive_values(0.3)
    expect(page.locator(".predictive")).to_contain_text(f"{positive:.1%}")
    expect(page.locator(".predictive")).to_contain_text(f"{negative:.1%}")
    said = page.locator(".frequencies")
    expect(said).to_contain_text(
        f"Of 300 children with pneumonia, {300 * at.sensitivity:.0f} would be predicted"
    )
    expect(said).to_contain_text(
        f"Of 700 children without pneumonia, {700 * (1 - at.specificity):.0f} would be predicted"
    )


def test_what_the_reader_set_is_remembered_by_the_browser_for_this_model(
    page: Page, image_file: Path, url: str
) -> None:
    choose(page, image_file)
    page.wait_for_selector(IMAGE)
    set_slider(page, ".threshold", 0.33)
    page.locator(".language").click()
    page.goto(url)
    page.wait_for_selector(".invitation strong")
    expect(page.locator("#status")).to_contain_text("Modèle tiny 1")
    choose(page, image_file)
    page.wait_for_selector(IMAGE)
    expect(page.locator(".threshold-control output")).to_have_text("0,33 (le vôtre)")
    keys = page.evaluate("Object.keys(localStorage)")
    assert any(load for load in keys if load.startswith("cxr.threshold."))
    page.locator(".reset").click()
    assert not [key for key in page.evaluate("Object.keys(localStorage)") if "threshold" in key]


def test_the_browsers_language_and_a_switch(browser: Browser, url: str, image_file: Path) -> None:
    context = browser.new_context(locale="fr-FR", viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector(".invitation strong")
    expect(page.locator("#header h1")).to_have_text(FR["title"])
    choose(page, image_file)
    page.wait_for_selector(IMAGE)
    expect(page.locator(".thousand summary")).to_have_text(FR["thousand_title"])
    expect(page.locator(".checks-box")).to_contain_text("les poumons")
    assert page.evaluate("document.documentElement.lang") == "fr"
    page.locator(".language").click()
    expect(page.locator("#header h1")).to_have_text(EN["title"])
    expect(page.locator(".thousand summary")).to_have_text(EN["thousand_title"])
    shown = page.locator("body").inner_text().replace(EN["other_language"], "")
    for word in ("Seuil", "Pneumonie sur", "Choisir", "radiographie", "Modèle"):
        assert word not in shown
    context.close()


def test_what_the_reader_keeps(page: Page, image_file: Path, tmp_path: Path) -> None:
    choose(page, image_file)
    page.wait_for_selector(IMAGE)
    set_slider(page, ".threshold", 0.33)
    page.locator(".language").click()
    for name in ("first.pdf", "again.pdf"):
        with page.expect_download() as waiting:
            page.locator("[data-keep=report]").click()
        assert waiting.value.suggested_filename == "image_report.pdf"
        waiting.value.save_as(tmp_path / name)
        words = " ".join(PdfReader(tmp_path / name).pages[0].extract_text().split())
        assert "0,33 (celui du lecteur)" in words
        assert "image.png" in words
    with page.expect_download() as waiting:
        page.locator("[data-keep=overlay]").click()
    assert waiting.value.suggested_filename == "image_overlay.png"
    waiting.value.save_as(tmp_path / "overlay.png")
    assert cv2.imread(str(tmp_path / "overlay.png")).shape == (180, 240, 3)


def test_the_reader_first(page: Page, image_file: Path, tmp_path: Path) -> None:
    another = tmp_path / "another.png"
    cv2.imwrite(str(another), cv2.imread(str(image_file))[:, ::-1])
    choose(page, another)
    page.wait_for_selector(IMAGE)
    set_slider(page, ".threshold", 0)  # the model calls everything pneumonia
    answer = page.locator(".answer")
    page.locator(".read-first").check()
    expect(answer).to_be_visible()  # of this image it has been seen
    choose(page, image_file)
    expect(page.locator(".own-reading .name")).to_have_text("image.png")
    expect(answer).to_be_hidden()
    page.keyboard.press("h")
    expect(page.locator("img.heatmap")).to_be_hidden()
    page.locator("[name=own][value=PNEUMONIA]").check()
    set_slider(page, ".confidence", 90)
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


def test_notes_for_the_operator_hold_no_image_and_no_name(
    browser: Browser, tiny_classifier: Classifier, image_file: Path, tmp_path: Path
) -> None:
    blocks = build_page(tiny_classifier, notes=tmp_path / "notes")
    _, local_url, _ = blocks.launch(
        **LAUNCH_SETTINGS, server_name="127.0.0.1", prevent_thread_lock=True, quiet=True
    )
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(local_url)
    page.wait_for_selector(".invitation strong")
    choose(page, image_file)
    page.wait_for_selector(IMAGE, timeout=60_000)
    page.locator(".feedback summary").click()
    page.locator("[name=agree][value=agree]").check()
    page.locator("[data-note=save]").click()
    expect(page.locator(".saved")).to_have_text(EN["feedback_sent"])
    context.close()
    blocks.close()
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
        keep(odd)
    line, *odd_lines = (tmp_path / "notes.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(odd_lines) == 3
    assert json.loads(line).keys() == {"day", "model", "comment"}
    assert len(json.loads(line)["comment"]) == 1000


def test_a_dicom_image_is_kept_as_dicom(page: Page, data: Path, tmp_path: Path) -> None:
    choose(page, data / "dicom" / "files" / "chest_RSNA_16d7f894.dcm")
    page.wait_for_selector(IMAGE)
    with page.expect_download() as waiting:
        page.locator("[data-keep=dicom]").click()
    assert waiting.value.suggested_filename == "chest_RSNA_16d7f894_dicom.zip"
    waiting.value.save_as(tmp_path / "dicom.zip")
    with zipfile.ZipFile(tmp_path / "dicom.zip") as archive:
        assert archive.namelist() == ["secondary_capture.dcm", "structured_report.dcm"]
        assert archive.read("structured_report.dcm")[128:132] == b"DICM"


@pytest.fixture
def archive(tmp_path: Path, image_file: Path, gradient_file: Path) -> Path:
    """A ZIP of two radiographs, a picture that is none, and a broken one; packed and stored."""
    path = tmp_path / "images.zip"
    inverted = 255 - cv2.imread(str(image_file))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(image_file, "ward/one.png")
        archive.write(image_file, "ward/=two.png", zipfile.ZIP_STORED)
        archive.write(gradient_file, "ward/gradient.png")
        archive.writestr("ward/broken.jpeg", b"nothing")
        archive.writestr("ward/.hidden", b"not looked at")
        archive.writestr("inverted.png", cv2.imencode(".png", inverted)[1].tobytes())
    return path


def test_many_images(
    page: Page, archive: Path, tmp_path: Path, tiny_classifier: Classifier
) -> None:
    page.locator("[data-view=many]").click()
    page.set_input_files(".pick-files", archive)
    status = page.locator("#many .progress [role=status]")
    expect(status).to_have_text("5 of 5 done: 1 refused, 1 unreadable", timeout=30_000)
    rows = page.locator("#many tbody tr")
    expect(rows).to_have_count(5)
    answer = tiny_classifier.predict(read_radiograph(tmp_path / "image.png"))
    first = rows.nth(0)
    expect(first.locator(".verdict")).to_have_text(EN[f"verdict_{answer.verdict()}"])
    expect(page.locator("tr", has_text="inverted.png")).to_contain_text("Black and white are")
    expect(page.locator("tr", has_text="gradient.png")).to_contain_text(
        sentences([Message("no_lungs")])
    )
    expect(page.locator("tr", has_text="broken.jpeg")).to_contain_text("this is not a picture")
    page.locator(".language").click()
    expect(status).to_have_text("5 sur 5 : 1 refusée, 1 illisible")

    with page.expect_download() as waiting:
        page.locator("[data-do=csv]").click()
    waiting.value.save_as(tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(encoding="utf-8-sig", newline="") as file:
        table = {line["file"]: line for line in csv.DictReader(file)}
    assert len(table) == 5
    assert float(table["ward/one.png"]["probability"]) == pytest.approx(answer.probability)
    assert table["ward/one.png"]["label"] == answer.verdict()
    assert table["ward/gradient.png"]["status"] == "refused"
    assert table["ward/gradient.png"]["probability"] == ""

    with page.expect_download() as waiting:
        page.locator("[data-do=overlays]").click()
    waiting.value.save_as(tmp_path / "overlays.zip")
    with zipfile.ZipFile(tmp_path / "overlays.zip") as overlays:
        assert overlays.testzip() is None
        assert sorted(overlays.namelist()) == ["inverted.png", "ward_=two.png", "ward_one.png"]
        content = np.frombuffer(overlays.read("ward_one.png"), np.uint8)
        assert cv2.imdecode(content, cv2.IMREAD_COLOR).shape == (180, 240, 3)

    page.get_by_role("button", name="ward/one.png").click()
    page.wait_for_selector(IMAGE)
    expect(page.locator(".verdict .name").first).to_have_text("one.png")
    expect(page.locator("#many")).to_be_hidden()


def test_many_images_can_be_stopped(page: Page, image_file: Path, tmp_path: Path) -> None:
    for i in range(60):
        (tmp_path / f"image_{i}.png").write_bytes(image_file.read_bytes())
    page.locator("[data-view=many]").click()
    page.set_input_files(".pick-files", sorted(tmp_path.glob("image_*.png")))
    page.locator("#many tbody tr").nth(2).wait_for()
    page.locator("[data-do=cancel]").click()
    expect(page.locator("[data-do=cancel]")).to_be_hidden(timeout=20_000)
    done = page.locator("#many tbody tr").count()
    assert 3 <= done < 60
    page.wait_for_timeout(1000)
    assert page.locator("#many tbody tr").count() == done


def test_a_damaged_archive_is_said(page: Page, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(b"PK" + bytes(500))
    page.locator("[data-view=many]").click()
    page.set_input_files(".pick-files", damaged)
    expect(page.locator("#many .progress")).to_contain_text("damaged.zip: this ZIP file cannot")


def test_no_file_but_an_upload_is_ever_opened(
    tiny_classifier: Classifier,
    image_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(uploads))
    table = create_many(tiny_classifier, at_once=1, elem_id="many")
    link = uploads / "link.png"
    link.symlink_to(image_file)
    for path in (image_file, link, uploads / ".." / "image.png", uploads, "", uploads / "none.png"):
        row = table.classify_one({"path": str(path), "name": "../image.png"})
        assert row["status"] == "error"
        assert row["detail"] == "image.png: no such upload. Choose the radiograph again."
    assert image_file.exists()
    upload = uploads / "upload.png"
    upload.write_bytes(image_file.read_bytes())
    assert table.classify_one({"path": str(upload), "name": "image.png"})["status"] == "ok"
    for odd in (None, [], {"path": "\0"}, {"path": [1]}, {"name": {}}):
        assert table.classify_one(odd)["status"] == "error"
        assert table.overlay_of(odd) == {"overlay": None}


def test_about_the_model(page: Page) -> None:
    page.locator("[data-view=about]").click()
    expect(page.locator("#card h1")).to_have_text("tiny")
    expect(page.get_by_role("img", name=EN["roc_label"])).to_be_visible()
    expect(page.locator("#one-view")).to_be_hidden()


def test_the_documented_endpoint(
    url: str, image_file: Path, gradient_file: Path, tiny_classifier: Classifier
) -> None:
    client = Client(url, verbose=False)
    assert set(client.view_api(return_format="dict")["named_endpoints"]) == {"/classify"}
    line = client.predict(handle_file(image_file), 0.2, api_name="/classify")
    answer = tiny_classifier.predict(read_radiograph(image_file))
    assert line["file"] == "image.png"
    assert line["status"] == "ok"
    assert line["probability"] == pytest.approx(answer.probability, abs=1e-5)
    assert line["label"] == answer.verdict(0.2)
    refused = client.predict(handle_file(gradient_file), api_name="/classify")
    assert refused["status"] == "refused"
    assert refused["threshold"] == 0.5
    with pytest.raises(AppError, match="from 0 to 1"):
        client.predict(handle_file(image_file), 2, api_name="/classify")


@pytest.mark.slow
def test_fifty_images_at_once_are_all_answered(url: str, image_file: Path) -> None:
    client = Client(url, verbose=False)
    jobs = [client.submit(handle_file(image_file), api_name="/classify") for _ in range(50)]
    assert {job.result(timeout=120)["status"] for job in jobs} == {"ok"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(
    browser: Browser, url: str, image_file: Path, scheme: Literal["light", "dark"]
) -> None:
    """Contrast, labels and roles: no violation that axe knows of WCAG 2.1 A and AA."""
    context = browser.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector(".invitation strong")
    choose(page, image_file)
    page.wait_for_selector(IMAGE)
    page.keyboard.press("h")
    for summary in page.locator("summary").all():
        summary.click()
    found = violations(page)
    page.set_input_files(".pick-files", image_file)
    for view in ("many", "about"):
        page.locator(f"[data-view={view}]").click()
        found += violations(page)
    assert found == []
    context.close()


def violations(page: Page) -> list[object]:
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
    results = Axe().run(page, options=rules)
    return [
        (violation["id"], [node["target"] for node in violation["nodes"]])
        for violation in results.response["violations"]
    ]


def transfer(page: Page, path: Path) -> object:
    """A DataTransfer in the browser that holds the file."""
    content = list(path.read_bytes())
    return page.evaluate_handle(
        """([bytes, name]) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
          return data;
        }""",
        [content, path.name],
    )


def test_a_dropped_image(page: Page, image_file: Path) -> None:
    data = transfer(page, image_file)
    page.dispatch_event(".stage", "dragover", {"dataTransfer": data})
    page.dispatch_event(".stage", "drop", {"dataTransfer": data})
    page.wait_for_selector(IMAGE)
    expect(page.locator(".verdict .name")).to_have_text("image.png")


def test_a_pasted_image(page: Page, image_file: Path) -> None:
    data = transfer(page, image_file)
    page.evaluate(
        "data => document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data }))",
        data,
    )
    page.wait_for_selector(IMAGE)


def test_sliders_move_by_keyboard(page: Page, image_file: Path) -> None:
    choose(page, image_file)
    page.wait_for_selector(IMAGE)
    page.locator(".threshold").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".threshold-control output")).to_have_text("0.51 (yours)")


def test_nothing_is_asked_of_other_hosts(browser: Browser, url: str, image_file: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    page.wait_for_selector(".invitation strong")
    choose(page, image_file)
    page.wait_for_selector(IMAGE)
    assert not [a for a in asked if not a.startswith((url, "data:", "blob:"))]
    context.close()


def test_a_phone_shows_it_without_scrolling_sideways(page: Page, image_file: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    choose(page, image_file)
    page.wait_for_selector(IMAGE)
    page.set_input_files(".pick-files", image_file)
    for language in ("en", "fr"):
        for view in ("one", "many", "about"):
            page.locator(f"[data-view={view}]").click()
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= 390, (language, view)
        page.locator(".language").click()


def serve(*arguments: object, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "app.py", "--no-browser", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_the_page_answers_and_nothing_is_left_of_the_uploads(
    browser: Browser, data: Path, tmp_path: Path
) -> None:
    """`python app.py`, real radiographs, and nothing left of them when it has ended."""
    images = sorted((data / "originals" / "PNEUMONIA").iterdir())[:2]
    # A proxy in between, as in many hospitals, is not asked for the page.
    with serve(TMPDIR=str(tmp_path), HTTP_PROXY="http://127.0.0.1:9", NO_PROXY="") as process:
        try:
            line = process.stdout.readline()  # type: ignore[union-attr]
            address = re.fullmatch(r"Page: (http://\S+)\n", line)
            assert address, line
            context = browser.new_context()
            page = context.new_page()
            page.goto(address[1])
            page.wait_for_selector(".invitation strong")
            choose(page, images[0])
            choose(page, images[1])  # before the first is answered: the last one is shown
            expect(page.locator(".verdict .name")).to_have_text(images[1].name, timeout=90_000)
            expect(page.locator("#status")).to_contain_text(load_bundle().sha256[:12])
            assert page.locator(".verdict .label").inner_text() in {"Pneumonia", "Uncertain"}
            assert list(tmp_path.rglob("*.jpeg"))
            context.close()
        finally:
            process.terminate()
            process.communicate(timeout=30)
    assert process.returncode == 0
    assert not list(tmp_path.rglob("*.jpeg"))


@pytest.mark.slow
def test_a_share_link_that_cannot_be_made_is_one_line(tiny_bundle: Bundle, tmp_path: Path) -> None:
    # No way out, and no tunnel program from an earlier time.
    offline = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1", "HF_HOME": tmp_path}
    options = ("--share", "--model", tiny_bundle.folder)
    with serve(*options, **{name: str(value) for name, value in offline.items()}) as process:
        try:
            lines = [process.stdout.readline() for _ in range(2)]  # type: ignore[union-attr]
            assert lines[0].startswith("Page: http://127.0.0.1:")
            assert lines[1] == (
                "No share link could be made (no connection?); the local page works.\n"
            )
            with urlopen(lines[0].split()[1]) as answer:  # noqa: S310  # loopback
                assert answer.status == 200
        finally:
            process.terminate()
            process.communicate(timeout=30)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model", "nowhere"), "app: nowhere: no such folder"),
        (("--port", "x"), "argument --port: invalid"),
        (("--port", "99999"), "expected a number from 1 to 65535"),
    ],
)
def test_bad_usage(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        sys.exit(app.main(arguments))  # as the file does when it is run
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_a_model_that_cannot_be_fetched_is_replaced_and_the_page_says_so(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with serve("--model", "somebody/their-model@v1") as process:
        try:
            address = process.stdout.readline().split()[1]  # type: ignore[union-attr]
            context = browser.new_context()
            page = context.new_page()
            page.goto(address)
            expect(page.locator("#fallback")).to_contain_text("This is the bundled model")
            expect(page.locator("#fallback")).to_contain_text("somebody/their-model@v1")
            context.close()
        finally:
            process.terminate()
            _, error = process.communicate(timeout=30)
    assert "The bundled model is used instead" in error


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
def test_a_model_of_the_hub_answers_and_its_commit_is_shown(
    browser: Browser,
    hub: LoopbackHub,
    tiny_classifier: Classifier,
    tmp_path: Path,
    image_file: Path,
) -> None:
    commit = publish(tiny_classifier.bundle.folder, "me/cxr", tag="v1").commit
    environment = {
        "HF_ENDPOINT": hub.url,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(tmp_path / "home"),
    }
    with serve("--model", "me/cxr@v1", **environment) as process:
        try:
            address = process.stdout.readline().split()[1]  # type: ignore[union-attr]
            context = browser.new_context()
            page = context.new_page()
            page.goto(address)
            expect(page.locator("#status")).to_contain_text(f"me/cxr@{commit}", timeout=60_000)
            expect(page.locator("#fallback")).to_have_count(0)
            choose(page, image_file)
            page.wait_for_selector(IMAGE)
            answer = tiny_classifier.predict(read_radiograph(image_file))
            assert displayed_probability(page) == pytest.approx(answer.probability, abs=0.006)
            context.close()
        finally:
            process.terminate()
            process.communicate(timeout=30)
