"""Rules that Python and the browser both follow, held to one table of cases: `rules.json`."""

from __future__ import annotations

import dataclasses
import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser

from cxr.checks import PLACES, Checks, whole_percents
from cxr.language import (
    LANGUAGES,
    format_decimal,
    format_number,
    format_percent,
    format_prevalence,
    format_probability,
    format_threshold,
)
from cxr.messages import as_sentence, fill
from cxr.model.evidence import EvidenceMap
from cxr.model.expected import Rates, by_rule, measured_at
from cxr.model.operating_points import OperatingPoint, OperatingPoints, at_prevalence
from tests.conftest import PAGE_MARKS, ROOT

RULES: dict[str, Any] = json.loads(Path(__file__).with_name("rules.json").read_text("utf-8"))
FORMATS = {
    "number": format_number,
    "decimal": format_decimal,
    "percent": format_percent,
    "probability": format_probability,
    "threshold": format_threshold,
    "prevalence": format_prevalence,
}


Maps = list[float]


def counted(**counts: int) -> OperatingPoint:
    return OperatingPoint(threshold=0.5, **counts)


@pytest.mark.parametrize(("probability", "own", "verdict"), RULES["verdict"]["cases"])
def test_verdict(
    points: OperatingPoints, probability: float, own: float | None, verdict: str
) -> None:
    ours = dataclasses.replace(points, **RULES["verdict"]["points"])
    assert ours.verdict(probability, own) == verdict


@pytest.mark.parametrize(("probability", "views", "own", "agree"), RULES["views_agree"])
def test_views_agree(
    points: OperatingPoints,
    probability: float,
    views: list[float],
    own: float | None,
    agree: bool,
) -> None:
    ours = dataclasses.replace(points, **RULES["verdict"]["points"])
    checks = Checks(
        places=dict.fromkeys(PLACES, 0.0),
        blurring=None,
        variants={str(i): view for i, view in enumerate(views)},
    )
    assert checks.holds(probability, partial(ours.verdict, threshold=own)) is agree


@pytest.mark.parametrize(("fractions", "expected"), RULES["whole_percents"])
def test_whole_percents(fractions: list[float], expected: list[int]) -> None:
    assert whole_percents(fractions) == expected


@pytest.mark.parametrize(("probability", "percent"), RULES["shown_percent"])
def test_shown_percent(probability: float, percent: float) -> None:
    checks = Checks(
        places=dict.fromkeys(PLACES, 0.0),
        blurring=None,
        variants={"mirrored": probability},
    )
    said = checks.messages(probability, str)[-1]
    assert said.values == {"low": percent, "high": percent}


@pytest.mark.parametrize(("low", "high", "expected"), RULES["by_rule"])
def test_by_rule(
    points: OperatingPoints, low: Rates, high: Rates, expected: dict[str, dict[str, float]]
) -> None:
    found = by_rule([low, high], dataclasses.replace(points, **RULES["verdict"]["points"]))
    assert found
    assert found["positive"] == pytest.approx(expected["positive"])
    assert found["negative"] == pytest.approx(expected["negative"])
    assert by_rule([low], points) is None


@pytest.mark.parametrize(("threshold", "nearest"), RULES["nearest_point"]["cases"])
def test_nearest_point(points: OperatingPoints, threshold: float, nearest: float) -> None:
    curve = tuple(
        dataclasses.replace(points.curve[0], threshold=known)
        for known in RULES["nearest_point"]["thresholds"]
    )
    assert dataclasses.replace(points, curve=curve).at(threshold).threshold == nearest


@pytest.mark.parametrize(("threshold", "expected"), RULES["nearest_point"]["measured_at"])
def test_measured_at(threshold: float, expected: float | None) -> None:
    curve = [
        Rates(threshold=known, sensitivity=1.0, specificity=0.0)
        for known in RULES["nearest_point"]["thresholds"]
    ]
    found = measured_at(curve, threshold)
    assert (found and found["threshold"]) == expected


@pytest.mark.parametrize(("probability", "prevalence", "expected"), RULES["at_prevalence"])
def test_at_prevalence(probability: float, prevalence: float, expected: float) -> None:
    assert at_prevalence(probability, prevalence) == pytest.approx(expected)


@pytest.mark.parametrize(("evidence", "weights", "erased", "sharpness", "logit"), RULES["pooled"])
def test_pooled(
    evidence: Maps, weights: Maps, erased: Maps, sharpness: float, logit: float
) -> None:
    found = EvidenceMap(
        evidence=np.array([evidence], np.float32),
        weights=np.array([weights], np.float32),
        sharpness=sharpness,
    )
    assert found.logit(np.array([erased], np.float32)) == pytest.approx(logit, abs=1e-5)
    if not any(erased):
        assert found.logit() == pytest.approx(logit, abs=1e-5)


@pytest.mark.parametrize("name", FORMATS)
def test_formats(name: str) -> None:
    for value, *texts in RULES[name]:
        number = math.nan if value is None else value
        assert [FORMATS[name](number, language) for language in LANGUAGES] == texts


def test_sentences() -> None:
    for template, values, *texts in RULES["fill"]:
        assert [fill(template, language, values) for language in LANGUAGES] == texts
    for said, expected in RULES["as_sentence"]:
        assert as_sentence(said) == expected


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(KeyError, match="count: no value was given"):
        fill("{count|radiograph|radiographs}", "en", {"number": 1})


# What rules.js answers to every case, and what it should answer, as pairs.
_IN_THE_BROWSER = """
(cases) => {
  const rules = window.cxrRules;
  const pairs = [];
  const expect = (name, given, answer, expected) =>
    pairs.push([name, JSON.stringify(given), JSON.stringify(answer), JSON.stringify(expected)]);
  const { points } = cases.verdict;
  for (const [probability, own, expected] of cases.verdict.cases) {
    expect("verdict", [probability, own], rules.verdict(probability, points, own), expected);
  }
  for (const [probability, views, own, expected] of cases.views_agree) {
    const answer = rules.viewsAgree(probability, views, points, own);
    expect("views_agree", [probability, views, own], answer, expected);
  }
  for (const [probability, expected] of cases.shown_percent) {
    expect("shown_percent", probability, rules.shownPercent(probability), expected);
  }
  const curve = cases.nearest_point.thresholds.map((threshold) => ({ threshold }));
  for (const [threshold, expected] of cases.nearest_point.cases) {
    const answer = rules.nearestPoint(curve, threshold).threshold;
    expect("nearest_point", threshold, answer, expected);
  }
  for (const [threshold, expected] of cases.nearest_point.measured_at) {
    const answer = rules.measuredAt(curve, threshold)?.threshold ?? null;
    expect("nearest_point", threshold, answer, expected);
  }
  for (const [probability, prevalence, expected] of cases.at_prevalence) {
    const answer = Number(rules.atPrevalence(probability, prevalence).toFixed(10));
    expect("at_prevalence", [probability, prevalence], answer, expected);
  }
  for (const [fractions, expected] of cases.whole_percents) {
    expect("whole_percents", fractions, rules.wholePercents(fractions), expected);
  }
  for (const [evidence, weights, erased, sharpness, expected] of cases.pooled) {
    const answer = rules.pooledWithout(evidence, weights, erased, sharpness);
    const near = Math.abs(answer - expected) < 1e-5;
    expect("pooled", [evidence, weights, erased, sharpness], near ? expected : answer, expected);
  }
  const rounded = (value) => (Number.isNaN(value) ? null : Number(value.toFixed(10)));
  for (const [counts, prevalence, ...expected] of cases.predictive_values) {
    const point = {
      sensitivity: counts.true_positives / (counts.true_positives + counts.false_negatives),
      specificity: counts.true_negatives / (counts.true_negatives + counts.false_positives),
    };
    const answer = rules.predictiveValues(point, prevalence).map(rounded);
    expect("predictive_values", [counts, prevalence], answer, expected);
  }
  for (const [found, cleared, prevalence, expected] of cases.predictive_intervals) {
    const point = { sensitivity_interval: found, specificity_interval: cleared };
    const answer = rules.predictiveIntervals(point, prevalence).map((ends) => ends.map(rounded));
    expect("predictive_intervals", [found, cleared, prevalence], answer, expected);
  }
  for (const [low, high, expected] of cases.by_rule) {
    const { positive, negative } = rules.byRule(low, high);
    const all = (rates) => Object.fromEntries(
      Object.entries(rates).map(([verdict, rate]) => [verdict, rounded(rate)]));
    expect("by_rule", [low, high], { positive: all(positive), negative: all(negative) }, expected);
  }
  for (const [low, high, prevalence, expected, values] of cases.thousand_by_rule) {
    const rates = rules.byRule(low, high);
    expect("thousand_by_rule", [low, high], rules.ofThousandByRule(rates, prevalence), expected);
    const found = rules.predictiveByRule(rates, prevalence).map(rounded);
    expect("thousand_by_rule", [low, high, "predictive values"], found, values);
  }
  for (const [point, prevalence, expected] of cases.of_thousand) {
    expect("of_thousand", [point, prevalence], rules.ofThousand(point, prevalence), expected);
  }
  const languages = ["en", "fr"];
  for (const name of ["number", "decimal", "percent", "probability", "threshold", "prevalence"]) {
    for (const [value, ...expected] of cases[name]) {
      const answer = languages.map((language) => rules[name](value ?? NaN, language));
      expect(name, value, answer, expected);
    }
  }
  for (const [sentence, values, ...expected] of cases.fill) {
    const answer = languages.map((language) => rules.fill(sentence, language, values));
    expect("fill", [sentence, values], answer, expected);
  }
  for (const [said, expected] of cases.as_sentence) {
    expect("as_sentence", said, rules.asSentence(said), expected);
  }
  return pairs;
}
"""


class TestInTheBrowser:
    pytestmark = PAGE_MARKS

    def test_every_case(self, browser: Browser) -> None:
        page = browser.new_page()
        page.add_script_tag(path=ROOT / "cxr" / "page" / "rules.js")
        pairs = page.evaluate(_IN_THE_BROWSER, RULES)
        page.close()
        assert {name for name, *_ in pairs} == RULES.keys()
        assert not [pair for pair in pairs if pair[2] != pair[3]]
