"""What the viewer shows before, with and instead of an answer, in a real browser."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader

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
    answered,
    choose,
    colour,
    number_in,
    opened,
    served,
    shot,
)
from tests.cxr.dicom_files import content, header, make

pytestmark = PAGE_MARKS


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
    expect(problem).to_contain_text("The image is damaged or cut off")
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
    expect(problem.locator(".todo")).to_have_text(EN["todo_refused"])
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
    expect(page.locator(".problem .todo")).to_have_text(EN["todo_unread"])  # no check was made
    expect(page.locator(".picture")).to_be_visible()
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


def test_a_measured_line_goes_with_its_radiograph(page: Page, image_file: Path) -> None:
    answered(page, image_file)
    page.keyboard.press("d")
    box = page.locator(".stage").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 60, box["y"] + box["height"] / 2, steps=3)
    page.mouse.up()
    plain = shot(page)
    page.locator("#cases [data-case=hila]").click()
    expect(page.locator(".verdict .name")).to_have_text("hila.jpeg")
    answered(page, image_file)
    assert np.abs(shot(page) - plain).max() > 60  # the line is gone


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
        places = {**dict.fromkeys(PLACES, 0.0), "edge": 1.0}
        checks = dataclasses.replace(
            answer.checks, places=places, blurring=Blurring(strongest=1.0, elsewhere=0.0)
        )
        gate = dataclasses.replace(answer.gate_result, warnings=(Message("adult"),))
        if radiograph.name.startswith("adult"):
            return dataclasses.replace(answer, gate_result=gate)
        return dataclasses.replace(answer, checks=checks)


@pytest.fixture(scope="module")
def doubtful(browser: Browser, tiny_classifier: Classifier) -> Iterator[Page]:
    with (
        served(Doubtful(tiny_classifier.bundle)) as address,
        opened(browser, address, viewport={"width": 1280, "height": 900}) as page,
    ):
        yield page


def test_a_heatmap_that_supports_nothing_takes_a_second_click(
    doubtful: Page, image_file: Path, tmp_path: Path
) -> None:
    """In what the reader keeps, too."""
    page = doubtful

    def kept(kind: str) -> Path:
        with page.expect_download() as waiting:
            page.locator(f"[data-keep={kind}]").click()
        waiting.value.save_as(tmp_path / kind)
        return tmp_path / kind

    def says_it_is_left_out() -> bool:
        said = PdfReader(kept("report")).pages[0].extract_text()
        return EN["heatmap_withheld"] in " ".join(said.split())

    answered(page, image_file)
    expect(page.locator(".worth .word")).to_have_text(EN["worth_not_supported"])
    page.keyboard.press("h")
    expect(page.locator(".unsupported")).to_be_visible()
    assert colour(page) < 5
    assert says_it_is_left_out()
    plain = cv2.imread(str(kept("overlay")))[:180]
    assert np.ptp(plain.astype(int), axis=2).max() < 5
    page.locator(".unsupported").click()
    assert colour(page) > 30
    expect(page.locator(".banner")).to_contain_text(EN["worth_not_supported"])
    assert not says_it_is_left_out()
    assert np.ptp(cv2.imread(str(kept("overlay")))[:180].astype(int), axis=2).max() > 60


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
    expect(page.locator(".cost.rule")).to_be_hidden()
    # In the list there is no number either.
    page.locator("nav [data-view=many]").click()
    page.set_input_files(".pick-files", adult)
    expect(page.locator("#many tbody .verdict")).to_have_text(EN["verdict_OUTSIDE"])
    expect(page.locator("#many tbody .number")).to_have_text("–")
