"""Two models on the same images: which is the better one, by how much, and by whose patients."""

from __future__ import annotations

import numpy as np
import pytest

from training.commands.printing import print_comparison
from training.metrics.comparison import compare, delong_test, mcnemar_test


def drawn(images: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, and logits of a model and of one that is worse."""
    rng = np.random.default_rng(1)
    labels = (rng.random(images) < 0.7).astype(np.int64)
    first = rng.normal(0, 1, images) + 2 * labels - 1
    second = first + rng.normal(0, 0.8, images)
    return labels, first.astype(np.float32), second.astype(np.float32)


def test_a_difference_is_the_first_model_less_the_second() -> None:
    labels = np.array([0, 0, 1, 1])
    good, bad = np.array([1, 2, 3, 4], np.float32), np.array([3, 1, 4, 2], np.float32)
    first, second = (good, good > 2.5), (bad, bad > 2.5)
    found = compare(labels, first, second, list("abcd"), resamples=50)
    expected = {"auc": 0.25, "accuracy": 0.5, "sensitivity": 0.5, "specificity": 0.5}
    assert found["difference"] == pytest.approx(expected)
    for low, high in found["intervals"].values():
        assert 0 <= low < high <= 1
    turned = compare(labels, second, first, list("abcd"), resamples=50)["difference"]
    assert turned == pytest.approx({name: -value for name, value in expected.items()})


def test_two_models_without_a_mistake_may_differ_all_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    labels = np.repeat([0, 1], 12)
    good = np.arange(24, dtype=np.float32)
    model = (good, labels == 1)
    found = compare(labels, model, model, [str(i) for i in range(24)], resamples=50)
    print_comparison(found)
    said = capsys.readouterr().out
    assert "McNemar: cannot be tested here" in said
    assert "several images" not in said  # that is not why
    assert set(found["difference"].values()) == {0.0}
    for name, (low, high) in found["intervals"].items():
        assert low == -high < 0
        # Wilson's interval of none of so many.
        patients = {"sensitivity": 12, "specificity": 12}.get(name, 24)
        assert high == pytest.approx(3.8416 / (patients + 3.8416), abs=1e-3)


def test_a_comparison_tests_both_models() -> None:
    labels, first, second = drawn(120)
    names = [str(i) for i in range(120)]
    found = compare(labels, (first, first > 0), (second, second > 0), names, resamples=50)
    assert found["delong_p"] == delong_test(labels, first, second)
    assert found["delong_p"] < 0.9
    assert found["mcnemar"] == mcnemar_test(labels, first > 0, second > 0)


def test_a_comparison_draws_patients() -> None:
    """Ten copies of each image are no more information about a difference, either."""
    labels, first, second = drawn(60)

    def width(copies: int) -> float:
        one, other = np.repeat(first, copies), np.repeat(second, copies)
        low, high = compare(
            np.repeat(labels, copies),
            (one, one > 0),
            (other, other > 0),
            [str(i // copies) for i in range(60 * copies)],
            resamples=300,
        )["intervals"]["auc"]
        return high - low

    assert width(10) == pytest.approx(width(1), rel=0.25)
