"""Images that were taken alike are grouped, whatever they show."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.data.acquisition import acquisition_features, acquisition_groups, typicality_groups
from training.data.dataset import Record, read_folder


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two ways of taking: sharp with a black border, or soft without; four of each class swap."""
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for i in range(40):
        positive, swapped = i % 2 == 1, i < 8
        name = f"PNEUMONIA/person{i}_virus_1" if positive else f"NORMAL/IM-{i:04}-0001"
        image = cv2.GaussianBlur(rng.random((120, 100), dtype=np.float32), (0, 0), 4) * 3 - 1
        if positive == swapped:  # taken as normal images mostly are
            image = np.clip(image + rng.normal(0, 0.1, image.shape), 0, 1)
            image[:10] = image[-10:] = image[:, :10] = image[:, -10:] = 0
        path = root / "train" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), (np.clip(image, 0, 1) * 255).astype(np.uint8))
    return root


def number(record: Record) -> int:
    return int("".join(c for c in record.patient if c.isdigit()))


def test_groups_are_ways_of_taking_and_not_classes(images: Path) -> None:
    records, _ = read_folder(images)
    features = acquisition_features(images, records)
    groups = acquisition_groups(features, records, groups=2, seed=0)
    bordered = np.array([record.label == int(number(record) < 8) for record in records])
    assert np.mean(groups == bordered) in (0, 1)


def test_the_least_typical_images_come_first(images: Path) -> None:
    records, _ = read_folder(images)
    features = acquisition_features(images, records)
    groups = typicality_groups(features, records, groups=5, seed=0)
    swapped = np.array([number(record) < 8 for record in records])
    assert set(groups[swapped]) == {0}
    for label in (0, 1):
        mine = groups[[record.label == label for record in records]]
        assert np.bincount(mine).tolist() == [4] * 5


def test_no_patient_is_in_two_groups(images: Path) -> None:
    records, _ = read_folder(images)
    records = [
        Record(**{**record.__dict__, "patient": f"{record.label} {i // 3}"})
        for i, record in enumerate(records)
    ]
    features = acquisition_features(images, records)
    for groups in (
        acquisition_groups(features, records, groups=3, seed=0),
        typicality_groups(features, records, groups=3, seed=0),
    ):
        by_patient: dict[str, set[int]] = {}
        for record, group in zip(records, groups, strict=True):
            by_patient.setdefault(record.patient, set()).add(int(group))
        assert all(len(found) == 1 for found in by_patient.values())


def test_a_patient_is_in_the_group_of_most_of_its_images() -> None:
    features = np.array([[10.0], [0.0], [0.0], [0.1], [0.2], [10.1], [9.9]])
    patients = ["a", "a", "a", "b", "c", "d", "e"]
    records = [
        Record(path=f"{i}.png", label=0, patient=patient, kind="normal", split="train", digest="")
        for i, patient in enumerate(patients)
    ]
    groups = acquisition_groups(features, records, groups=2, seed=0)
    assert groups[0] == groups[1] == groups[2] == groups[3] == groups[4]
    assert groups[5] == groups[6] != groups[0]
