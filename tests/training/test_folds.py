"""How images are divided into folds: reserved ones are in one each, and change no other's."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from cxr.preprocessing import Preprocessing
from training.data.dataset import Record, make_record
from training.data.images import Split, load_images
from training.validation.folds import By, Plan, divide

RESERVED = ("person104_bacteria_1", "person104_virus_2", "NORMAL2-IM-0725-0001", "IM-0214-0001")


def images(folder: Path, names: list[tuple[str, int]]) -> Split:
    """Noise; images with pneumonia are brighter, but for every fourth."""
    records: list[Record] = []
    for i, (name, label) in enumerate(names):
        bright = label if i % 4 else 1 - label
        noise = np.random.default_rng(i).integers(0, 60, (48, 48)).astype(np.uint8)
        path = folder / f"{name}.png"
        cv2.imwrite(str(path), noise + np.uint8(100 * bright))
        records.append(make_record(folder, path, label, split="train"))
    return Split(*load_images(folder, records, Preprocessing(size=24)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("folds")


@pytest.fixture(scope="module")
def whole(folder: Path) -> Split:
    names = [(f"NORMAL2-IM-{i:04}-0001", 0) for i in range(16)]
    return images(folder, [*names, *((f"person{200 + i}_virus_1", 1) for i in range(16))])


@pytest.fixture(scope="module")
def reserved(folder: Path) -> Split:
    return images(folder, [(name, int(name.startswith("person"))) for name in RESERVED])


@pytest.mark.parametrize("by", ["patient", "acquisition", "typicality"])
def test_reserved_images_change_no_fold_and_are_in_one(
    folder: Path, whole: Split, reserved: Split, by: By
) -> None:
    plan = Plan(by=by, folds=2, perturbed_images=8, seed=1)
    without = divide(whole, whole.take([]), folder, plan)
    found = divide(whole, reserved, folder, plan)
    np.testing.assert_array_equal(found.folds, without.folds)
    np.testing.assert_array_equal(found.perturbed, without.perturbed)
    assert found.sha256 == without.sha256
    assert set(found.reserved_folds) <= {0, 1}
    scored = [record.path for n in (1, 2) for record in found.reserved_of(n).records]
    assert sorted(scored) == sorted(record.path for record in reserved.records)
    # Both images of a patient are scored by one network.
    if by != "acquisition":
        assert found.reserved_folds[0] == found.reserved_folds[1]
    for number in (1, 2):
        splits = found.splits(number)
        assert not {of.path for of in splits.train.records} & set(scored)
        patients = [
            {of.patient for of in side.records} for side in (splits.train, splits.validation)
        ]
        assert not patients[0] & patients[1]


def test_a_reserved_image_is_in_the_group_that_it_is_acquired_like(
    folder: Path, whole: Split
) -> None:
    """Bright ones are with bright ones, whatever their class."""
    plan = Plan(by="acquisition", folds=2, perturbed_images=8, seed=1)
    twin = whole.take([1, 17])
    found = divide(whole, twin, folder, plan)
    np.testing.assert_array_equal(found.reserved_folds, found.folds[[1, 17]])
