"""The viewer in a real browser: states, tools, and what-if."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from cxr.checks import PLACES, Blurring
from cxr.classifier import Classifier, Prediction
from cxr.messages import Message, sentences
from cxr.page import waiting_turns
from cxr.page.viewer import create_viewer
from cxr.page.waiting_turns import Turns
from cxr.reading.radiograph import MAX_BYTES, Radiograph, read_radiograph
from tests.conftest import PAGE_MARKS
from tests.cxr.browser import (
    ANSWERED,
    EN,
    FR,
    Fingers,
    answered,
    choose,
    number_in,
    served,
    set_slider,
)
from tests.cxr.dicom_files import content, header, make

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


def test_a_file_that_is_gone_from_the_disk_is_said(page: Page, image_file: Path) -> None:
    page.context.set_offline(True)
    choose(page, image_file)
    label = page.locator(".problem .label")
    expect(label).to_have_text(EN["state_offline"], timeout=30_000)
    image_file.unlink()
    page.context.set_offline(False)
    page.locator(".problem .again").click()
    expect(label).to_have_text(EN["state_missing"])
    expect(page.locator(".problem .todo")).to_have_text(EN["todo_missing"])


_LEAST_IN_A_ROW = """() => {
  const rows = new Map();
  for (const tool of document.querySelectorAll("#viewer .tools button")) {
    const top = Math.round(tool.getBoundingClientRect().top);
    if (!tool.hidden) rows.set(top, (rows.get(top) ?? 0) + 1);
  }
  return Math.min(...rows.values());
}"""


def test_no_tool_stands_alone_in_a_row(page: Page, image_file: Path) -> None:
    answered(page, image_file)
    for language in ("en", "fr"):
        for width in range(961, 1500, 20):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate(_LEAST_IN_A_ROW) > 1, (language, width)
        page.locator(".language").click()


def test_on_a_phone_what_to_do_about_a_file_is_in_sight(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    drawing = tmp_path / "drawing.png"
    cv2.imwrite(str(drawing), np.full((300, 300), 255, np.uint8))
    broken = tmp_path / "broken.jpeg"
    broken.write_bytes(b"broken")
    for path, state in ((drawing, "refused"), (broken, "unreadable")):
        choose(page, path)
        expect(page.locator(".problem .label")).to_have_text(EN[f"state_{state}"])
        expect(page.locator(".problem .choose")).to_be_in_viewport(ratio=1)


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
    expect(page.locator(".picture")).to_be_hidden()  # it is none that a browser could draw


def test_without_a_connection(page: Page, image_file: Path) -> None:
    page.context.set_offline(True)
    choose(page, image_file)
    expect(page.locator(".problem .label")).to_have_text(EN["state_offline"], timeout=15_000)
    expect(page.locator(".toast-body:visible")).to_have_count(0)  # Gradio's own, in English
    expect(page.locator(".picture")).to_be_visible()
    page.context.set_offline(False)
    page.locator(".again").click()
    page.wait_for_selector(ANSWERED)


def test_too_many_at_once_and_odd_requests(
    tiny_classifier: Classifier, image_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting_turns, "_MAX_WAIT", 0.01)
    viewer = create_viewer(
        tiny_classifier, cases={"one": image_file}, turns=Turns(0), elem_id="viewer"
    )
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
        checks = dataclasses.replace(
            answer.checks, evidence=evidence, blurring=Blurring(strongest=1.0, elsewhere=0.0)
        )
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


def test_contours_that_support_nothing_take_a_second_click_too(
    doubtful: Page, image_file: Path
) -> None:
    page = doubtful
    answered(page, image_file)
    page.keyboard.press("c")
    expect(page.locator(".unsupported")).to_be_visible()
    expect(page.locator(".banner")).to_contain_text(EN["worth_not_supported"])
    assert colour(page) < 5
    page.locator(".unsupported").click()
    assert colour(page) > 30


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
    # What was measured at a threshold does not hold there.
    expect(page.locator(".threshold-control")).to_be_hidden()
    expect(page.locator(".cost")).to_be_hidden()
    # In the list there is no number either.
    page.locator("[data-view=many]").click()
    page.set_input_files(".pick-files", adult)
    expect(page.locator("#many tbody .verdict")).to_have_text(EN["verdict_OUTSIDE"])
    expect(page.locator("#many tbody .number")).to_have_text("–")


def test_by_keyboard_alone(page: Page, image_file: Path) -> None:
    answered(page, image_file)
    page.reload()
    page.wait_for_selector(".invitation strong")
    answered(page, image_file)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator(".stage")).to_be_focused()
    page.keyboard.press("Shift+Tab")  # the tools are one stop
    expect(page.locator("[data-tool=heatmap]")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-tool=contour]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[data-tool=contour]")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("End")
    expect(page.locator("[data-tool=help]")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator(".stage")).to_be_focused()


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


# Zoom factor, and how many pixels of the canvas one of the screen takes across and down.
_PIXELS = """() => {
  const canvas = document.querySelector("canvas.main");
  return [canvas.width / canvas.clientWidth, canvas.height / canvas.clientHeight];
}"""


def test_a_window_of_another_size_does_not_distort_the_radiograph(
    page: Page, image_file: Path
) -> None:
    answered(page, image_file)
    for width, height in ((1900, 1000), (844, 390), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(200)
        assert page.evaluate(_PIXELS) == pytest.approx([1, 1], abs=0.01), (width, height)


def test_side_by_side_shows_the_heatmap_and_ends_with_the_radiograph(
    page: Page, image_file: Path
) -> None:
    answered(page, image_file)
    page.keyboard.press("s")
    expect(page.locator("[data-tool=heatmap]")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("canvas.plain")).to_be_visible()
    page.locator(".stage").hover()
    page.mouse.wheel(0, -400)
    answered(page, image_file)
    expect(page.locator("[data-tool=side]")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("canvas.plain")).to_be_hidden()


def test_contours_go_with_the_least_evidence_shown(page: Page, image_file: Path) -> None:
    answered(page, image_file)
    show_heatmap(page)
    page.locator("[data-tool=heatmap]").click()
    page.locator("[data-tool=contour]").click()
    set_slider(page, ".least", 0)
    all_of_them = (np.ptp(shot(page), axis=2) > 30).mean()
    set_slider(page, ".least", 0.3)
    some = (np.ptp(shot(page), axis=2) > 30).mean()
    set_slider(page, ".least", 0.9)
    assert all_of_them > some > 0
    assert colour(page) < 5


def test_the_legend_says_its_unit_and_what_is_shown(page: Page, image_file: Path) -> None:
    answered(page, image_file)
    show_heatmap(page)
    expect(page.locator(".legend .unit")).to_contain_text("doubles the odds")
    set_slider(page, ".opacity", 0.4)
    expect(page.locator(".legend output").first).to_have_text("40%")
    top = float(page.locator(".legend .ticks span").last.text_content() or "")
    set_slider(page, ".least", 0.5)
    shown = page.locator(".legend output").last.text_content() or ""
    assert float(shown) == pytest.approx(top / 2, rel=0.1)
    page.locator(".checks-box summary").click()
    expect(page.locator(".scale-means")).to_contain_text(f"The top colour, {top}")


READOUT = re.compile(r"([\d,]+)% · W ([\d,]+) L ([\d,]+)")


def readout(page: Page) -> tuple[int, int, int]:
    """Zoom in per cent, and the window's width and level."""
    page.wait_for_timeout(60)  # until the next frame
    found = READOUT.search(page.locator(".readout").text_content() or "")
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


def test_two_fingers_zoom_about_their_middle_and_move(page: Page, image_file: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    answered(page, image_file)
    box = page.locator(".stage").bounding_box()
    assert box
    middle = round(box["height"] / 2)  # where an image that is lower than the stage is at any zoom
    left, top = box["x"] + 120, box["y"] + middle
    whole, fit = shot(page), readout(page)[0]
    fingers = Fingers(page)
    fingers.put((left - 30, top))
    fingers.put((left - 30, top), (left + 30, top))
    for apart in (40, 50, 60):
        fingers.move((left - apart, top), (left + apart, top))
    assert readout(page)[0] == pytest.approx(2 * fit, rel=0.02)
    zoomed = shot(page)
    around = whole[middle - 40 : middle + 40, 80:160].astype(np.uint8)
    expected = cv2.resize(around, (160, 160), interpolation=cv2.INTER_LINEAR)
    assert np.abs(zoomed[middle - 80 : middle + 80, 40:200] - expected).mean() < 4
    fingers.move((left - 30, top + 20), (left + 90, top + 20))  # both by 30 and 20
    moved = shot(page)
    assert np.abs(moved[60:260, 70:230] - zoomed[40:240, 40:200]).mean() < 4
    assert np.abs(moved - zoomed).mean() > 4
    # The finger that stays moves the image, whatever the tool; then each is a new touch.
    fingers.lift(all_but=1)
    fingers.move((left - 60, top))
    fingers.lift()
    assert np.abs(shot(page) - zoomed).mean() < 4
    page.locator("[data-tool=erase]").click()
    fingers.put((left, top))
    fingers.move((left, top + 30))
    expect(page.locator(".without")).to_contain_text("Without what is rubbed out")
    fingers.put((left, top + 30), (left + 60, top + 30))  # a pinch, and no stroke
    fingers.move((left, top + 30), (left + 30, top + 30))
    expect(page.locator(".without")).to_have_text(EN["what_if"])
    fingers.lift()
    assert readout(page)[0] == pytest.approx(fit, rel=0.02)
    # All this is the image's: the page was neither zoomed nor scrolled.
    assert page.evaluate("[visualViewport.scale, scrollY]") == [1, 0]


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
    everything = np.ones(answer.evidence.evidence.shape, np.float32)
    without = answer.operating_points.probability(answer.evidence.logit(everything))
    answered(page, image_file)
    page.keyboard.press("o")
    box = page.locator(".stage").bounding_box()
    assert box
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 4, box["y"] + box["height"] - 4, steps=3)
    said = page.locator(".without")
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


# --- Dropping and pasting -------------------------------------------------------------------------


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
