"""Thresholds and temperature from images whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from training.metrics.calibration import calibrate, fit_scaling
from training.metrics.evaluation import sigmoid
from training.metrics.thresholds import (
    HIGH_SENSITIVITY,
    HIGH_SPECIFICITY,
    MIN_IN_EACH_GROUP,
    operating_points,
    threshold_curve,
)


def drawn(temperature: float, images: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are `temperature` times too large, and labels drawn from the true ones."""
    rng = np.random.default_rng(0)
    true = rng.normal(0, 2, images)
    labels = (rng.random(images) < sigmoid(true)).astype(np.int64)
    return labels, (temperature * true).astype(np.float32)


@pytest.mark.parametrize("shift", [0.0, 2.0])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_and_offset_that_were_put_in_are_found(
    temperature: float, shift: float
) -> None:
    labels, logits = drawn(temperature)
    found, offset = fit_scaling([(labels, logits + np.float32(shift))])
    assert found == pytest.approx(temperature, rel=0.05)
    assert offset == pytest.approx(-shift / temperature, abs=0.08)


def test_calibrated_logits_are_those_that_labels_were_drawn_from() -> None:
    labels, logits = drawn(2.0)
    points = operating_points(labels, logits + np.float32(3), source="drawn")
    np.testing.assert_allclose(calibrate(logits + np.float32(3), points), logits / 2, atol=0.3)
    assert points.probability(3.0) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("shift", [2.0, -2.0])
def test_what_is_chosen_holds_in_the_worst_group(shift: float) -> None:
    """One group of images has every logit raised: all is set halfway, for neither group alone."""
    labels, logits = drawn(1.0)
    shifted = [(labels, logits + np.float32(shift))]
    points = operating_points(labels, logits, source="drawn", conditions=shifted)
    assert points.probability(shift / 2) == pytest.approx(0.5, abs=0.02)
    assert points.threshold == pytest.approx(0.5, abs=0.03)
    # The band leaves few images of either group called wrongly without it.
    for group in [(labels, logits), *shifted]:
        probabilities = sigmoid(calibrate(group[1], points))
        assert np.mean(probabilities[group[0] == 1] >= points.high_sensitivity) >= MIN_IN_EACH_GROUP
        assert np.mean(probabilities[group[0] == 0] < points.high_specificity) >= MIN_IN_EACH_GROUP


def test_many_groups_as_they_are_do_not_outvote_one_that_is_not() -> None:
    labels, logits = drawn(1.0)
    groups = [(labels, logits)] * 9 + [(labels, logits + np.float32(2))]
    points = operating_points(labels, logits, source="drawn", conditions=groups[1:])
    assert points.probability(1.0) == pytest.approx(0.5, abs=0.02)
    assert points.threshold == pytest.approx(0.5, abs=0.03)


def test_separable_images_get_a_finite_temperature() -> None:
    labels, logits = np.array([0, 0, 1, 1]), np.array([-1, -2, 1, 2], np.float32)
    temperature, offset = fit_scaling([(labels, logits)])
    assert 0.05 <= temperature <= 20
    assert abs(offset) <= 10


def test_the_three_thresholds_do_what_they_say() -> None:
    points = operating_points(*drawn(1.0), source="drawn")
    youden = [point.sensitivity + point.specificity for point in points.curve]
    shipped = points.at(points.threshold)
    assert shipped.sensitivity + shipped.specificity == pytest.approx(max(youden), abs=0.01)
    assert points.threshold == pytest.approx(0.5, abs=0.03)  # where the odds are even
    assert points.at(points.high_sensitivity).sensitivity >= HIGH_SENSITIVITY
    assert points.at(points.high_specificity).specificity >= HIGH_SPECIFICITY
    assert points.high_sensitivity < points.threshold < points.high_specificity
    assert [point.threshold for point in points.curve] == [i / 100 for i in range(101)]


def test_no_image_is_uncertain_where_one_threshold_separates_all() -> None:
    labels = np.array([0] * 50 + [1] * 50)
    logits = np.concatenate([np.linspace(-4, -1, 50), np.linspace(1, 4, 50)]).astype(np.float32)
    points = operating_points(labels, logits, source="separable")
    assert points.high_sensitivity == points.threshold == points.high_specificity


def test_luck_on_few_images_does_not_choose_the_threshold() -> None:
    """One threshold is best by a single image; the middle of those about as good is shipped."""
    normal, positive = np.linspace(-3, -2.9, 50), np.linspace(2.9, 3, 50)
    normal[-1] = -2.2  # so that a threshold above it is best by one image
    positive[0] = -2.4
    labels = np.array([0] * 50 + [1] * 50)
    logits = np.concatenate([normal, positive]).astype(np.float32)
    points = operating_points(labels, logits, source="few")
    assert points.threshold == pytest.approx(0.5, abs=0.15)


def test_false_alarms_are_as_much_a_matter_of_chance_as_misses() -> None:
    """Two false alarms anyway, so that one more is within the standard error of the best sum."""
    normal = np.append(np.linspace(-3, -2.9, 47), [2, 5, 5])
    labels = np.array([0] * 50 + [1] * 50)
    logits = np.concatenate([normal, np.linspace(2.9, 3, 50)]).astype(np.float32)
    points = operating_points(labels, logits, source="few")
    assert points.threshold < points.probability(2) - 0.05


def test_an_image_is_called_from_its_own_probability_on() -> None:
    curve = threshold_curve(np.array([0, 1]), np.array([0.5, 0.5]))
    called = [(point.true_positives, point.false_positives) for point in curve]
    assert called == [(1, 1)] * 51 + [(0, 0)] * 50


def test_where_no_threshold_is_specific_enough_everything_above_is_uncertain() -> None:
    """Ten normal images are certain to have pneumonia."""
    labels = np.array([0] * 50 + [1] * 50)
    logits = np.concatenate([np.full(10, 2000), np.linspace(-4, -1, 40), np.linspace(1, 4, 50)])
    points = operating_points(labels, logits.astype(np.float32), source="wrong")
    assert points.high_specificity == 1
