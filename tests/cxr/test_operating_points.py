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


def test_each_interval_is_of_the_radiographs_of_its_own_class() -> None:
    point = dataclasses.replace(POINT, true_negatives=160, false_positives=40)
    assert point.sensitivity_interval() == pytest.approx((0.8256, 0.9448), abs=5e-5)  # 90 of 100
    assert point.specificity_interval() == pytest.approx((0.7391, 0.8495), abs=5e-5)  # 160 of 200


def test_no_interval_ends_beyond_a_share() -> None:
    """By rounding alone, those of none in 7 and of all in 20 would."""
    assert wilson_interval(0, 7)[0] >= 0
    assert wilson_interval(20, 20)[1] <= 1
    assert wilson_interval(0, 0) == (0, 1)


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


@pytest.mark.parametrize(
    ("probability", "threshold"),
    [(80, None), (-0.1, 0.5), (math.nan, None), (math.nan, 0.5), (0.8, 50), (0.8, math.nan)],
)
def test_per_cent_and_what_is_no_number_get_no_verdict(
    points: OperatingPoints, probability: float, threshold: float | None
) -> None:
    with pytest.raises(ValueError, match=r"Expected a (probability|threshold)"):
        points.verdict(probability, threshold)


def test_json_round_trip(points: OperatingPoints) -> None:
    assert OperatingPoints.from_json(points.to_json()) == points


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"high_sensitivity": 0.6}, "Received: 0.6, 0.5, 0.7"),
        ({"high_specificity": 0.45}, "Received: 0.4, 0.5, 0.45"),
        ({"temperature": 0.0}, "temperature above 0"),
        ({"temperature": math.inf}, "temperature above 0"),
        ({"offset": math.nan}, "finite offset"),
        ({"curve": ()}, "empty curve"),
    ],
)
def test_impossible_points_are_refused(
    points: OperatingPoints, fields: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(points, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"threshold": 1.01}, r"threshold in \[0, 1\]"),
        ({"threshold": math.nan}, r"threshold in \[0, 1\]"),
        ({"true_positives": 0, "false_negatives": 0}, "both classes"),
        ({"true_negatives": 0, "false_positives": 0}, "both classes"),
        ({"false_negatives": -10}, "numbers of radiographs from 0"),
    ],
)
def test_an_impossible_point_is_refused(fields: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(POINT, **fields)  # type: ignore[arg-type]
