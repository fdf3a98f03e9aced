"""Thresholds in a real browser: the model's, the reader's own, and what each costs."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from cxr.classifier import Classifier
from cxr.messages import sentences
from cxr.model.bundle import Bundle
from cxr.model.operating_points import OperatingPoints
from cxr.reading.radiograph import read_radiograph
from tests.conftest import PAGE_MARKS
from tests.cxr.browser import EN, FR, answered, number_in, served, set_slider

pytestmark = PAGE_MARKS


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
        excludes = page.get_by_text(EN["not_excluded"], exact=True)
        expect(excludes).to_be_visible(visible=label == EN["verdict_NORMAL"])
        at = points.at(threshold)
        low, high = at.sensitivity_interval()
        expect(page.locator(".cost td.all.sensitivity")).to_have_text(f"{at.sensitivity:.1%}")
        expect(page.locator(".cost.rule")).to_be_hidden()
        expect(page.locator("p.counted")).to_contain_text(f"{low:.1%}–{high:.1%}")
        for count in (at.true_positives, at.true_negatives):
            expect(page.locator("p.counted")).to_contain_text(f"{count} of 100 ")
    page.locator(".reset").click()
    expect(page.locator(".threshold-control output")).to_have_text("40% and 70% (the model's)")
    label = EN[f"verdict_{points.verdict(probability)}"]
    expect(page.locator(".verdict .label")).to_have_text(label)

    page.keyboard.press("h")
    page.keyboard.press("x")
    assert not [url for url in requests if not url.startswith(("data:", "blob:"))]


def test_a_prevalence_that_is_none_leaves_the_one_before(page: Page, image_file: Path) -> None:
    answered(page, image_file)
    page.locator(".change-prevalence").click()
    prevalence = page.locator(".prevalence input")
    prevalence.fill("30")
    prevalence.press("Tab")
    prevalence.focus()
    prevalence.fill("")
    for typed in "150":  # 15 is one, on the way
        page.keyboard.press(typed)
    prevalence.press("Tab")
    expect(prevalence).to_have_value("30")
    assert page.evaluate("window.cxr.recall('prevalence')") == 30


def test_back_at_the_models_thresholds_the_keyboard_is_still_there(
    page: Page, image_file: Path
) -> None:
    answered(page, image_file)
    set_slider(page, ".threshold", 0.9)
    page.locator(".reset").press("Enter")
    expect(page.locator("[data-stop=threshold]")).to_be_focused()


def test_a_verdict_that_is_not_firm_says_so_openly(
    page: Page, image_file: Path, tiny_classifier: Classifier
) -> None:
    answered(page, image_file)
    prediction = tiny_classifier.predict(read_radiograph(image_file))
    views = [prediction.probability, *prediction.checks.variants.values()]
    hundredths = {round(value, 2) for value in views}
    # Between two of them lies a threshold at which they get different verdicts.
    threshold = next(value for value in sorted(hundredths) if min(views) < value <= max(views))
    (differ,) = (
        message for message in prediction.remarks(threshold) if message.code == "views_differ"
    )
    openly, closed = page.locator(".viewer .warnings"), page.locator("p.checks")
    for own, firm in ((threshold, False), (1.0, True)):
        set_slider(page, ".threshold", own)
        here, not_here = (closed, openly) if firm else (openly, closed)
        said = "the same each time" if firm else sentences([differ])
        expect(here).to_contain_text(said)
        expect(not_here).not_to_contain_text("each time")


def test_what_to_expect_elsewhere_follows_the_slider_where_it_was_measured(
    browser: Browser, image_file: Path, tiny_bundle: Bundle, points: OperatingPoints
) -> None:
    figures = {"images": 200, "sensitivity": 0.75, "specificity": 0.5}
    curve = [asdict(points.at(max(0.0, at.threshold - 0.2))) for at in points.curve]
    for values, at in zip(curve, points.curve, strict=True):
        values["threshold"] = at.threshold
    bundles = [
        replace(tiny_bundle, evaluation={"result": {"threshold": 0.5}, "elsewhere": found})
        for found in ({**figures, "curve": curve}, figures)
    ]
    columns = []
    for bundle in bundles:
        with served(Classifier(bundle)) as address, browser.new_context(locale="en-GB") as context:
            page = context.new_page()
            page.goto(address)
            answered(page, image_file)
            said = page.locator(".elsewhere-means")
            expect(said).to_contain_text("the 200 radiographs of the data set")
            cells = page.locator(".cost.rule .elsewhere td")
            found = [cells.all_inner_texts()]
            page.locator(".counts summary").click()
            counted = page.locator("p.counted-elsewhere")
            by_rule = counted.inner_text()
            set_slider(page, ".threshold", 0.8)
            cells = page.locator(".cost.at tbody .elsewhere")
            columns.append([*found, cells.all_inner_texts()])
            if bundle is bundles[0]:
                _, high = points.at(0.2).sensitivity_interval()
                missed = f"said to be normal: 10 of 100. 95% confidence interval: {1 - high:.1%}"
                assert missed in by_rule
                expect(counted).to_contain_text("Acquired differently. 70 of 100 radiographs with")
            else:
                assert by_rule == ""
                expect(counted).to_be_empty()
            only = page.locator(".elsewhere-only").inner_text()
            assert only == (
                ""
                if bundle is bundles[0]
                else "Acquired differently, it was measured at 50% only: sensitivity 75.0%, "
                "specificity 50.0%."
            )
    assert columns == [
        [["75.0%", "15.0%", "10.0%", "50.0%", "30.0%", "20.0%"], ["70.0%", "60.0%"]],
        [["–"] * 6, ["–", "–"]],
    ]


def test_the_models_three_thresholds(page: Page, image_file: Path, points: OperatingPoints) -> None:
    answered(page, image_file)
    for name in ("high_sensitivity", "high_specificity", "threshold"):
        page.locator(f"[data-stop={name}]").click()
        expect(page.locator(f"[data-stop={name}]")).to_have_attribute("aria-pressed", "true")
        expect(page.locator("[data-stop][aria-pressed=true]")).to_have_count(1)
        value = f"{getattr(points, name):.0%} (chosen by you)"
        said = "40% and 70% (the model's)" if name == "threshold" else value
        expect(page.locator(".threshold-control output")).to_have_text(said)
        between = page.locator(".uncertain-between")
        if name == "threshold":
            expect(between).to_contain_text("From 40% up to 70% the verdict is uncertain")
        else:
            expect(between).to_be_empty()
        own = page.locator(".own-threshold")
        expect(own).to_be_visible(visible=name != "threshold")
        expect(page.locator(".bar .band")).to_be_visible(visible=name == "threshold")
        expect(page.locator(".bar .mark")).to_be_visible(visible=name != "threshold")


def test_by_the_models_rule_figures_are_of_its_three_verdicts(page: Page, image_file: Path) -> None:
    """Below 40% it says normal, and from 70% on pneumonia."""
    answered(page, image_file)
    cells = page.locator(".cost.rule .all td")
    expect(cells).to_have_text(["65.0%", "15.0%", "20.0%", "30.0%", "30.0%", "40.0%"])
    expect(page.locator(".cost.at")).to_be_hidden()
    page.locator(".counts summary").click()
    expect(page.locator("p.counted")).to_contain_text("said to be normal: 20 of 100.")
    expect(page.locator("p.counted")).to_contain_text("13.3%–28.9%")
    expect(page.locator("p.counted")).to_contain_text("said to be pneumonia: 30 of 100.")
    page.locator(".change-prevalence").click()
    page.locator(".prevalence input").fill("30")
    page.keyboard.press("Enter")
    said = page.locator(".frequencies")
    expect(said).to_contain_text(
        "of 300 children with pneumonia, 195 would get the verdict pneumonia, 45 would stay "
        "uncertain, and 60 would get the verdict normal (missed). Of 700 children without "
        "pneumonia, 280 would get the verdict normal, 210 would stay uncertain, and 210 would get"
    )
    expect(said).to_contain_text("48.1% would be right")  # 195 of 195 + 210
    expect(said).to_contain_text("verdicts normal, 82.4%")  # 280 of 280 + 60
    expect(page.locator(".predictive")).to_be_empty()


def test_of_a_thousand_children(page: Page, image_file: Path, points: OperatingPoints) -> None:
    answered(page, image_file)
    set_slider(page, ".threshold", 0.6)
    page.locator(".change-prevalence").click()  # beside the probability
    expect(page.locator(".prevalence input")).to_be_focused()
    page.locator(".prevalence input").fill("30")
    page.keyboard.press("Enter")
    at = points.at(0.6)
    found, false_alarms = 0.3 * at.sensitivity, 0.7 * (1 - at.specificity)
    missed, cleared = 0.3 * (1 - at.sensitivity), 0.7 * at.specificity
    positive, negative = found / (found + false_alarms), cleared / (cleared + missed)
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
    page.locator(".prevalence input").fill("150")
    page.keyboard.press("Enter")
    expect(page.locator(".prevalence input")).to_have_value("30")


def test_a_threshold_of_the_readers_own_lasts_as_long_as_the_tab_and_is_said(
    page: Page, image_file: Path, url: str, points: OperatingPoints, tiny_classifier: Classifier
) -> None:
    answered(page, image_file)
    expect(page.locator(".own-threshold")).to_be_hidden()
    set_slider(page, ".threshold", 0.33)
    page.locator(".language").click()
    page.goto(url)
    page.wait_for_selector(".invitation strong")
    expect(page.locator("#status")).to_contain_text("Modèle tiny 1")
    answered(page, image_file)
    expect(page.locator(".threshold-control output")).to_have_text("33\xa0% (choisi par vous)")
    probability = tiny_classifier.predict(read_radiograph(image_file)).probability
    said = f"Selon les seuils du modèle : {FR[f'verdict_{points.verdict(probability)}']}"
    expect(page.locator(".own-threshold")).to_contain_text(said)

    rule = "40\xa0% et 70\xa0% (ceux du modèle)"
    later = page.context.new_page()  # another tab of the same browser
    later.goto(url)
    later.wait_for_selector(".invitation strong")
    answered(later, image_file)
    expect(later.locator(".threshold-control output")).to_have_text(rule)
    later.close()

    page.locator(".reset").click()
    expect(page.locator(".own-threshold")).to_be_hidden()
    expect(page.locator(".threshold-control output")).to_have_text(rule)


def test_sliders_move_by_keyboard(page: Page, image_file: Path) -> None:
    answered(page, image_file)
    page.locator(".threshold").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".threshold-control output")).to_have_text("51% (chosen by you)")
    page.keyboard.press("ArrowLeft")
    # The threshold of the model's figures is one like others: the rule is not at a single one.
    expect(page.locator(".threshold-control output")).to_have_text("50% (chosen by you)")
    page.locator("[data-stop=threshold]").click()
    expect(page.locator(".threshold-control output")).to_have_text("40% and 70% (the model's)")
    expect(page.locator(".own-threshold")).to_be_hidden()
