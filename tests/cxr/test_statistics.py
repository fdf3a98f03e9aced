"""Statistics of a reader study, held to what SciPy, scikit-learn and our own metrics say.

`statistics.json` holds the cases: first Python confirms what they expect, then the browser has to
answer the same.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser
from scipy import stats
from sklearn.metrics import cohen_kappa_score, roc_auc_score, roc_curve

from tests.conftest import PAGE_MARKS, ROOT
from training.metrics.comparison import delong_test
from training.metrics.intervals import newcombe_interval

CASES: dict[str, Any] = json.loads(Path(__file__).with_name("statistics.json").read_text("utf-8"))
TOLERANCE = 1e-6


def wilson(count: int, all_: int) -> tuple[float, float]:
    interval = stats.binomtest(count, all_).proportion_ci(method="wilson")
    return interval.low, interval.high


@pytest.mark.parametrize(("count", "all_", "low", "high"), CASES["wilson"])
def test_wilson(count: int, all_: int, low: float | None, high: float | None) -> None:
    if low is None:
        assert all_ == 0
    else:
        assert wilson(count, all_) == pytest.approx((low, high), abs=TOLERANCE)


@pytest.mark.parametrize(("table", "kappa", "low", "high"), CASES["kappa"])
def test_kappa(table: list[list[int]], kappa: float | None, low: float, high: float) -> None:
    counts = np.array(table)
    first, second = np.repeat(np.argwhere(counts >= 0), counts.ravel(), axis=0).T
    if kappa is None:
        assert len(set(first) | set(second)) < 2
        return
    assert cohen_kappa_score(first, second) == pytest.approx(kappa, abs=TOLERANCE)
    by_chance = counts.sum(axis=0) @ counts.sum(axis=1) / counts.sum() ** 2
    for agreement, expected in zip(
        wilson(np.trace(counts), counts.sum()), (low, high), strict=True
    ):
        beyond = max(-1.0, (agreement - by_chance) / (1 - by_chance))
        assert beyond == pytest.approx(expected, abs=TOLERANCE)


def test_the_interval_of_kappa_holds_the_truth_also_in_small_studies() -> None:
    """Eight radiographs, two readers with a kappa of 0.92; see the comment in statistics.js."""
    table = np.array([[0.48, 0.02], [0.02, 0.48]])
    holds = []
    for counts in np.random.default_rng(0).multinomial(8, table.ravel(), size=500):
        found = counts.reshape(2, 2)
        by_chance = found.sum(axis=0) @ found.sum(axis=1) / 64
        if by_chance == 1:
            continue
        low, high = wilson(np.trace(found), 8)
        holds.append(
            (low - by_chance) / (1 - by_chance) <= 0.92 <= (high - by_chance) / (1 - by_chance)
        )
    assert np.mean(holds) > 0.92


@pytest.mark.parametrize("case", CASES["scores"])
def test_scores(case: dict[str, Any]) -> None:
    labels = np.array(case["labels"])
    first, second = np.array(case["first"]), np.array(case["second"])
    if case["auc"] is None:
        assert len(set(labels)) < 2
        return
    assert roc_auc_score(labels, first) == pytest.approx(case["auc"], abs=TOLERANCE)
    false, true, _ = roc_curve(labels, first, drop_intermediate=False)
    np.testing.assert_allclose(case["roc"], np.stack([false, true], axis=1), atol=TOLERANCE)
    bounds = newcombe_interval(case["auc"], labels.sum(), (1 - labels).sum())
    assert case["interval"] == pytest.approx(bounds, abs=TOLERANCE)
    p = delong_test(labels, first, second)
    assert p == (None if case["delong"] is None else pytest.approx(case["delong"], abs=TOLERANCE))


@pytest.mark.parametrize(("labels", "calls", "sensitivity", "specificity"), CASES["rates"])
def test_rates(
    labels: list[int], calls: list[str], sensitivity: list[float], specificity: list[float]
) -> None:
    for label, call, (count, all_, *interval) in (
        (1, "PNEUMONIA", sensitivity),
        (0, "NORMAL", specificity),
    ):
        theirs = [made for known, made in zip(labels, calls, strict=True) if known == label]
        assert (theirs.count(call), len(theirs)) == (count, all_)
        if all_:
            assert wilson(int(count), int(all_)) == pytest.approx(interval, abs=TOLERANCE)


@pytest.mark.parametrize(("first", "second", "p"), CASES["mcnemar"])
def test_mcnemar(first: int, second: int, p: float | None) -> None:
    if p is not None:
        expected = stats.binomtest(first, first + second).pvalue
        assert expected == pytest.approx(p, abs=TOLERANCE)


# What statistics.js answers to every case, and what it should answer, as pairs.
_IN_THE_BROWSER = """
(cases) => {
  const ours = window.cxrStatistics;
  const pairs = [];
  const expect = (name, answer, expected) => pairs.push([name, answer, expected]);
  for (const [count, all, low, high] of cases.wilson) {
    expect("wilson", ours.wilson(count, all) ?? [null, null], [low, high]);
  }
  for (const [table, kappa, low, high] of cases.kappa) {
    const found = ours.kappa(table);
    expect("kappa", [found.kappa, ...(found.kappa_interval ?? [null, null])], [kappa, low, high]);
  }
  for (const { labels, first, second, auc, interval, roc, delong } of cases.scores) {
    expect("scores", ours.auc(labels, first), auc);
    const positives = labels.filter(Boolean).length;
    expect("scores", ours.aucInterval(auc, positives, labels.length - positives), interval);
    expect("scores", ours.roc(labels, first), roc);
    expect("scores", ours.delong(labels, first, second), delong);
    expect("scores", ours.delong(labels, second, first), delong);
  }
  for (const [labels, calls, ...expected] of cases.rates) {
    const found = ours.rates(labels, calls);
    const listed = ({ count, all, interval }) => [count, all, ...(interval ?? [null, null])];
    expect("rates", [listed(found.sensitivity), listed(found.specificity)], expected);
  }
  for (const [first, second, p] of cases.mcnemar) expect("mcnemar", ours.mcnemar(first, second), p);
  for (const [given, evidence, lungs, strongest] of cases.overlap) {
    const [left, top, right, bottom] = given.lungs;
    const inLungs = (x, y) => x > left && x < right && y > top && y < bottom;
    const found = ours.overlap({ ...given, inLungs });
    expect("overlap", [found.evidence, found.lungs, found.strongest], [evidence, lungs, strongest]);
  }
  const given = [["a", "a"], ["a", "b"], ["b", "c"], ["a", "b"]];
  const pairing = ours.crossTable(given, ["a", "b", "c"]);
  expect("kappa", pairing, [[1, 2, 0], [0, 0, 1], [0, 0, 0]]);
  return pairs;
}
"""


def flat(value: Any) -> list[Any]:
    return [inner for part in value for inner in flat(part)] if isinstance(value, list) else [value]


class TestInTheBrowser:
    pytestmark = PAGE_MARKS

    def test_every_case(self, browser: Browser) -> None:
        page = browser.new_page()
        page.add_script_tag(path=ROOT / "cxr" / "page" / "statistics.js")
        pairs = page.evaluate(_IN_THE_BROWSER, CASES)
        page.close()
        assert {name for name, *_ in pairs} == CASES.keys()
        for name, answer, expected in pairs:
            for got, known in zip(flat(answer), flat(expected), strict=True):
                near = got == known or (
                    None not in (got, known) and got == pytest.approx(known, abs=TOLERANCE)
                )
                assert near, (name, answer, expected)
