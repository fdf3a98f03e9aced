"""The viewer in a real browser: states, tools, what-if, thresholds, and what the reader keeps."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader

from cxr.checks import PLACES
from cxr.classifier import Classifier, Prediction
from cxr.messages import Message, sentences
from cxr.model.operating_points import OperatingPoints
from cxr.page import turns
from cxr.page.notes import note_keeper
from cxr.page.viewer import create_viewer
from cxr.reading.radiograph import MAX_BYTES, Radiograph, read_radiograph
from tests.conftest import PAGE_MARKS
from tests.cxr.browser import ANSWERED, EN, FR, answered, choose, number_in, served, set_slider
from tests.cxr.test_dicom import content, header, make

pytestmark = PAGE_MARKS


# What floats over the radiograph is left out of pictures, and stays where it is.
_PLAIN = ".readout, .legend, .banner, .unsupported { opacity: 0 !important }"


def shot(page: Page) -> Any:
    """The stage as it looks, without what floats over it: uint8 (H, W, 3)."""
    page.add_style_tag(content=_PLAIN)
    picture = page.locator(".stage").screenshot()
    return cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR).astype(int)


def colour(page: Page) -> int:
    """How far the most colourful pixel of the stage is from grey."""
    return int(np.ptp(shot(page), axis=2).max())


def show_heatmap(page: Page) -> None:
    """Also where it takes a second click."""
    page.locator("[data-tool=heatmap]").click()
    if page.locator(".unsupported").is_visible():
        page.locator(".unsupported").click()


# --- States ---------------------------------------------------------------------------------------


def test_first_sight(page: Page) -> None:
    expect(page.locator(".invitation")).to_contain_text(EN["invitation"])
    expect(page.locator("#disclaimer")).to_contain_text("Not a medical device")
    expect(page.locator("#disclaimer")).to_contain_text("children of 1–5 years")
    expect(page.locator(".panel")).to_be_hidden()


def test_a_chosen_image_gets_its_answer(
    page: Page, image_file: Path, tiny_classifier: Classifier
) -> None:
    answered(page, image_file)
    answer = tiny_classifier.predict(read_radiograph(image_file))
    said = page.locator(".probability output").inner_text()
    assert number_in(said) == pytest.approx(answer.probability, abs=0.006)
    expect(page.locator(".verdict .name")).to_have_text("image.png")
    expect(page.locator(".verdict .label")).to_have_text(EN[f"verdict_{answer.verdict()}"])
    expect(page.locator(".worth .word")).to_have_text(EN[f"worth_{answer.checks.worth}"])
    expect(page.get_by_role("img", name="Radiograph image.png")).to_be_visible()
    expect(page.locator("#disclaimer")).to_be_visible()


def test_an_example(page: Page) -> None:
    page.locator("#cases [data-case=hila]").click()
    page.wait_for_selector(ANSWERED)
    expect(page.locator(".verdict .name")).to_have_text("hila.jpeg")


def nothing_is_left_of_the_answer(page: Page) -> None:
    expect(page.locator(".answer")).to_be_hidden()
    expect(page.locator(".panes")).to_be_hidden()
    expect(page.locator(".tools")).to_be_hidden()


def test_a_broken_file(page: Page, image_file: Path, tmp_path: Path) -> None:
    answered(page, image_file)
    broken = tmp_path / "<b>broken<b>.jpeg"
    broken.write_bytes(image_file.read_bytes()[:100])
    choose(page, broken)
    problem = page.locator(".problem")
    expect(problem).to_contain_text(EN["state_unreadable"])
    expect(problem).to_contain_text("The picture is damaged or cut off")
    assert page.locator("#viewer b").count() == 0  # a file's name is no markup
    nothing_is_left_of_the_answer(page)
    answered(page, image_file)
    expect(problem).to_be_hidden()


def test_what_is_no_chest_image_is_refused_in_words(
    page: Page, image_file: Path, gradient_file: Path
) -> None:
    answered(page, image_file)
    choose(page, gradient_file)
    problem = page.locator(".problem")
    expect(problem.locator(".name")).to_have_text("gradient.png")
    expect(problem).to_contain_text(sentences([Message("no_lungs")]))
    expect(page.locator(".picture")).to_be_visible()  # the picture concerned
    nothing_is_left_of_the_answer(page)
    page.locator(".language").click()
    expect(problem).to_contain_text(sentences([Message("no_lungs")], "fr"))
    expect(problem.locator(".label")).to_have_text(FR["state_refused"])


def test_a_ct_slice_is_refused_and_not_unreadable(page: Page, tmp_path: Path) -> None:
    dataset = make(np.arange(64 * 64, dtype=np.uint16).reshape(64, 64), bits=12)
    header(Modality="CT")(dataset)
    path = tmp_path / "slice.dcm"
    path.write_bytes(content(dataset))
    choose(page, path)
    expect(page.locator(".problem .label")).to_have_text(EN["state_refused"])
    expect(page.locator(".problem .why")).to_contain_text("gives the modality CT")
    page.locator(".language").click()
    expect(page.locator(".problem .why")).to_contain_text("indique la modalité CT")


def test_a_file_that_is_too_large_is_not_sent(page: Page, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    with large.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    choose(page, large)
    expect(page.locator(".problem .label")).to_have_text(EN["state_too_large"])
    assert not [url for url in requests if "upload" in url]


def test_without_a_connection(page: Page, image_file: Path) -> None:
    page.context.set_offline(True)
    choose(page, image_file)
    expect(page.locator(".problem .label")).to_have_text(EN["state_offline"], timeout=15_000)
    expect(page.locator(".picture")).to_be_visible()
    page.context.set_offline(False)
    page.locator(".again").click()
    page.wait_for_selector(ANSWERED)


def test_too_many_at_once_and_odd_requests(
    tiny_classifier: Classifier, image_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_MAX_WAIT", 0.01)
    viewer = create_viewer(tiny_classifier, cases={"one": image_file}, at_once=0, elem_id="viewer")
    assert viewer.answer_one({"case": "one"}) == {"kind": "busy"}
    assert viewer.keep_file({"case": "one"}) == {"problem": "busy"}
    for odd in (None, [], {"case": "none"}, {"case": []}, {"path": [1]}, {"name": {}}):
        assert viewer.answer_one(odd)["kind"] == "unreadable"
        assert viewer.keep_file(odd)["problem"] == "not_kept"


def test_an_image_that_came_inverted_or_turned_is_shown_upright(
    page: Page, image_file: Path, tmp_path: Path
) -> None:
    changed, image = tmp_path / "changed.png", cv2.imread(str(image_file))
    cv2.imwrite(str(changed), 255 - image)
    answered(page, changed)
    expect(page.locator(".warnings")).to_have_text(sentences([Message("inverted")]))
    upright = shot(page)
    cv2.imwrite(str(changed), cv2.rotate(image, cv2.ROTATE_180))
    answered(page, changed)
    expect(page.locator(".banner")).to_contain_text("Turned by 180°")
    assert np.abs(shot(page) - upright).mean() < 3


class Doubtful(Classifier):
    """Says that the evidence lies at the edge, and that the radiograph is an adult's."""

    def predict(self, radiograph: Radiograph) -> Prediction:
        answer = super().predict(radiograph)
        evidence = {**dict.fromkeys(PLACES, 0.0), "edge": 1.0}
        checks = dataclasses.replace(answer.checks, evidence=evidence, hottest=1.0)
        gate = dataclasses.replace(answer.gate_result, warnings=(Message("adult"),))
        if radiograph.name.startswith("adult"):
            return dataclasses.replace(answer, gate_result=gate)
        return dataclasses.replace(answer, checks=checks)


@pytest.fixture(scope="module")
def doubtful(browser: Browser, tiny_classifier: Classifier) -> Iterator[Page]:
    with served(Doubtful(tiny_classifier.bundle)) as address:
        context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
        page = context.new_page()
        page.goto(address)
        page.wait_for_selector(".invitation strong")
        yield page
        context.close()


def test_a_heatmap_that_supports_nothing_takes_a_second_click(
    doubtful: Page, image_file: Path
) -> None:
    page = doubtful
    answered(page, image_file)
    expect(page.locator(".worth .word")).to_have_text(EN["worth_not_supported"])
    page.keyboard.press("h")
    expect(page.locator(".unsupported")).to_be_visible()
    assert colour(page) < 5
    page.locator(".unsupported").click()
    assert colour(page) > 30
    expect(page.locator(".banner")).to_contain_text(EN["worth_not_supported"])


def test_outside_the_models_range_the_number_is_behind_a_click(
    doubtful: Page, image_file: Path
) -> None:
    page = doubtful
    adult = image_file.with_name("adult.png")
    image_file.rename(adult)
    answered(page, adult)
    expect(page.locator(".verdict .label")).to_have_text(EN["verdict_OUTSIDE"])
    expect(page.locator(".probability")).to_be_hidden()
    page.locator(".outside > summary").click()
    expect(page.locator(".probability")).to_be_visible()


# --- Viewing --------------------------------------------------------------------------------------


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


READOUT = re.compile(r"([\d,]+)% · W ([\d,]+) L ([\d,]+)")


def readout(page: Page) -> tuple[int, int, int]:
    """Zoom in per cent, and the window's width and level."""
    page.wait_for_timeout(60)  # until the next frame
    found = READOUT.search(page.locator(".readout").inner_text())
    assert found
    zoom, width, level = (int(number.replace(",", "")) for number in found.groups())
    return zoom, width, level


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
    page.keyboard.press("f")
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
    page.keyboard.press("?")
    expect(page.locator(".help")).to_contain_text(EN["tool_lens_does"])
    # Keys belong to whoever is typing.
    before = readout(page)
    page.locator(".thousand summary").click()
    page.locator(".prevalence input").fill("")
    page.keyboard.type("10")
    assert readout(page) == before


@pytest.fixture
def sixteen_bits(image_file: Path, tmp_path: Path) -> Path:
    """A DICOM radiograph of 12 stored bits with a window, and 0.2 mm a pixel."""
    pixels = read_radiograph(image_file).pixels
    dataset = make(np.rint(pixels * 3000 + 500).astype(np.uint16), bits=12)
    header(WindowCenter=1500, WindowWidth=1200, PixelSpacing=[0.2, 0.2])(dataset)
    path = tmp_path / "image.dcm"
    path.write_bytes(content(dataset))
    return path


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


# --- What if --------------------------------------------------------------------------------------


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
    assert number_in(said) == pytest.approx(without_hottest(answer), abs=0.0006)
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


# --- Thresholds -----------------------------------------------------------------------------------


def test_sliders_answer_in_the_browser_alone(
    page: Page, image_file: Path, points: OperatingPoints, tiny_classifier: Classifier
) -> None:
    answered(page, image_file)
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
        expect(page.locator("output.sensitivity")).to_have_text(f"{at.sensitivity:.1%}")
        expect(page.locator("p.sensitivity")).to_contain_text(f"{low:.1%}–{high:.1%}")
        for name, count in (
            ("sensitivity", at.true_positives),
            ("specificity", at.true_negatives),
        ):
            expect(page.locator(f"p.{name}")).to_contain_text(f"{count} of 100 ")
    page.locator(".reset").click()
    expect(page.locator(".threshold-control output")).to_have_text("0.50 (the model's)")
    label = EN[f"verdict_{points.verdict(probability)}"]
    expect(page.locator(".verdict .label")).to_have_text(label)

    page.keyboard.press("h")
    page.keyboard.press("x")
    assert not [url for url in requests if not url.startswith(("data:", "blob:"))]


def test_the_models_three_thresholds(page: Page, image_file: Path, points: OperatingPoints) -> None:
    answered(page, image_file)
    for name in ("high_sensitivity", "high_specificity", "threshold"):
        page.locator(f"[data-stop={name}]").click()
        expect(page.locator(f"[data-stop={name}]")).to_have_attribute("aria-pressed", "true")
        value = f"{getattr(points, name):.2f}"
        expect(page.locator(".threshold-control output")).to_have_text(f"{value} (yours)")
    # Without a choice none is pressed: some radiographs are left uncertain.
    page.locator(".reset").click()
    expect(page.locator("[data-stop][aria-pressed=true]")).to_have_count(0)


def test_of_a_thousand_children(page: Page, image_file: Path, points: OperatingPoints) -> None:
    answered(page, image_file)
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
    even = number_in(page.locator(".probability output").inner_text())
    here = 0.3 * even / (0.3 * even + 0.7 * (1 - even))
    expect(page.locator(".condition")).to_contain_text("at a prevalence of 30%")
    said_here = page.locator(".condition").inner_text()
    assert number_in(said_here) == pytest.approx(here, abs=0.002)


def test_what_the_reader_set_is_remembered_by_the_browser_for_this_model(
    page: Page, image_file: Path, url: str
) -> None:
    answered(page, image_file)
    set_slider(page, ".threshold", 0.33)
    page.locator(".language").click()
    page.goto(url)
    page.wait_for_selector(".invitation strong")
    expect(page.locator("#status")).to_contain_text("Modèle tiny 1")
    answered(page, image_file)
    expect(page.locator(".threshold-control output")).to_have_text("0,33 (le vôtre)")
    keys = page.evaluate("Object.keys(localStorage)")
    assert any(load for load in keys if load.startswith("cxr.threshold."))
    page.locator(".reset").click()
    assert not [key for key in page.evaluate("Object.keys(localStorage)") if "threshold" in key]


def test_sliders_move_by_keyboard(page: Page, image_file: Path) -> None:
    answered(page, image_file)
    page.locator(".threshold").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".threshold-control output")).to_have_text("0.51 (yours)")


# --- What the reader keeps, and the reader's own reading ------------------------------------------


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
        assert "0,33 (celui du lecteur)" in words
        assert "image.png" in words
    with page.expect_download() as waiting:
        page.locator("[data-keep=overlay]").click()
    assert waiting.value.suggested_filename == "image_overlay.png"
    waiting.value.save_as(tmp_path / "overlay.png")
    height, width, _ = cv2.imread(str(tmp_path / "overlay.png")).shape
    assert width == 240
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
    with served(tiny_classifier, notes=tmp_path / "notes") as address:
        context = browser.new_context(locale="en-GB")
        page = context.new_page()
        page.goto(address)
        page.wait_for_selector(".invitation strong")
        answered(page, image_file)
        page.locator(".feedback summary").click()
        page.locator("[name=agree][value=agree]").check()
        page.locator("[data-note=save]").click()
        expect(page.locator(".saved")).to_have_text(EN["feedback_sent"])
        context.close()
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
    answered(page, data / "dicom" / "files" / "chest_RSNA_16d7f894.dcm")
    with page.expect_download() as waiting:
        page.locator("[data-keep=dicom]").click()
    assert waiting.value.suggested_filename == "chest_RSNA_16d7f894_dicom.zip"
    waiting.value.save_as(tmp_path / "dicom.zip")
    with zipfile.ZipFile(tmp_path / "dicom.zip") as archive:
        assert archive.namelist() == ["secondary_capture.dcm", "structured_report.dcm"]
        assert archive.read("structured_report.dcm")[128:132] == b"DICM"


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
    page.wait_for_selector(ANSWERED)
    expect(page.locator(".verdict .name")).to_have_text("image.png")


def test_a_pasted_image(page: Page, image_file: Path) -> None:
    data = transfer(page, image_file)
    page.evaluate(
        "data => document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data }))",
        data,
    )
    page.wait_for_selector(ANSWERED)
