"""Planted opacities: within the lungs, brighter, and where they are said to be."""

from __future__ import annotations

import numpy as np
import pytest

from training.fitting.opacities import Opacity, hidden, plant, random_opacities

SIDE = 96
BLOB = Opacity(diameter=0.2, strength=0.8)


@pytest.fixture
def lungs() -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[20:80, 12:42] = mask[20:80, 54:84] = 1
    return mask


@pytest.fixture
def image(lungs: np.ndarray) -> np.ndarray:
    """Dark lungs in bright tissue, with ribs across."""
    ribs = 0.05 * np.sin(np.arange(SIDE) / 2)[:, np.newaxis]
    return np.asarray(0.7 - 0.5 * lungs + ribs, dtype=np.float32)


@pytest.mark.parametrize("reticular", [False, True])
def test_what_is_planted_is_brighter_and_nothing_else_changes(
    image: np.ndarray, lungs: np.ndarray, reticular: bool
) -> None:
    opacity = Opacity(diameter=0.3, strength=0.8, reticular=reticular)
    planted, covered = plant(image, lungs, [opacity], np.random.default_rng(0))
    assert planted.dtype == covered.dtype == np.float32
    assert covered.max() > 0.9
    assert (planted - image)[covered > 0.5].mean() > 0.05
    np.testing.assert_allclose(planted[covered < 1e-4], image[covered < 1e-4], atol=1e-3)
    assert covered[lungs == 0].max() < 0.6  # no more than what is softened over the edge
    assert planted.min() >= 0
    assert planted.max() <= 1


def test_every_opacity_is_planted_and_counted_as_covered(
    image: np.ndarray, lungs: np.ndarray
) -> None:
    for seed in range(5):
        planted, covered = plant(image, lungs, [BLOB] * 3, np.random.default_rng(seed))
        change = planted - image
        assert covered[np.abs(change) > 0.05].min() > 0.05
        assert np.quantile(change[covered > 0.8], 0.05) > 0.1


def test_vessels_lose_a_third_of_their_contrast_in_a_full_opacity(lungs: np.ndarray) -> None:
    vessels = np.tile(0.02 * (-1.0) ** np.arange(SIDE), (SIDE, 1)).astype(np.float32)
    image = np.asarray(0.7 - 0.5 * lungs + vessels, dtype=np.float32)
    opacity = Opacity(diameter=0.6, strength=1.0)
    planted, covered = plant(image, lungs, [opacity], np.random.default_rng(0))
    inside = covered[:, 1:] > 0.98
    assert inside.sum() > 100
    steps = np.diff(planted, axis=1)[inside] / np.diff(vessels, axis=1)[inside]
    assert np.median(steps) == pytest.approx(0.65, abs=0.06)


@pytest.mark.parametrize("diameter", [0.1, 0.2, 0.3])
def test_its_diameter_is_about_what_was_asked(
    lungs: np.ndarray, image: np.ndarray, diameter: float
) -> None:
    everywhere = np.ones_like(lungs)
    opacity = Opacity(diameter=diameter, strength=0.5)
    areas = [
        (plant(image, everywhere, [opacity], np.random.default_rng(seed))[1] > 0.5).sum()
        for seed in range(30)
    ]
    # Cut by the image's edge here and there, hence the wide margin.
    assert np.sqrt(4 * np.median(areas) / np.pi) / SIDE == pytest.approx(diameter, rel=0.25)


def test_where_it_changes_next_to_nothing_it_is_hidden(
    image: np.ndarray, lungs: np.ndarray
) -> None:
    everywhere = np.ones_like(lungs)
    image[:, 54:84] = 0.7  # a lung as bright as the tissue beside it
    opacity = Opacity(diameter=0.8, strength=0.5)
    planted, covered = plant(image, everywhere, [opacity], np.random.default_rng(2))
    unseen = hidden(image, planted, covered, 0.1)
    inside = covered > 0.5
    dark = inside & (lungs > 0) & (image < 0.4)
    bright = inside & (image > 0.6)
    assert dark.sum() > 100
    assert bright.sum() > 100
    assert unseen[dark].mean() < 0.1
    assert unseen[bright].mean() > 0.8
    assert not unseen[covered == 0].any()
    assert not hidden(image, planted, covered, 0.0).any()


def test_ribs_still_show(image: np.ndarray, lungs: np.ndarray) -> None:
    large = Opacity(diameter=0.4, strength=0.8)
    planted, covered = plant(image, lungs, [large], np.random.default_rng(1))
    rows, columns = np.nonzero(covered > 0.6)
    column = np.bincount(columns).argmax()
    inside = slice(rows[columns == column].min(), rows[columns == column].max())
    steps = [np.diff(one[inside, column]) for one in (image, planted)]
    assert np.corrcoef(*steps)[0, 1] > 0.7


def test_stronger_is_brighter(image: np.ndarray, lungs: np.ndarray) -> None:
    def rise(strength: float) -> float:
        opacity = Opacity(diameter=0.2, strength=strength)
        return float((plant(image, lungs, [opacity], np.random.default_rng(2))[0] - image).sum())

    assert 0 < rise(0.3) < rise(0.5) < rise(0.8)


def test_without_lungs_nothing_is_planted(image: np.ndarray) -> None:
    planted, covered = plant(image, np.zeros_like(image), [BLOB], np.random.default_rng(0))
    np.testing.assert_array_equal(planted, image)
    assert not covered.any()


def test_an_equal_generator_plants_the_same(image: np.ndarray, lungs: np.ndarray) -> None:
    first, again = (
        plant(image, lungs, random_opacities(rng), rng)[0]
        for rng in (np.random.default_rng(5), np.random.default_rng(5))
    )
    np.testing.assert_array_equal(first, again)
