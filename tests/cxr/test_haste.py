"""What haste, second clicks and other tabs of the browser do not do, in a real browser."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

from tests.conftest import PAGE_MARKS
from tests.cxr.browser import (
    ANSWERED,
    EN,
    answered,
    choose,
    choose_many,
    many_status,
    row_of,
    set_slider,
    shot,
)
from tests.cxr.studying import begin, phase, read, submit

pytestmark = PAGE_MARKS


@pytest.fixture
def failures(page: Page) -> list[str]:
    """What fails in the page's scripts."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


class TestStudy:
    """The reader study."""

    def test_enter_twice_submits_one_reading(self, page: Page, radiographs: list[Path]) -> None:
        begin(page, radiographs[:2])
        read(page, "NORMAL", 80)
        page.locator("#study [value=NORMAL]").focus()
        page.keyboard.press("Enter")
        phase(page, "aid")
        expect(page.locator("#study .verdict")).to_be_focused()
        page.keyboard.press("Enter")
        page.locator("#study [type=submit]").dispatch_event("click", {"detail": 2})
        page.wait_for_timeout(200)
        phase(page, "aid")
        expect(page.locator("#study .place strong")).to_contain_text("1 of 2")

    def test_a_double_click_does_not_confirm(self, page: Page, radiographs: list[Path]) -> None:
        begin(page, radiographs[:2])
        page.locator("#study [data-do=end]").dblclick()
        expect(page.locator("#study [data-do=end]")).to_have_text(EN["study_end_sure"])
        phase(page, "read")
        page.locator("#study [data-do=end]").click()
        phase(page, "results")
        page.locator("[data-do=forget]").dblclick()
        expect(page.locator("[data-do=forget]")).to_have_text(EN["study_forget_sure"])
        phase(page, "results")

    def test_one_radiograph_too_many_takes_nothing_away(
        self, page: Page, radiographs: list[Path]
    ) -> None:
        page.locator("nav [data-view=study]").click()
        phase(page, "setup")
        page.set_input_files("#study .pick-files", radiographs[:3])
        expect(page.locator("#study .chosen")).to_contain_text("3 radiographs chosen")
        content = list(radiographs[3].read_bytes())
        page.evaluate(
            """(content) => document.dispatchEvent(new CustomEvent("cxr:study", { detail: {
              items: [],
              files: Array.from({ length: 498 },
                (_, i) => new File([new Uint8Array(content)], `${i}.png`)),
            } }))""",
            content,
        )
        expect(page.locator("#study .notice[role=alert]")).to_contain_text(
            "at most 500 radiographs"
        )
        expect(page.locator("#study .chosen")).to_contain_text("3 radiographs chosen")

    def test_what_comes_while_it_is_under_way_is_said_not_to_count(
        self, page: Page, radiographs: list[Path]
    ) -> None:
        begin(page, radiographs[:1])
        page.evaluate(
            """() => document.dispatchEvent(new CustomEvent("cxr:study",
              { detail: { items: [], files: [new File(["x"], "late.png")] } }))"""
        )
        expect(page.locator("#study .notice[role=alert]")).to_have_text(EN["study_under_way"])
        read(page, "NORMAL", 80)
        submit(page)
        phase(page, "aid")
        submit(page)
        phase(page, "results")
        expect(page.locator("#study .notice[role=alert]")).to_be_hidden()

    def test_a_study_that_is_kept_in_part_says_so(
        self, page: Page, radiographs: list[Path]
    ) -> None:
        begin(page, radiographs[:3])
        page.evaluate("() => window.cxrStore.open('study').remove(2)")
        page.reload()
        phase(page, "read")
        expect(page.locator("#study .notice[role=alert]")).to_contain_text("2 of 3 radiographs")


class TestViewer:
    """One radiograph."""

    def test_identifiers_are_asked_for_of_each_patient(
        self, page: Page, sixteen_bits: Path
    ) -> None:
        answered(page, sixteen_bits)
        page.locator(".identifiers").check(force=True)
        answered(page, sixteen_bits)
        expect(page.locator(".identifiers")).not_to_be_checked()

    def test_escape_puts_the_ruler_away_before_it_ends_the_quiz(self, page: Page) -> None:
        page.locator("[data-do=quiz]").click()
        expect(page.locator("[data-choice]").first).to_have_attribute("aria-disabled", "false")
        page.keyboard.press("d")
        expect(page.locator("[data-tool=ruler]")).to_have_attribute("aria-pressed", "true")
        page.keyboard.press("Escape")
        expect(page.locator("[data-tool=ruler]")).to_have_attribute("aria-pressed", "false")
        expect(page.locator("#guide .choices")).to_be_visible()
        expect(page.locator("#viewer .panel")).to_be_hidden()
        page.keyboard.press("Escape")
        expect(page.locator("#guide section")).to_be_hidden()

    @pytest.mark.parametrize("tool", ["e", "o", "d"])
    def test_a_drag_goes_on_as_it_began(
        self, page: Page, image_file: Path, failures: list[str], tool: str
    ) -> None:
        answered(page, image_file)
        page.keyboard.press(tool)
        before = shot(page)
        page.locator(".stage").hover(position={"x": 300, "y": 200})
        page.keyboard.down("Shift")
        page.mouse.down()
        page.keyboard.up("Shift")
        page.mouse.move(520, 320, steps=4)
        page.mouse.up()
        expect(page.locator(".without")).to_have_text(EN["what_if"])  # the window was changed
        assert np.abs(shot(page) - before).max() > 0
        assert not failures

    @pytest.mark.parametrize("tool", ["e", "o"])
    def test_a_drag_does_not_go_on_into_another_radiograph(
        self, page: Page, image_file: Path, failures: list[str], tool: str
    ) -> None:
        answered(page, image_file)
        page.keyboard.press(tool)
        page.locator(".stage").hover(position={"x": 300, "y": 200})
        page.mouse.down()
        page.mouse.move(400, 300, steps=3)
        page.keyboard.press("z")  # not while it is being drawn
        expect(page.locator(".without")).to_contain_text("Without what is rubbed out")
        answered(page, image_file)
        page.mouse.move(520, 320, steps=4)
        page.mouse.up()
        expect(page.locator(".without")).to_have_text(EN["what_if"])
        assert not failures

    def test_each_undo_takes_something_back(self, page: Page, image_file: Path) -> None:
        answered(page, image_file)
        page.keyboard.press("x")
        page.keyboard.press("e")
        for _ in range(2):
            page.locator(".stage").click(position={"x": 3, "y": 3})  # beside the radiograph
        page.keyboard.press("z")
        expect(page.locator(".without")).to_have_text(EN["what_if"])

    def test_what_is_in_the_middle_stays_there_when_it_is_turned(
        self, page: Page, image_file: Path
    ) -> None:
        answered(page, image_file)
        page.locator(".stage").focus()
        for key in [*["+"] * 6, *["ArrowRight"] * 4, *["ArrowDown"] * 3]:
            page.keyboard.press(key)
        middle = self._middle(page)
        for keys in ("f", "r", "r", "f", "r"):
            page.keyboard.press(keys)
            assert self._middle(page) == pytest.approx(middle, abs=6)
            assert shot(page).max() > 0

    @staticmethod
    def _middle(page: Page) -> float:
        """The value in the middle of the stage, as the readout says it."""
        box = page.locator("canvas.main").bounding_box()
        assert box
        page.mouse.move(box["x"] + box["width"] / 2 + 1, box["y"] + box["height"] / 2 + 1)
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        said = page.locator(".readout")
        expect(said).to_contain_text("value")
        return float(said.inner_text().split("value ")[1].split()[0].replace(",", ""))

    def test_who_begins_to_read_first_in_another_tab_has_seen_this_answer(
        self, page: Page, url: str, image_file: Path, tmp_path: Path
    ) -> None:
        answered(page, image_file)
        other = page.context.new_page()
        other.goto(url)
        other.wait_for_selector(".invitation strong")
        other.evaluate("() => window.cxr.setReadFirst(true)")
        expect(page.locator(".read-first")).to_be_checked()
        expect(page.locator("#viewer .answer")).to_be_visible()
        page.keyboard.press("h")
        expect(page.locator(".own-reading")).to_be_hidden()
        another = tmp_path / "another.png"
        cv2.imwrite(str(another), cv2.imread(str(image_file))[:, ::-1])
        choose(page, another)
        expect(page.locator(".own-reading")).to_be_visible()

    def test_a_link_to_no_case_is_forgotten_with_a_radiograph(
        self, page: Page, url: str, image_file: Path
    ) -> None:
        page.goto(f"{url}?case=nobody")
        unknown = page.get_by_text("There is no case called")
        expect(unknown).to_be_visible()
        answered(page, image_file)
        expect(unknown).to_be_hidden()

    def test_refused_pictures_do_not_pile_up_in_the_browser(
        self, page: Page, gradient_file: Path
    ) -> None:
        page.evaluate("""() => {
          window.live = new Set();
          const { createObjectURL, revokeObjectURL } = URL;
          URL.createObjectURL = (blob) => {
            const made = createObjectURL.call(URL, blob);
            window.live.add(made);
            return made;
          };
          URL.revokeObjectURL = (uri) => {
            window.live.delete(uri);
            revokeObjectURL.call(URL, uri);
          };
        }""")
        for _ in range(2):
            choose(page, gradient_file)
            page.wait_for_selector(".viewer[data-state=reading]", state="attached")
            page.wait_for_selector(".viewer[data-state=refused]")
        assert page.evaluate("window.live.size") == 0


class TestList:
    """The list of many radiographs."""

    def test_what_the_page_does_not_know_does_not_stop_it(
        self, page: Page, archive: Path, failures: list[str]
    ) -> None:
        page.evaluate("delete window.cxrTexts.en.no_lungs")
        choose_many(page, archive)
        expect(many_status(page)).to_contain_text("5 of 5 done", timeout=30_000)
        expect(page.locator("[data-do=csv]")).to_be_visible()
        expect(row_of(page, "gradient.png")).to_contain_text("Something that this page does not")
        assert not failures

    def test_a_row_without_its_file_takes_nobody_away_from_another(
        self, page: Page, archive: Path
    ) -> None:
        choose_many(page, archive)
        expect(many_status(page)).to_contain_text("5 of 5 done", timeout=30_000)
        page.evaluate("""async () => {
          const { rows, open, fileOf } = window.cxrList;
          const [gone, there] = [...rows.keys()];
          rows.get(gone).source = "gone";
          open(gone, [gone, there]);
          await open(there, [gone, there]);
        }""")
        page.wait_for_timeout(300)
        assert page.evaluate("document.body.dataset.view") == "one"

    def test_a_click_meets_the_line_that_is_under_it(self, page: Page, archive: Path) -> None:
        page.evaluate("() => window.cxr.setReadFirst(true)")
        choose_many(page, archive)
        expect(many_status(page)).to_contain_text("5 of 5 done", timeout=30_000)
        page.get_by_label("Your reading, ward/one.png").focus()
        page.get_by_label("Your reading, ward/one.png").select_option("NORMAL")
        name = row_of(page, "ward/=two.png").get_by_role("button")
        box = name.bounding_box()
        assert box
        page.mouse.move(box["x"] + 5, box["y"] + 5)
        page.mouse.down()
        page.wait_for_timeout(100)  # a press takes as long
        page.mouse.up()
        page.wait_for_selector(ANSWERED)
        expect(page.locator(".own-reading .name")).to_have_text("=two.png")

    def test_deleting_it_forgets_its_filters(self, page: Page, archive: Path) -> None:
        choose_many(page, archive)
        expect(many_status(page)).to_contain_text("5 of 5 done", timeout=30_000)
        page.locator("[data-filter=verdict]").select_option("refused")
        page.locator("[data-do=delete]").click()
        page.locator("[data-do=delete_all]").click()
        choose_many(page, archive)
        expect(many_status(page)).to_contain_text("5 of 5 done", timeout=30_000)
        expect(page.locator("#many tbody tr")).to_have_count(5)

    def test_next_pressed_in_haste_asks_for_what_is_shown(
        self, page: Page, radiographs: list[Path]
    ) -> None:
        choose_many(page, *radiographs[:6])
        expect(many_status(page)).to_contain_text("6 of 6 done", timeout=30_000)
        page.locator("#many tbody td.file button").first.click()
        page.wait_for_selector(ANSWERED)
        held: list[Route] = []
        asked: list[str] = []
        page.on(
            "request",
            lambda request: (
                asked.append(request.post_data or "") if "component_server" in request.url else None
            ),
        )
        page.route("**/upload*", lambda route: held.append(route))
        for number in (1, 2, 3):
            with page.expect_request("**/upload*"):
                page.keyboard.press("n")
            page.wait_for_timeout(100)
            assert len(held) == number
        for route in held:
            route.continue_()
        page.wait_for_selector(ANSWERED)
        page.wait_for_timeout(300)
        assert len([one for one in asked if "answer_one" in one]) == 1


def test_a_slider_that_hides_evidence_is_set_back(page: Page, image_file: Path) -> None:
    answered(page, image_file)
    page.keyboard.press("h")
    least = page.locator(".legend .least").input_value()
    set_slider(page, ".legend .least", 0.9)
    answered(page, image_file)
    page.keyboard.press("h")
    expect(page.locator(".legend .least")).to_have_value(least)
