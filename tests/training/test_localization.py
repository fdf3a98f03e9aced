"""Measures of where heatmaps lie, on maps whose answer is known."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import cv2
import numpy as np
import pytest

from cxr.errors import DatasetError
from cxr.model.bundle import Bundle
from cxr.model.operating_points import wilson_interval
from training.validation.adults_check import measure_adults
from training.validation.localization import (
    agreement,
    control,
    detection,
    fractions_inside,
    locality,
    to_heatmaps,
)

SIDE = 32


def spot(row: int, column: int, *, size: int = 4) -> np.ndarray:
    heat = np.zeros((SIDE, SIDE), np.float32)
    heat[row : row + size, column : column + size] = 1
    return heat


def test_hit_gain_and_any_of_known_maps() -> None:
    inside = np.stack([spot(4, 4) > 0] * 3)  # 16 of 1024 pixels
    half = spot(4, 4) + spot(20, 20)
    half[5, 5] = 2
    heat = np.stack([half, spot(20, 20), np.zeros((SIDE, SIDE), np.float32)])
    found = agreement(heat, inside)
    assert found["images"] == 3
    assert found["hit"] == pytest.approx(1 / 3)  # a map of zeros is a miss
    assert found["any"] == pytest.approx(2 / 3)
    assert found["gain"] == pytest.approx((17 / 33) / (16 / 1024) / 3)
    assert found["agreement_intervals"]["hit"] == (0, 1)  # of three images
    low, high = found["agreement_intervals"]["gain"]
    assert 0 == low < found["gain"] < high == pytest.approx((17 / 33) / (16 / 1024))
    assert fractions_inside(heat, inside).tolist() == pytest.approx([17 / 33, 0, 0])


def test_an_even_heatmap_has_a_gain_of_one() -> None:
    even = np.ones((1, SIDE, SIDE), np.float32)
    assert agreement(even, np.stack([spot(4, 4) > 0]))["gain"] == pytest.approx(1)


def test_locality_is_the_fraction_of_the_lungs_that_is_hot() -> None:
    maps = np.zeros((2, 4, 4), np.float32)
    maps[0, 0, 0], maps[0, 0, 1], maps[0, 1, 0] = 4, 3, 1  # two places above half of 4
    lungs = np.zeros((2, 4, 4), np.float32)
    lungs[:, :2] = 1
    assert locality(maps, lungs) == pytest.approx(2 / 8)  # the map of zeros is left out
    assert locality(maps[:0], lungs[:0]) == locality(np.zeros_like(maps), lungs) == 1


def test_locality_is_of_the_middle_image_and_of_its_lungs_alone() -> None:
    maps = np.zeros((3, 4, 4), np.float32)
    maps[:, 0, 0] = 4
    maps[1, 0, 1], maps[1, 0, 2] = 3, 1.5  # above half of 4, and below it
    maps[1, 3] = 3  # beside the lungs
    maps[2] = 4
    lungs = np.zeros((3, 4, 4), np.float32)
    lungs[:, :2] = 1
    assert locality(maps, lungs) == pytest.approx(2 / 8)  # of 1/8, 2/8 and 8/8


def test_others_maps_are_moved_from_their_lungs_to_the_images_own() -> None:
    """Each map is hot in the upper left corner of its lungs, as each outline is."""
    places = [(1, 2), (14, 16), (2, 14), (0, 0)]
    lungs = np.stack([spot(*place, size=14) > 0 for place in places])
    inside = np.stack([spot(*place) > 0 for place in places])
    heat = inside.astype(np.float32)
    heat[-1] = 0  # is left out
    found = control(heat, inside, lungs)
    own = SIDE * SIDE / 16
    assert found["others_gain"] == pytest.approx(own)
    assert found["factor"] == pytest.approx(1)
    assert found["own_wins"] == 0


def test_own_maps_beat_others_only_where_disease_differs_in_place() -> None:
    lungs = np.stack([(spot(2, 2, size=26)) > 0] * 6)
    places = [(4, 4), (4, 20), (20, 4), (20, 20), (12, 12), (12, 20)]
    own = np.stack([spot(*place) for place in places])
    seen = control(own, own > 0, lungs)
    assert seen["own_wins"] == 1
    assert seen["factor"] > 10
    customary = np.stack([spot(12, 12)] * 6)
    same = control(customary, own > 0, lungs)
    assert same["own_wins"] == 0
    assert same["factor"] == pytest.approx(1)


def test_a_map_that_shows_what_was_planted_finds_it() -> None:
    rng = np.random.default_rng(0)
    images = np.clip(0.3 + 0.02 * rng.standard_normal((6, 64, 64)), 0, 1).astype(np.float32)
    lungs = np.zeros_like(images)
    lungs[:, 10:54, 8:56] = 1
    images[lungs == 0] = 0.8

    def explain(seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        maps = np.maximum(seen - images, 0)
        return maps.sum(axis=(1, 2)), maps

    patients = list("aabbcc")
    rows = detection(
        images, lungs, explain, patients=patients, diameters=(0.06, 0.2), strengths=(0.3, 0.8)
    )
    assert [(row["diameter"], row["strength"]) for row in rows] == [
        (0.06, 0.3),
        (0.06, 0.8),
        (0.2, 0.3),
        (0.2, 0.8),
    ]
    assert all(row["hit"] == 1 for row in rows)
    # All of three patients, whose images are alike, and not of six.
    assert {row["intervals"]["hit"] for row in rows} == {wilson_interval(3, 3)}
    assert rows[-1]["rise"] > rows[0]["rise"] > 0

    blind = detection(
        images,
        lungs,
        lambda _: (np.zeros(6), np.zeros((6, 8, 8), np.float32)),
        patients=patients,
    )
    assert {row["hit"] for row in blind} == {0.0}


def test_maps_come_to_lie_on_their_images() -> None:
    maps = np.zeros((1, 8, 8), np.float32)
    maps[0, 2, 5] = 1
    row, column = np.unravel_index(to_heatmaps(maps, 64)[0].argmax(), (64, 64))
    assert abs(row - 19.5) <= 1
    assert abs(column - 43.5) <= 1


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["normal", "tuberculosis", "pneumonia"], "Found: pneumonia, tuberculosis"),
        (["normal", "Normal"], "Found: normal alone"),
    ],
)
def test_a_table_of_adults_is_of_one_disease(
    tmp_path: Path, tiny_bundle: Bundle, labels: list[str], said: str
) -> None:
    """A second one would count as normal."""
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(["image,label", *(f"{n}.png,{n}" for n in labels)]) + "\n")

    def explain(_: object) -> NoReturn:
        raise AssertionError("nothing is to be measured")

    with pytest.raises(DatasetError, match=said):
        measure_adults(tiny_bundle, explain, [table])


def test_a_disease_is_one_in_large_and_small_letters(tmp_path: Path, tiny_bundle: Bundle) -> None:
    labels = ["normal", "tuberculosis", "Normal", "Tuberculosis"]
    for number in range(len(labels)):
        picture = np.full((40, 40), 50 * number, np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
    table = tmp_path / "labels.csv"
    rows = (f"{number}.png,{label}" for number, label in enumerate(labels))
    table.write_text("\n".join(["image,label", *rows]) + "\n")

    def explain(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits = images.mean(axis=(1, 2))
        return logits, images

    found = measure_adults(tiny_bundle, explain, [table])[tmp_path.name]
    assert found["images"] == 4
    assert found["auc"] == 0.75  # three of four pairs are in order
    assert found["disease"].casefold() == "tuberculosis"


def test_two_tables_of_adults_in_folders_of_one_name_are_refused(
    tmp_path: Path, tiny_bundle: Bundle
) -> None:
    tables = [tmp_path / "a" / "adults" / "x.csv", tmp_path / "b" / "adults" / "x.csv"]
    with pytest.raises(DatasetError, match="folders of different names"):
        measure_adults(tiny_bundle, lambda _: None, tables)  # type: ignore[arg-type, return-value]
