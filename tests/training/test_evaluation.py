"""Figures against cases that were counted, or computed elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from cxr.model.expected import calibration_error_by_chance
from training.metrics.comparison import compare, delong_test, mcnemar_test
from training.metrics.evaluation import (
    auc,
    average_precision,
    balanced_weights,
    bootstrap_intervals,
    calibration_error,
    classification_metrics,
    evaluate,
    reliability,
    sigmoid,
)


def drawn(images: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = (rng.random(images) < 0.7).astype(np.int64)
    return labels, (rng.normal(0, 1, images) + 2 * labels - 1).astype(np.float32)


def test_figures_of_a_hand_counted_case() -> None:
    """Two of three found, one of two normal images called pneumonia."""
    labels = np.array([1, 1, 1, 0, 0])
    logits = np.array([2, 1, -1, 0.5, -2], np.float32)
    found = dict(classification_metrics(labels, logits))
    assert found["sensitivity"] == pytest.approx(2 / 3)
    assert found["specificity"] == pytest.approx(1 / 2)
    assert found["balanced_accuracy"] == pytest.approx(7 / 12)
    assert found["precision"] == pytest.approx(2 / 3)
    assert found["f1"] == pytest.approx(2 / 3)
    assert found["mcc"] == pytest.approx((2 * 1 - 1 * 1) / np.sqrt(3 * 3 * 2 * 2))
    losses = np.log1p(np.exp([-2, -1, 1, 0.5, -2]))
    assert found["loss"] == pytest.approx((losses[:3].mean() + losses[3:].mean()) / 2)
    assert found["auc"] == pytest.approx(5 / 6)  # five of six pairs are in order
    squares = (sigmoid(logits) - labels) ** 2
    assert found["brier"] == pytest.approx((squares[:3].mean() + squares[3:].mean()) / 2)


def test_nobody_called_is_no_error() -> None:
    labels, logits = drawn(50)
    found = dict(classification_metrics(labels, logits, threshold=0.999999))
    assert found["precision"] == found["f1"] == found["mcc"] == 0


def test_both_classes_weigh_the_same() -> None:
    labels = np.array([0, 1, 1, 1])
    np.testing.assert_allclose(balanced_weights(labels), [1 / 2, 1 / 6, 1 / 6, 1 / 6])


def test_calibrated_probabilities_have_little_calibration_error_and_others_have_more() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.random(40_000)
    labels = (rng.random(40_000) < probabilities).astype(np.int64)
    assert calibration_error(reliability(labels, probabilities)) < 0.01
    sharpened = sigmoid(3 * np.log(probabilities / (1 - probabilities)))
    assert calibration_error(reliability(labels, sharpened)) > 0.1


def test_a_bins_row_says_how_many_images_and_what_share() -> None:
    labels = np.array([0, 1, 0, 1])
    rows = reliability(labels, np.array([0.1, 0.1, 0.9, 0.9]))
    assert [row["images"] for row in rows] == [2, 2]
    assert [row["share"] for row in rows] == [0.5, 0.5]
    assert calibration_error(rows) == pytest.approx(0.4)


def test_the_calibration_error_by_chance_is_that_of_calibrated_models() -> None:
    """Three quarters have pneumonia; probabilities hold where both classes are as frequent."""
    found, predicted = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        labels = (rng.random(800) < 0.75).astype(np.int64)
        scores = rng.normal(2.0 * labels, 1)  # of two normal distributions: p = sigmoid(2x - 2)
        probabilities = sigmoid((2 * scores - 2).astype(np.float32))
        rows = reliability(labels, probabilities)
        found.append(calibration_error(rows))
        result = {"images": 800, "pneumonia": int(labels.sum()), "reliability": rows}
        predicted.append(calibration_error_by_chance(result))
    assert np.mean(predicted) == pytest.approx(np.mean(found), rel=0.1)


@pytest.mark.parametrize(
    "change",
    [
        {"images": 4, "pneumonia": 4},
        {"reliability": []},
        {"reliability": 10**6 * [{"probability": 0.5, "images": 1}]},
        {"reliability": [{"probability": float("nan"), "images": 1}]},
        {"reliability": [{"probability": 0.5, "images": 10**30}]},
        {"reliability": None},
    ],
)
def test_there_is_no_calibration_error_by_chance_of_nonsense(change: dict[str, object]) -> None:
    sound = {"images": 4, "pneumonia": 2, "reliability": [{"probability": 0.5, "images": 4}]}
    assert calibration_error_by_chance(sound) is not None
    assert calibration_error_by_chance({**sound, **change}) is None


def test_intervals_cover_what_they_should() -> None:
    """Of 95 % intervals on fresh draws of one coin, about 95 % hold its true share."""
    hits = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        values = rng.random(150) < 0.3
        labels = np.arange(150) % 2
        (low, high) = bootstrap_intervals(
            lambda rows, values=values: [("share", float(values[rows].mean()))],
            labels,
            [f"patient {i}" for i in range(150)],
            resamples=200,
            seed=seed,
        )["share"]
        hits += low <= 0.3 <= high
    assert 88 <= hits <= 100


def test_images_of_one_patient_are_drawn_together() -> None:
    """Ten copies of each image are ten times the images, and no more information."""
    labels, logits = drawn(60)

    def width(labels: np.ndarray, logits: np.ndarray, patients: list[str]) -> float:
        low, high = bootstrap_intervals(
            lambda rows: classification_metrics(labels[rows], logits[rows]),
            labels,
            patients,
            resamples=300,
        )["auc"]
        return high - low

    names = [f"patient {i}" for i in range(60)]
    once = width(labels, logits, names)
    copied = width(np.repeat(labels, 10), np.repeat(logits, 10), list(np.repeat(names, 10)))
    assert copied == pytest.approx(once, rel=0.25)


def test_a_report_gives_figures_by_kind() -> None:
    labels = np.array([0, 0, 1, 1, 1])
    logits = np.array([-2, 1, 2, -1, 3], np.float32)
    kinds = ["normal", "normal", "virus", "virus", "bacteria"]
    document = evaluate(labels, logits, list("abcde"), kinds, threshold=0.5, resamples=20)
    virus, bacteria = document["by_kind"]["virus"], document["by_kind"]["bacteria"]
    assert (virus["images"], virus["found"], virus["auc"]) == (2, 1, 0.75)
    assert (bacteria["images"], bacteria["found"], bacteria["auc"]) == (1, 1, 1.0)
    assert document["confusion"] == [[1, 1], [1, 2]]
    low, high = document["intervals"]["accuracy"]
    assert 0 <= low <= document["metrics"]["accuracy"] <= high <= 1


def test_delong_agrees_with_its_variance_by_the_definition() -> None:
    """Placement values counted pair by pair, as DeLong 1988 defines them."""
    labels, first = drawn(120, seed=1)
    second = (first + np.random.default_rng(5).normal(0, 0.8, 120)).astype(np.float32)

    def placements(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        above = logits[labels == 1][:, None] > logits[labels == 0]
        return above.mean(axis=1), above.mean(axis=0)

    (positive_1, negative_1), (positive_2, negative_2) = placements(first), placements(second)
    variance = np.var(positive_1 - positive_2, ddof=1) / len(positive_1)
    variance += np.var(negative_1 - negative_2, ddof=1) / len(negative_1)
    difference = metrics.roc_auc_score(labels, first) - metrics.roc_auc_score(labels, second)
    from scipy.stats import norm

    expected = 2 * norm.sf(abs(difference) / np.sqrt(variance))
    assert delong_test(labels, first, second) == pytest.approx(expected, rel=1e-6)


def test_a_model_does_not_differ_from_itself() -> None:
    labels, logits = drawn()
    document = compare(
        labels,
        (logits, logits > 0),
        (logits, logits > 0),
        [str(i) for i in range(len(labels))],
        resamples=50,
    )
    assert document["delong_p"] == 1
    assert document["mcnemar"] == {"only_first_right": 0, "only_second_right": 0, "p": None}
    low, high = document["intervals"]["auc"]
    assert low == -high < 0  # on other images they might differ all the same


def test_mcnemar_of_a_published_case() -> None:
    """5 against 15 discordant images: exact two-sided p 0.0414 (binomial table)."""
    labels = np.ones(40, dtype=np.int64)
    first, second = np.ones(40, bool), np.ones(40, bool)
    first[:15] = False
    second[15:20] = False
    found = mcnemar_test(labels, first, second)
    assert (found["only_first_right"], found["only_second_right"]) == (5, 15)
    assert found["p"] == pytest.approx(0.0414, abs=1e-4)


def test_the_interval_of_the_calibration_error_holds_the_error() -> None:
    """Resampled bins scatter more than the images themselves; that is taken off.

    Of a model that is calibrated, all of the error is chance, and an interval would not hold 0.
    """
    for seed in range(5):
        rng = np.random.default_rng(seed)
        probabilities = rng.random(2000)
        labels = (rng.random(2000) < probabilities).astype(np.int64)
        calibrated = np.log(probabilities / (1 - probabilities)).astype(np.float32)
        names = [str(i) for i in range(2000)]
        for too_far in (0, 0.7):
            document = evaluate(
                labels, calibrated + too_far, names, ["virus"] * 2000, threshold=0.5, resamples=100
            )
            interval = document["intervals"].get("calibration_error")
            if too_far:
                assert interval is not None
                assert 0 < interval[0] <= document["metrics"]["calibration_error"] <= interval[1]
            else:
                assert interval is None


def test_what_cannot_be_tested_gets_no_p_value() -> None:
    labels = np.array([0, 1] * 10)
    logits = np.arange(20, dtype=np.float32)
    assert delong_test(labels, logits, -logits[::-1]) is not None
    assert delong_test(labels[1:], logits[1:], -logits[1:]) is None  # nine normal images
    perfect = labels.astype(np.float32)
    assert delong_test(labels, perfect, -perfect) is None  # whose scores leave no variance


def test_several_images_of_a_patient_are_not_tested_as_independent() -> None:
    labels, logits = drawn()
    patients = [str(i // 2) for i in range(len(labels))]
    other = (logits + 1, logits > 1)
    document = compare(labels, (logits, logits > 0), other, patients, resamples=50)
    assert document["delong_p"] is None
    assert document["mcnemar"]["p"] is None
    assert document["mcnemar"]["only_first_right"] + document["mcnemar"]["only_second_right"] > 0


def test_images_without_a_mistake_leave_doubt() -> None:
    """No resample of them has a mistake, but the next image may."""
    labels = np.repeat([0, 1], 10)
    logits = np.where(labels, 4, -4).astype(np.float32)
    patients = [str(i) for i in range(20)]
    document = evaluate(labels, logits, patients, ["virus"] * 20, threshold=0.5, resamples=50)
    assert document["metrics"]["sensitivity"] == document["metrics"]["auc"] == 1
    intervals = document["intervals"]
    assert intervals["sensitivity"] == pytest.approx([0.7225, 1], abs=1e-4)  # Wilson of 10 in 10
    assert intervals["accuracy"] == pytest.approx([0.8389, 1], abs=1e-4)
    assert 0.7 < intervals["auc"][0] < 0.9
    assert "f1" not in intervals


@pytest.mark.parametrize(("found", "interval"), [(10, [0.7225, 1]), (0, None)])
def test_the_doubt_of_a_precision_is_that_of_what_was_predicted(
    found: int, interval: list[float] | None
) -> None:
    """Of a hundred with pneumonia ten are found, or none; nobody else is called ill."""
    labels = np.repeat([1, 0], 100)
    logits = np.where(np.arange(200) < found, 4, -4).astype(np.float32)
    patients = [str(i) for i in range(200)]
    document = evaluate(labels, logits, patients, ["virus"] * 200, threshold=0.5, resamples=50)
    expected = interval and pytest.approx(interval, abs=1e-4)  # Wilson of 10 in 10
    assert document["intervals"].get("precision") == expected


def test_their_doubt_is_by_patients_of_the_class() -> None:
    """Ten children without pneumonia, twenty with it, and two images of each."""
    labels = np.repeat([0, 1], [20, 40])
    logits = np.where(labels, 4, -4).astype(np.float32)
    patients = [str(i // 2) for i in range(60)]
    document = evaluate(labels, logits, patients, ["virus"] * 60, threshold=0.5, resamples=50)
    intervals = document["intervals"]
    assert intervals["specificity"] == pytest.approx([0.7225, 1], abs=1e-4)  # Wilson of 10 in 10
    assert intervals["sensitivity"] == pytest.approx([0.8389, 1], abs=1e-4)  # of 20 in 20
    assert intervals["precision"] == pytest.approx([0.8389, 1], abs=1e-4)
    assert intervals["accuracy"] == pytest.approx([0.8865, 1], abs=1e-4)  # of 30 in 30


def test_patients_of_both_classes_are_drawn_as_such() -> None:
    """All normal images are of patients who also had pneumonia; each resample has both classes."""
    labels = np.array([0, 0, 0] + [1] * 40)
    logits = np.linspace(-1, 1, 43).astype(np.float32)
    patients = ["a", "b", "c", "a", "b", "c", *map(str, range(37))]
    document = evaluate(labels, logits, patients, ["virus"] * 43, threshold=0.5, resamples=50)
    assert all(np.isfinite(bounds).all() for bounds in document["intervals"].values())


def test_the_auc_is_scikit_learns_also_with_ties() -> None:
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, 300), np.round(rng.normal(size=300), 1)
    assert auc(labels, scores) == pytest.approx(metrics.roc_auc_score(labels, scores))
    assert auc(np.array([0, 1]), np.array([1.0, 1.0])) == 0.5


def test_the_average_precision_is_scikit_learns_also_with_ties() -> None:
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, 300), np.round(rng.normal(size=300), 1)
    expected = metrics.average_precision_score(labels, scores)
    assert average_precision(labels, scores) == pytest.approx(expected)
    assert average_precision(np.array([0, 1]), np.array([1.0, 1.0])) == 0.5
