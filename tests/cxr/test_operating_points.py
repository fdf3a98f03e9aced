"""What a threshold costs, by hand."""

from __future__ import annotations

import dataclasses
import math

import pytest

from cxr.model.operating_points import OperatingPoint, OperatingPoints, wilson_interval

POINT = OperatingPoint(
    threshold=0.5, true_positives=90, false_negatives=10, true_negatives=80, false_positives=20
)


def test_sensitivity_and_specificity() -> None:
    assert POINT.sensitivity == 0.9
    assert POINT.specificity == 0.8


def test_predictive_values_at_a_prevalence() -> None:
    # Of 1,000 children 100 have pneumonia: 90 are found, 180 of 900 are false alarms.
    positive, negative = POINT.predictive_values(0.1)
    assert positive == pytest.approx(90 / 270)
    assert negative == pytest.approx(720 / 730)


def test_a_predictive_value_of_nobody_is_not_a_number() -> None:
    nobody = dataclasses.replace(
        POINT, true_positives=0, false_negatives=100, false_positives=0, true_negatives=100
    )
    assert math.isnan(nobody.predictive_values(0.5)[0])


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("probability", "threshold", "verdict"),
    [
        (0.39, None, "NORMAL"),
        (0.40, None, "UNCERTAIN"),
        (0.69, None, "UNCERTAIN"),
        (0.70, None, "PNEUMONIA"),
        (0.60, 0.6, "PNEUMONIA"),  # the reader's own threshold decides every image
        (0.59, 0.6, "NORMAL"),
        (0.0, 0.0, "PNEUMONIA"),
    ],
)
def test_verdict(
    points: OperatingPoints, probability: float, threshold: float | None, verdict: str
) -> None:
    assert points.verdict(probability, threshold) == verdict


def test_probability_is_the_sigmoid_of_the_scaled_logit(points: OperatingPoints) -> None:
    warm = dataclasses.replace(points, temperature=2.0)
    assert warm.probability(0) == 0.5
    assert warm.probability(2) == pytest.approx(1 / (1 + math.exp(-1)))
    assert warm.probability(-2000) == 0
    assert warm.probability(2000) == 1


def test_json_round_trip(points: OperatingPoints) -> None:
    assert OperatingPoints.from_json(points.to_json()) == points


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"high_sensitivity": 0.6}, "Received: 0.6, 0.5, 0.7"),
        ({"temperature": 0.0}, "temperature above 0"),
        ({"curve": ()}, "empty curve"),
    ],
)
def test_impossible_points_are_refused(
    points: OperatingPoints, fields: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(points, **fields)  # type: ignore[arg-type]
