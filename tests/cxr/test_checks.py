"""What the heatmap is worth, on radiographs where it is known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from cxr.checks import PLACES, Checks, Place, examine, heat_by_place, sentence
from cxr.gate.lungs import LungFields, lung_fields

SIDE = 64
Image = npt.NDArray[np.float32]


@pytest.fixture
def fields() -> LungFields:
    lungs = np.zeros((SIDE, SIDE), dtype=np.float32)
    lungs[16:48, 10:26] = lungs[16:48, 38:54] = 1
    return lung_fields(lungs)


@pytest.mark.parametrize(
    ("place", "row", "column"),
    [
        ("lungs", 30, 15),
        ("between", 30, 32),
        ("above", 8, 32),
        ("below", 56, 20),
        ("below", 56, 32),
        ("beside", 30, 6),
        ("beside", 30, 58),
        ("edge", 0, 32),
        ("edge", 30, 63),
    ],
)
def test_where_the_heat_lies(fields: LungFields, place: Place, row: int, column: int) -> None:
    heat = np.zeros((SIDE, SIDE), dtype=np.float32)
    heat[row, column] = 3
    assert heat_by_place(heat, fields) == {name: float(name == place) for name in PLACES}


def test_shares_sum_to_one_and_no_heat_has_no_place(fields: LungFields) -> None:
    heat = np.random.default_rng(0).random((12, 12), dtype=np.float32)
    assert sum(heat_by_place(heat, fields).values()) == pytest.approx(1, abs=1e-5)
    assert not any(heat_by_place(np.zeros((12, 12), np.float32), fields).values())


def image_and_heat() -> tuple[Image, Image]:
    """A grain that is sharp in one corner of the right lung, and heat there."""
    image = np.random.default_rng(0).random((SIDE, SIDE), dtype=np.float32)
    heat = np.zeros((8, 8), dtype=np.float32)
    heat[3:5, 1:3] = 1
    return image, heat


def probability(logit: float) -> float:
    return float(1 / (1 + np.exp(-logit)))


def test_a_map_that_is_true_to_the_network(fields: LungFields) -> None:
    image, heat = image_and_heat()

    def sharpness(images: Image) -> Image:
        """A network that looks at the grain under the heat alone."""
        return 40 * images[:, 24:40, 8:24].std(axis=(1, 2))

    checks = examine(image, heat, fields, logits=sharpness, probability=probability)
    assert checks.hottest > 1
    assert abs(checks.elsewhere) < 0.1
    assert "far more than elsewhere" in sentence(checks.of_heat())


def test_a_map_that_is_not(fields: LungFields) -> None:
    image, heat = image_and_heat()

    def elsewhere(images: Image) -> Image:
        return images[:, :10, 50:].mean(axis=(1, 2))

    checks = examine(image, heat, fields, logits=elsewhere, probability=probability)
    assert "does not explain this answer" in sentence(checks.of_heat())


def test_all_variants_are_one_batch_of_images(fields: LungFields) -> None:
    image, heat = image_and_heat()
    seen: list[Image] = []

    def record(images: Image) -> Image:
        seen.append(images)
        return np.arange(len(images), dtype=np.float32)

    checks = examine(image, heat, fields, logits=record, probability=probability)
    assert len(seen) == 1
    assert seen[0].dtype == np.float32
    assert seen[0].shape == (7, SIDE, SIDE)
    assert seen[0].min() >= 0
    assert seen[0].max() <= 1
    np.testing.assert_array_equal(seen[0][0], image)
    np.testing.assert_array_equal(seen[0][4], image[:, ::-1])
    # About a tenth of the image is blurred, each time.
    changed = [(np.abs(variant - image) > 1e-3).mean() for variant in seen[0][1:4]]
    assert 0.08 < min(changed) <= max(changed) < 0.25
    assert list(checks.variants) == ["as it is", "mirrored", "moved up", "moved down"]
    assert checks.hottest == -1
    assert checks.elsewhere == -2.5


@pytest.mark.parametrize(
    ("variants", "holds"), [((0.6, 0.7), True), ((0.6, 0.4), False), ((0.4, 0.4), False)]
)
def test_whether_the_verdict_holds(variants: tuple[float, float], holds: bool) -> None:
    checks = Checks(
        heat=dict.fromkeys(PLACES, 0.0),
        hottest=0.0,
        elsewhere=0.0,
        variants={"mirrored": variants[0], "moved": variants[1]},
    )
    assert checks.holds(0.8, 0.5) is holds
    said = sentence(checks.messages(0.8, 0.5))
    assert said.startswith("There is no heat on this radiograph; ")
    assert ("gives the same" in said) is holds
