"""What to expect of a model is said only where its evaluation makes sense."""

from __future__ import annotations

import math

import pytest

from cxr.model.expected import elsewhere, measured_on, sensitivity_by_kind


def test_what_the_figures_were_measured_on() -> None:
    counts = {"images": 200, "patients": 120}
    assert measured_on({"result": counts, "folds": [{}, {}, {}]}) == {**counts, "folds": 3}
    assert measured_on({"result": {**counts, "patients": 0}, "folds": [{}]}) is None
    assert measured_on({"result": counts, "folds": []}) is None


@pytest.mark.parametrize(
    ("found", "known"), [(85, None), (-0.1, None), (math.nan, None), (0.85, 0.85), (1, 1)]
)
def test_rates_elsewhere_are_shares(found: float, known: float | None) -> None:
    figures = {"images": 9, "sensitivity": 0.9, "specificity": 0.9}
    for name in ("sensitivity", "specificity"):
        evaluation = {"result": {"threshold": 0.5}, "elsewhere": {**figures, name: found}}
        expected = elsewhere(evaluation)
        assert (expected and expected["curve"][0][name]) == known  # type: ignore[literal-required]


@pytest.mark.parametrize(("images", "threshold"), [(0, 0.5), (-1, 0.5), (9, math.nan), (9, 50)])
def test_what_cannot_have_been_measured_is_not_said(images: int, threshold: float) -> None:
    figures = {"images": images, "sensitivity": 0.9, "specificity": 0.9}
    assert elsewhere({"result": {"threshold": threshold}, "elsewhere": figures}) is None


def test_no_more_pneumonias_are_found_than_there_are() -> None:
    kinds = {"bacteria": {"found": 95, "images": 100}, "virus": {"found": 40, "images": 50}}
    found = sensitivity_by_kind({"result": {"by_kind": kinds}})
    assert found == {"bacteria": 0.95, "virus": 0.8}
    kinds["virus"]["found"] = 60
    assert sensitivity_by_kind({"result": {"by_kind": kinds}}) is None
