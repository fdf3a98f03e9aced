"""Thresholds and temperature from films whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from training.calibration import HIGH, fit_temperature, operating_points
from training.evaluation import classification_metrics, sigmoid


def drawn(temperature: float, films: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are `temperature` times too large, and labels drawn from the true ones."""
    rng = np.random.default_rng(0)
    true = rng.normal(0, 2, films)
    labels = (rng.random(films) < sigmoid(true)).astype(np.int64)
    return labels, (temperature * true).astype(np.float32)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_was_put_in_is_found(temperature: float) -> None:
    assert fit_temperature(*drawn(temperature)) == pytest.approx(temperature, rel=0.05)


def test_separable_films_get_a_finite_temperature() -> None:
    labels, logits = np.array([0, 0, 1, 1]), np.array([-1, -2, 1, 2], np.float32)
    assert 0.05 <= fit_temperature(labels, logits) <= 20


def test_the_three_thresholds_do_what_they_say() -> None:
    points = operating_points(*drawn(1.0), source="drawn")
    youden = [point.sensitivity + point.specificity for point in points.curve]
    shipped = points.at(points.threshold)
    assert shipped.sensitivity + shipped.specificity == pytest.approx(max(youden), abs=0.01)
    assert points.threshold == pytest.approx(0.5, abs=0.03)  # where the odds are even
    assert points.at(points.high_sensitivity).sensitivity >= HIGH
    assert points.at(points.high_specificity).specificity >= HIGH
    assert points.high_sensitivity < points.threshold < points.high_specificity
    assert [point.threshold for point in points.curve] == [i / 100 for i in range(101)]


def test_no_film_is_uncertain_where_one_threshold_separates_all() -> None:
    labels = np.array([0] * 50 + [1] * 50)
    logits = np.concatenate([np.linspace(-4, -1, 50), np.linspace(1, 4, 50)]).astype(np.float32)
    points = operating_points(labels, logits, source="separable")
    assert points.high_sensitivity == points.threshold == points.high_specificity


def test_luck_on_few_films_does_not_choose_the_threshold() -> None:
    """One threshold is best by a single film; the middle of those about as good is shipped."""
    normal, sick = np.linspace(-3, -2.9, 50), np.linspace(2.9, 3, 50)
    normal[-1] = -2.2  # so that a threshold above it is best by one film
    sick[0] = -2.4
    labels = np.array([0] * 50 + [1] * 50)
    logits = np.concatenate([normal, sick]).astype(np.float32)
    points = operating_points(labels, logits, source="few")
    assert points.threshold == pytest.approx(0.5, abs=0.15)


def test_metrics_of_a_hand_counted_case() -> None:
    labels = np.array([0, 0, 0, 1, 1])
    logits = np.array([-2, -1, 1, 0.5, 3], np.float32)
    metrics = dict(classification_metrics(labels, logits))
    assert metrics["accuracy"] == pytest.approx(4 / 5)
    assert metrics["sensitivity"] == 1
    assert metrics["specificity"] == pytest.approx(2 / 3)
    assert metrics["auc"] == pytest.approx(5 / 6)  # five of six pairs are in order
    expected = np.log1p(np.exp([-2, -1, 1, -0.5, -3])).mean()
    assert metrics["loss"] == pytest.approx(expected)
