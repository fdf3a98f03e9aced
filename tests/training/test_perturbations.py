"""Each perturbation changes what it says, and leaves an image an image."""

from __future__ import annotations

from collections import Counter

import cv2
import numpy as np
import pytest

from training.validation.perturbations import PERTURBATIONS, Perturbation

BY_NAME = {(perturbation.name, i): perturbation for i, perturbation in enumerate(PERTURBATIONS)}


def image(side: int = 224) -> np.ndarray:
    """A grey gradient with a disc, blurred, and a small white marker in a corner."""
    picture = np.tile(np.linspace(0.1, 0.6, side, dtype=np.float32), (side, 1))
    cv2.circle(picture, (side // 2, side // 2), side // 5, 0.75, thickness=-1)
    picture = cv2.GaussianBlur(picture, (0, 0), 3)
    picture[12:24, 12:15] = 0.9
    return picture


def strengths(name: str) -> list[Perturbation]:
    return [perturbation for perturbation in PERTURBATIONS if perturbation.name == name]


def change(perturbation: Perturbation, picture: np.ndarray, seed: int = 0) -> np.ndarray:
    return perturbation(picture, np.random.default_rng(seed))


def test_everything_comes_at_two_strengths() -> None:
    assert set(Counter(perturbation.name for perturbation in PERTURBATIONS).values()) == {2}
    assert {"gamma", "contrast", "exposure", "blur", "noise", "JPEG", "rotation", "crop"} < {
        perturbation.name for perturbation in PERTURBATIONS
    }


@pytest.mark.parametrize(
    "perturbation",
    PERTURBATIONS,
    ids=lambda perturbation: f"{perturbation.name} {perturbation.strength}",
)
def test_an_image_stays_an_image_and_is_not_the_same(perturbation: Perturbation) -> None:
    before = image()
    kept = before.copy()
    after = change(perturbation, before)
    np.testing.assert_array_equal(before, kept)
    assert after.dtype == np.float32
    assert after.min() >= 0
    assert after.max() <= 1
    assert after.shape != before.shape or np.abs(after - before).max() > 0.01
    np.testing.assert_array_equal(after, change(perturbation, before))


@pytest.mark.parametrize(
    "name", ["gamma", "contrast", "exposure", "blur", "noise", "JPEG", "rotation", "resolution"]
)
def test_the_second_strength_changes_more(name: str) -> None:
    weak, strong = (
        np.abs(change(perturbation, image()) - image()).mean() for perturbation in strengths(name)
    )
    assert strong > weak


def test_a_marker_is_removed_and_the_disc_stays() -> None:
    for perturbation in strengths("markers removed"):
        after = change(perturbation, image())
        assert after[12:24, 12:15].max() < 0.3
        np.testing.assert_array_equal(after[80:140, 80:140], image()[80:140, 80:140])


def test_a_marker_is_added_in_a_corner() -> None:
    for perturbation in strengths("marker added"):
        for seed in range(6):
            added = change(perturbation, image(), seed) - image() > 0.3
            assert added.any()
            rows, columns = np.nonzero(added)
            assert set(np.concatenate([rows, columns]) // 75) <= {0, 2}


def test_borders_and_crops_have_the_size_they_say() -> None:
    assert [
        change(perturbation, image()).shape[0] for perturbation in strengths("black border")
    ] == [246, 268]
    assert [change(perturbation, image()).shape[0] for perturbation in strengths("crop")] == [
        202,
        180,
    ]


@pytest.mark.parametrize("name", ["noise", "JPEG", "blur"])
def test_large_images_are_changed_as_much_as_small_ones(name: str) -> None:
    """A network sees both at its own size."""
    small = image(224)
    large = cv2.resize(small, (1120, 1120), interpolation=cv2.INTER_CUBIC)

    def seen(picture: np.ndarray) -> np.ndarray:
        return cv2.resize(picture, (96, 96), interpolation=cv2.INTER_AREA)

    def effect(picture: np.ndarray) -> float:
        changed = change(strengths(name)[1], picture)
        return float(np.sqrt(np.mean((seen(changed) - seen(picture)) ** 2)))

    assert effect(large) == pytest.approx(effect(small), rel=0.25)
