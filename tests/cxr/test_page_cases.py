"""The cases on the page, in a real browser: links, quiz, tour, both languages, accessibility."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from cxr.cases import read_cases
from cxr.language import format_probability
from cxr.messages import Message, sentences, text
from tests.conftest import PAGE_MARKS
from tests.cxr.browser import EN, FR, choose, violations

pytestmark = PAGE_MARKS
ALL = read_cases()
QUIZ = [case.name for case in ALL.cases if case.in_quiz]
SAID = "#guide .said"


def wait_for(page: Page, name: str) -> None:
    """Until the case has been answered and is told of."""
    expect(page.locator(".case h2")).to_have_text(ALL.by_name[name].title["en"], timeout=15_000)


def test_a_link_opens_its_case(page: Page, url: str) -> None:
    case = ALL.by_name["small-picture"]
    page.goto(f"{url}?case={case.name}")
    wait_for(page, case.name)
    expect(page.locator(".verdict .name")).to_have_text(case.path.name)
    expect(page.locator(".case .look")).to_have_text(case.look["en"])
    expect(page.locator(".case dd.label")).to_have_text(EN["label_viral"])
    assert case.answer.probability is not None
    probability = format_probability(case.answer.probability, "en")
    model = text("said_UNCERTAIN", "en", probability=probability)
    expect(page.locator(".case .model")).to_have_text(
        f"{model} {EN['compared_undecided_positive']}"
    )
    expect(page.locator(".case .origin")).to_contain_text("CC BY 4.0")
    assert page.locator(".case .link").get_attribute("href") == f"?case={case.name}"


def test_a_case_outside_the_models_range_has_no_verdict_beside_it(page: Page, url: str) -> None:
    page.goto(f"{url}?case=grown-up")
    wait_for(page, "grown-up")
    expect(page.locator(".verdict .label")).to_have_text(EN["verdict_OUTSIDE"])
    expect(page.locator(".case .model")).to_have_text(EN["said_OUTSIDE"])
    page.keyboard.press("x")
    expect(page.locator(".banner")).to_be_hidden()  # its number means little


def test_labels_are_told_once_a_case_is_answered(page: Page) -> None:
    assert page.locator("#cases [data-case]").count() == len(ALL.cases)
    labels = page.locator("#cases .label")
    assert set(labels.all_inner_texts()) == {""}
    page.locator("[data-case=hila]").click()
    wait_for(page, "hila")
    expect(page.locator("[data-case=hila] .label")).to_have_text(EN["label_viral"])
    expect(page.locator("[data-case=first-look] .label")).to_have_text("")
    assert page.url.endswith("?case=hila")


def test_of_cases_chosen_in_haste_the_last_is_shown(page: Page) -> None:
    for name in ("hila", "tubes", "leaning"):
        page.locator(f"[data-case={name}]").click()
    wait_for(page, "leaning")
    expect(page.locator(".verdict .name")).to_have_text("leaning.jpeg")


def test_a_radiograph_of_ones_own_is_no_case(page: Page, image_file: Path) -> None:
    page.locator("[data-case=hila]").click()
    wait_for(page, "hila")
    choose(page, image_file)
    expect(page.locator(".verdict .name")).to_have_text("image.png")
    expect(page.locator(".case article")).to_be_hidden()
    assert "case=" not in page.url
    page.locator("[data-case=hila]").click()
    wait_for(page, "hila")


def test_the_drawing_is_refused_and_told_of(page: Page) -> None:
    page.locator("[data-case=drawing]").click()
    wait_for(page, "drawing")
    reasons = [Message(code) for code in ALL.by_name["drawing"].answer.reasons]
    expect(page.locator(".case .model")).to_have_text(f"{EN['case_refused']} {sentences(reasons)}")
    expect(page.locator(".case .licence")).to_be_hidden()
    expect(page.locator(".problem .label")).to_have_text(EN["state_refused"])


def test_the_dicom_file_is_opened(page: Page) -> None:
    page.locator("[data-case=dicom]").click()
    wait_for(page, "dicom")
    expect(page.locator("#viewer .dicom")).to_be_visible()


def test_a_link_to_no_case_says_so(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{url}?case=nobody")
    said = page.locator(".case h2")
    expect(said).to_have_text(text("case_unknown", "en", name="nobody"), timeout=15_000)
    expect(said).to_be_in_viewport()
    page.set_viewport_size({"width": 1280, "height": 720})
    page.locator("[data-case=hila]").click()
    wait_for(page, "hila")


def test_a_link_opens_about(page: Page, url: str) -> None:
    page.goto("about:blank")
    page.goto(f"{url}#about")
    expect(page.locator("#card h1")).to_be_visible()
    page.locator("nav [data-view=one]").click()
    expect(page.locator("#cases")).to_be_visible()
    assert "#" not in page.url
    page.locator("nav [data-view=about]").click()
    assert page.url.endswith("#about")


def test_an_address_with_a_case_and_another_view_keeps_both(page: Page, url: str) -> None:
    """As that of a page that is reloaded in the middle of a study."""
    page.goto("about:blank")
    page.goto(f"{url}?case=hila#study")
    expect(page.locator("#study [data-do=files]")).to_be_visible()
    page.wait_for_selector(".viewer[data-state=answered]", state="attached")
    expect(page.locator("#study [data-do=files]")).to_be_visible()
    assert page.url.endswith("?case=hila#study")
    page.locator("nav [data-view=one]").click()
    wait_for(page, "hila")


def test_the_quiz_asks_before_it_tells(page: Page) -> None:
    page.locator("[data-do=quiz]").click()
    first = ALL.by_name[QUIZ[0]]
    expect(page.locator(SAID)).to_contain_text(EN["quiz_question"])
    expect(page.locator("[data-choice]").first).to_have_attribute("aria-disabled", "false")
    for hidden in ("#viewer .panel", ".case article", "[data-tool=heatmap]"):
        expect(page.locator(hidden)).to_be_hidden()
    page.keyboard.press("h")  # gives nothing away
    expect(page.locator(".legend")).to_be_hidden()
    assert page.locator("[data-tool=heatmap]").get_attribute("aria-pressed") == "false"
    chosen = page.locator(f"[data-case={first.name}]")
    expect(chosen.locator(".label")).to_have_text("")
    expect(chosen.locator(".title")).to_have_text("Case 1")  # its title may give it away
    expect(page.locator("canvas.main")).to_have_attribute("aria-label", "Radiograph Case 1")

    page.locator(f"[data-choice={first.expected}]").click()
    wait_for(page, first.name)
    expect(page.locator("#viewer .panel")).to_be_visible()
    expect(chosen.locator(".title")).to_have_text(first.title["en"])
    expect(page.locator(SAID)).to_contain_text(EN[f"label_{first.label}"])
    page.locator("#guide [data-do=next]").click()
    expect(page.locator("[data-choice]").first).to_have_attribute("aria-disabled", "false")
    page.locator("[data-choice=UNSURE]").click()
    cases = [ALL.by_name[name] for name in QUIZ[:2]]
    model = sum(case.answer.verdict == case.expected for case in cases)
    uncertain = sum(case.answer.verdict == "UNCERTAIN" for case in cases)
    values = {"right": 1, "total": 2, "unsure": 1, "model": model, "uncertain": uncertain}
    score = text("quiz_score", "en", **values)
    expect(page.locator("#guide .score")).to_have_text(score)

    # The first choice counts, and the browser remembers it.
    page.reload()
    page.wait_for_selector("#cases .title")
    page.locator("[data-do=quiz]").click()
    expect(page.locator(SAID)).to_contain_text("Case 3")
    expect(page.locator("#guide .score")).to_have_text(score)
    page.keyboard.press("Escape")
    wait_for(page, QUIZ[2])
    expect(page.locator("#guide section")).to_be_hidden()


def test_the_quiz_ends_and_begins_again(page: Page) -> None:
    page.evaluate(
        "names => localStorage.setItem('cxr.quiz', JSON.stringify("
        "Object.fromEntries(names.map((name) => [name, 'NORMAL']))))",
        QUIZ[:-1],
    )
    page.reload()
    page.wait_for_selector("#cases .title")
    page.locator("[data-do=quiz]").click()
    expect(page.locator(SAID)).to_contain_text(f"Case {len(QUIZ)}")
    expect(page.locator("[data-choice]").first).to_have_attribute("aria-disabled", "false")
    page.locator("[data-choice=NORMAL]").click()
    expect(page.locator(SAID)).to_contain_text(EN["quiz_done"])
    right = sum(ALL.by_name[name].expected == "NORMAL" for name in QUIZ)
    expect(page.locator("#guide .score")).to_contain_text(f"you {right} of {len(QUIZ)} (0 unsure)")
    page.locator("[data-do=again]").click()
    expect(page.locator(SAID)).to_contain_text("Case 1")
    expect(page.locator("#guide .score")).to_have_text("")


def test_the_tour_by_keyboard(page: Page) -> None:
    page.locator("[data-do=tour]").focus()
    page.keyboard.press("Enter")
    total = len(ALL.tour)
    for number, step in enumerate(ALL.tour, 1):
        place = text("tour_step", "en", step=number, total=total)
        expect(page.locator(SAID)).to_have_text(f"{place} {step.say['en']}")
        wait_for(page, step.case)
        expect(page.locator("#guide button:focus")).to_have_count(1)
        if number < total:
            page.keyboard.press("Enter" if number == 1 else "ArrowRight")
    expect(page.locator("#guide [data-do=next]")).to_be_hidden()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(SAID)).to_contain_text(f"{total - 1} of {total}")
    page.keyboard.press("Escape")
    expect(page.locator("#guide section")).to_be_hidden()
    expect(page.locator("[data-do=tour]")).to_be_focused()


def test_in_french(page: Page) -> None:
    page.locator(".language").click()
    page.locator("[data-case=wide-mediastinum]").click()
    case = ALL.by_name["wide-mediastinum"]
    expect(page.locator(".case h2")).to_have_text(case.title["fr"], timeout=15_000)
    expect(page.locator(".case .look")).to_have_text(case.look["fr"])
    expect(page.locator(".case .model")).to_contain_text(FR["compared_undecided_negative"])
    page.locator("[data-do=tour]").click()
    expect(page.locator(SAID)).to_contain_text(ALL.tour[0].say["fr"])
    page.locator("[data-do=quiz]").click()
    expect(page.locator(SAID)).to_contain_text(FR["quiz_question"])
    for part in ("#cases", "#guide", ".case"):
        shown = page.locator(part).inner_text()
        for key in ("tour_next", "quiz_end", "case_look", "unsure", "case_link"):
            assert EN[key] not in shown


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(browser: Browser, url: str, scheme: Literal["light", "dark"]) -> None:
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": 1280, "height": 720}, locale="en-GB"
    )
    page = context.new_page()
    page.goto(f"{url}?case=hila")
    wait_for(page, "hila")
    found = violations(page)
    page.locator("[data-do=tour]").click()
    wait_for(page, ALL.tour[0].case)
    found += violations(page)
    page.locator("[data-do=quiz]").click()
    expect(page.locator("[data-choice]").first).to_have_attribute("aria-disabled", "false")
    found += violations(page)
    page.locator("[data-choice=NORMAL]").click()
    expect(page.locator("#guide .score")).to_be_visible()
    found += violations(page)
    assert found == []
    context.close()


def test_a_phone_shows_it_without_scrolling_sideways(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{url}?case=hila")
    wait_for(page, "hila")
    for mode in ("tour", "quiz"):
        page.locator(".open-drawer").click()
        page.locator(f"[data-do={mode}]").click()
        expect(page.locator("#guide section")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert too_small(page) == []


def too_small(page: Page) -> list[str]:
    """What is to be touched and is less than 44 pixels high."""
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('button:not(.skip), summary, select, textarea, .first')]"
        ".filter((one) => one.offsetParent && one.getBoundingClientRect().height < 43.5)"
        ".map((one) => one.outerHTML)"
    )
    return found


def test_on_a_phone_what_a_case_teaches_follows_the_verdict(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{url}?case=hila")
    wait_for(page, "hila")
    parts = (".stage", ".tools", ".verdict", ".case", ".number")
    boxes = [page.locator(f"#viewer {part}").bounding_box() for part in parts]
    ends = [0.0]
    for part, box in zip(parts, boxes, strict=True):
        assert box
        assert box["y"] >= ends[-1], part
        ends.append(box["y"] + box["height"])
    assert ends[3] <= 844  # radiograph and verdict are within one screen
    assert too_small(page) == []
    page.locator(".feedback").scroll_into_view_if_needed()
    verdict = page.locator(".verdict").bounding_box()
    assert verdict
    assert verdict["y"] == 0  # it stays in sight


def test_on_a_phone_the_cases_are_in_a_drawer_once_there_is_a_radiograph(
    page: Page, url: str
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    opener, drawer = page.locator(".open-drawer"), page.locator("#cases .drawer")
    expect(drawer).to_be_visible()
    expect(opener).to_be_hidden()
    page.locator("[data-case=hila]").click()
    wait_for(page, "hila")
    expect(drawer).to_be_hidden()
    opener.press("Enter")
    expect(drawer).to_be_visible()
    expect(opener).to_have_attribute("aria-expanded", "true")
    assert violations(page) == []
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(opener).to_be_focused()
    opener.click()
    page.locator(".stage").click(position={"x": 10, "y": 330})  # anywhere else
    expect(drawer).to_be_hidden()
    opener.click()
    page.locator("[data-case=leaning]").click()
    wait_for(page, "leaning")
    expect(drawer).to_be_hidden()
    page.set_viewport_size({"width": 1280, "height": 720})
    expect(drawer).to_be_visible()
    expect(opener).to_be_hidden()


def test_who_reads_first_is_not_told_of_the_case_before(page: Page) -> None:
    page.locator("[data-case=hila]").click()
    wait_for(page, "hila")
    page.locator(".read-first").check()
    page.locator("[data-case=leaning]").click()
    expect(page.locator(".own-reading .name")).to_have_text("leaning.jpeg")
    expect(page.locator(".case article")).to_be_hidden()
    expect(page.locator("[data-case=leaning] .label")).to_have_text("")
    page.locator("[name=own][value=NORMAL]").check()
    page.locator(".own-reading button").click()
    wait_for(page, "leaning")
    expect(page.locator("[data-case=leaning] .label")).to_have_text(EN["label_viral"])
    # The quiz asks for the reading itself, and once.
    page.locator("[data-do=quiz]").click()
    expect(page.locator("[data-choice]").first).to_have_attribute("aria-disabled", "false")
    expect(page.locator(".own-reading")).to_be_hidden()
    page.locator("[data-choice=UNSURE]").click()
    wait_for(page, QUIZ[0])
    expect(page.locator("#viewer .answer")).to_be_visible()
