"""No patient straddles a split; what is wrong with a folder is said."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from cxr.errors import DatasetError
from cxr.model.bundle import Bundle, load_bundle
from cxr.preprocessing import Preprocessing
from tests.conftest import QUICK_FIT
from training.data.dataset import Record, is_kermany, read_folder
from training.data.digests import file_digest
from training.data.fingerprints import count_trained_on, file_list_digest, split_fingerprints
from training.data.images import Split, load_images
from training.data.patients import folds_digest, split_by_patient, without_reserved
from training.data.reserved import reserved_patients
from training.fitting.loading import load_splits


def add_image(path: Path, *, seed: int | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = zlib.crc32(path.as_posix().encode()) if seed is None else seed
    image = np.random.default_rng(seed).integers(0, 255, (40, 40)).astype(np.uint8)
    assert cv2.imwrite(str(path), image)


@pytest.mark.parametrize(
    ("path", "patient", "kind"),
    [
        ("PNEUMONIA/person17_bacteria_56.jpeg", "person17", "bacteria"),
        ("PNEUMONIA/person17_virus_48.jpeg", "person17", "virus"),
        ("PNEUMONIA/person1_virus_6_2.png", "person1", "virus"),
        ("NORMAL/NORMAL2-IM-0927-0001.jpeg", "NORMAL2-IM-0927", "normal"),
        ("NORMAL/IM-0539-0001-0002.jpeg", "IM-0539", "normal"),
        ("NORMAL/somebody.JPG", "somebody", "normal"),
        ("PNEUMONIA/case 12.png", "case 12", "pneumonia"),
    ],
)
def test_patient_and_kind_come_from_the_name(
    tmp_path: Path, path: str, patient: str, kind: str
) -> None:
    add_image(tmp_path / "train" / path)
    add_image(tmp_path / "train/NORMAL/IM-0001-0001.jpeg")
    add_image(tmp_path / "train/PNEUMONIA/person9_virus_1.jpeg")
    records, _ = read_folder(tmp_path)
    record = next(r for r in records if r.path == f"train/{path}")
    assert (record.patient, record.kind) == (patient, kind)
    assert record.label == int(path.startswith("PNEUMONIA"))


def test_no_patient_is_in_both_splits(tmp_path: Path) -> None:
    for patient in range(12):
        for image in range(1 + patient % 4):
            add_image(tmp_path / f"train/PNEUMONIA/person{patient}_virus_{image}.jpeg")
            add_image(tmp_path / f"train/NORMAL/IM-{patient:04}-{image:04}.jpeg")
    records, _ = read_folder(tmp_path)
    for seed in range(5):
        train, validation = split_by_patient(records, fraction=0.25, seed=seed)
        assert not {r.patient for r in train} & {r.patient for r in validation}
        assert sorted(r.path for r in [*train, *validation]) == sorted(r.path for r in records)
        fraction = np.mean([r.label for r in validation])
        assert fraction == pytest.approx(0.5, abs=0.2)


def test_a_split_follows_from_its_seed(chest_images: Path) -> None:
    records, _ = read_folder(chest_images)
    first, again, other = (split_by_patient(records, fraction=0.25, seed=s) for s in (1, 1, 2))
    assert first == again
    assert first != other


def test_val_is_pooled_and_test_is_never_opened(chest_images: Path, tmp_path: Path) -> None:
    shutil.copytree(chest_images, tmp_path, dirs_exist_ok=True)
    add_image(tmp_path / "val/NORMAL/IM-9001-0001.jpeg")
    add_image(tmp_path / "test/NORMAL/IM-9002-0001.jpeg")
    (tmp_path / "test/NORMAL/broken.jpeg").write_bytes(b"nothing")
    splits = load_splits(QUICK_FIT, tmp_path)
    paths = {r.path for r in [*splits.train.records, *splits.validation.records]}
    assert "val/NORMAL/IM-9001-0001.jpeg" in paths
    assert not any(path.startswith("test/") for path in paths)
    assert len(splits.train.images) == len(splits.train.records)


def test_a_copy_under_another_patients_name_is_left_out(chest_images: Path, tmp_path: Path) -> None:
    shutil.copytree(chest_images, tmp_path, dirs_exist_ok=True)
    original = tmp_path / "train/NORMAL/NORMAL2-IM-0003-0001.jpeg"
    shutil.copy(original, tmp_path / "train/NORMAL/NORMAL2-IM-0900-0001.jpeg")
    records, duplicates = read_folder(tmp_path)
    assert [copy.patient for copy in duplicates] == ["NORMAL2-IM-0900"]
    assert len(records) == 48


def test_two_names_on_one_image_are_one_patient(chest_images: Path, tmp_path: Path) -> None:
    shutil.copytree(chest_images, tmp_path, dirs_exist_ok=True)
    original = tmp_path / "train/NORMAL/NORMAL2-IM-0003-0001.jpeg"
    shutil.copy(original, tmp_path / "train/NORMAL/NORMAL2-IM-0900-0001.jpeg")
    add_image(tmp_path / "train/NORMAL/NORMAL2-IM-0900-0002.jpeg")
    records, _ = read_folder(tmp_path)
    other = next(r for r in records if r.path.endswith("0900-0002.jpeg"))
    assert other.patient == "NORMAL2-IM-0003"


def test_a_reserved_patient_stays_one_under_another_name(
    chest_images: Path, tmp_path: Path
) -> None:
    shutil.copytree(chest_images, tmp_path, dirs_exist_ok=True)
    patient = next(name for name in sorted(reserved_patients()) if name.startswith("NORMAL2"))
    images = [tmp_path / f"train/NORMAL/{patient}-000{number}.jpeg" for number in (1, 2)]
    for image in images:
        add_image(image)
    shutil.copy(images[0], tmp_path / "train/NORMAL/IM-0999-0001.jpeg")  # sorts before it
    records, _ = read_folder(tmp_path)
    fitted = {record.path for record in without_reserved(records)}
    assert len(records) - len(fitted) == 2
    assert not [path for path in fitted if patient in path or "/IM-0999" in path]


def test_an_image_in_both_classes_is_an_error(chest_images: Path, tmp_path: Path) -> None:
    shutil.copytree(chest_images, tmp_path, dirs_exist_ok=True)
    original = tmp_path / "train/NORMAL/NORMAL2-IM-0003-0001.jpeg"
    shutil.copy(original, tmp_path / "train/PNEUMONIA/person99_virus_1.jpeg")
    with pytest.raises(DatasetError, match=r"one image is in both classes: .*person99_virus_1"):
        read_folder(tmp_path)


def test_folders_that_are_not_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nowhere: expected a folder with train or val"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match="Found: an empty folder"):
        read_folder(tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(DatasetError, match="Found: images"):
        read_folder(tmp_path)
    add_image(tmp_path / "train/NORMAL/IM-0001-0001.jpeg")
    with pytest.raises(DatasetError, match=r"of class PNEUMONIA. Expected them in train/PNEUMONIA"):
        read_folder(tmp_path)


def test_too_few_patients_to_split(tmp_path: Path) -> None:
    add_image(tmp_path / "train/NORMAL/IM-0001-0001.jpeg")
    add_image(tmp_path / "train/PNEUMONIA/person1_virus_1.jpeg")
    with pytest.raises(DatasetError, match="NORMAL has 1 patients"):
        split_by_patient(read_folder(tmp_path)[0], fraction=0.25, seed=1)


def named(names: list[str], label: int) -> list[Record]:
    return [
        Record(path=f"{name}.jpeg", label=label, patient=name, kind="", split="train", digest=name)
        for name in names
    ]


def test_many_images_of_a_patient_are_not_many_patients() -> None:
    several = [
        dataclasses.replace(record, patient="one")
        for record in named([f"IM-{i:04}-0001" for i in range(9)], 0)
    ]
    others = named([f"person{i}_virus_1" for i in range(9)], 1)
    with pytest.raises(DatasetError, match="NORMAL has 1 patients"):
        split_by_patient([*several, *others], fraction=0.25, seed=1)


@pytest.mark.parametrize(("fraction", "held_out"), [(0.15, 6), (0.2, 8), (0.4, 14), (0.5, 21)])
def test_what_is_held_out_is_the_nearest_fraction(fraction: float, held_out: int) -> None:
    """15 % are one seventh rather than one sixth, 40 % one third rather than one half."""
    records = named([f"n{i}" for i in range(42)], 0) + named([f"p{i}" for i in range(42)], 1)
    _, validation = split_by_patient(records, fraction=fraction, seed=1)
    counts = [sum(record.label == label for record in validation) for label in (0, 1)]
    assert counts == pytest.approx([held_out, held_out], abs=1)


def test_a_patient_with_most_images_of_a_class_leaves_none_of_it_to_the_other_split() -> None:
    images = []
    for label, counts in enumerate([(28, 24, 8, 5, 3, 1), (517, 4, 2, 2, 1, 1, 1)]):
        for patient, count in enumerate(counts):
            names = [f"{label}-{patient}-{i}" for i in range(count)]
            images += [
                dataclasses.replace(record, patient=f"{label}-{patient}")
                for record in named(names, label)
            ]
    with pytest.raises(DatasetError, match="no held-out images of class PNEUMONIA"):
        split_by_patient(images, fraction=0.2, seed=1)


def test_images_of_one_name_in_two_folders_are_of_two_patients(tmp_path: Path) -> None:
    for folder in ("train/NORMAL", "train/PNEUMONIA", "val/NORMAL"):
        for name in ("1.png", "1.jpeg", "2.png"):
            add_image(tmp_path / folder / name)
    records, _ = read_folder(tmp_path)
    assert len(records) == 9
    assert len({record.patient for record in records}) == 6


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text there")
def test_a_name_that_is_no_text_is_said(chest_images: Path, tmp_path: Path) -> None:
    shutil.copytree(chest_images, tmp_path / "data")
    image = next((tmp_path / "data/train/NORMAL").iterdir())
    shutil.copy(image, os.fsencode(image.parent) + b"/caf\xe9.png")
    with pytest.raises(DatasetError, match=r"caf\\xe9\.png': the name is not UTF-8"):
        read_folder(tmp_path / "data")


def test_a_digest_is_of_the_content(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    (tmp_path / "file").write_bytes(content)
    (tmp_path / "empty").touch()
    assert file_digest(tmp_path / "file") == hashlib.sha256(content).hexdigest()
    assert [file_digest(tmp_path / name) for name in ("empty", "none")] == ["", ""]


@pytest.mark.parametrize(("others", "left_out"), [(0, 1), (1, 1), (2, 0)])
def test_a_folder_with_a_few_images_of_ones_own_is_still_the_published_set(
    others: int, left_out: int
) -> None:
    """From nine in ten names on, patients that no fit may learn from are left out."""
    patient = next(name for name in sorted(reserved_patients()) if name.startswith("NORMAL2"))
    (reserved,) = named([f"{patient}-0001"], 0)
    mine = named([f"mine-{i}" for i in range(others)], 0)
    published = named([f"person{2000 + i}_virus_1" for i in range(9 - others)], 1)
    records = [dataclasses.replace(reserved, patient=patient), *mine, *published]
    assert len(records) - len(without_reserved(records)) == left_out


def test_the_digest_of_folds_tells_folds_apart() -> None:
    records = named(["a", "b", "c"], 0)
    digests = {
        folds_digest(records, np.array(folds)) for folds in ([0, 1, 2], [0, 1, 1], [1, 0, 2])
    }
    assert len(digests) == 3
    assert folds_digest(records[::-1], np.array([2, 1, 0])) in digests


def test_unreadable_files_are_listed_and_skipped_only_when_asked(
    chest_images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(chest_images, tmp_path, dirs_exist_ok=True)
    (tmp_path / "train/NORMAL/IM-0500-0001.jpeg").write_bytes(b"nothing")
    (tmp_path / "train/NORMAL/IM-0501-0001.jpeg").write_bytes(b"")
    (tmp_path / "train/PNEUMONIA/person501_virus_1.jpeg").write_bytes(b"")
    (tmp_path / "train/NORMAL/IM-0502-0001.jpeg").symlink_to(tmp_path / "nowhere")
    (tmp_path / "train/NORMAL/folder.jpeg").mkdir()
    records, _ = read_folder(tmp_path)
    with pytest.raises(DatasetError, match="4 of 52 files cannot be read"):
        load_images(tmp_path, records, Preprocessing(size=32))
    listed = capsys.readouterr().out
    assert "train/NORMAL/IM-0500-0001.jpeg: this is not an image" in listed
    assert "train/NORMAL/IM-0501-0001.jpeg: the file is empty" in listed
    images, kept = load_images(tmp_path, records, Preprocessing(size=32), skip_unreadable=True)
    assert images.shape == (48, 32, 32)
    assert len(kept) == 48


def test_the_digest_tells_images_apart(chest_images: Path) -> None:
    records, _ = read_folder(chest_images)
    assert file_list_digest(records) == file_list_digest(records[::-1])
    assert file_list_digest(records) != file_list_digest(records[1:])


def test_images_that_a_model_was_trained_on_are_counted(
    chest_images: Path, tiny_bundle: Bundle
) -> None:
    images, records = load_images(
        chest_images, read_folder(chest_images)[0], Preprocessing(size=64)
    )
    assert count_trained_on(tiny_bundle, images, records) == 0
    some = Split(images[:3], records[:3])
    evaluation = {"trained_fingerprints": split_fingerprints(some, most=9)}
    trained = dataclasses.replace(tiny_bundle, evaluation=evaluation)
    twice = [*range(len(images)), 0]
    assert count_trained_on(trained, images[twice], [records[row] for row in twice]) == 4
    until_022 = " ".join(record.digest[:12] for record in records[:2])
    earlier = dataclasses.replace(tiny_bundle, evaluation={"trained_fingerprints": until_022})
    assert count_trained_on(earlier, images, records) == 2
    # Of very many images, some are kept: a model's files are bounded.
    assert len(split_fingerprints(some, most=2).split()) == 2


def test_the_bundled_model_names_its_training_images() -> None:
    bundle = load_bundle()
    adults = 138  # of whom it learned lungs, as the credit says
    assert f"{adults} adults" in bundle.config["trained_on"]["outlines"]
    assert len(bundle.trained_fingerprints) == bundle.config["trained_on"]["images"] + adults


def test_only_the_published_names_are_credited_to_it(chest_images: Path, tmp_path: Path) -> None:
    assert is_kermany(read_folder(chest_images)[0])
    add_image(tmp_path / "train/NORMAL/mine.png")
    add_image(tmp_path / "train/PNEUMONIA/person1_virus_1.jpeg")
    assert not is_kermany(read_folder(tmp_path)[0])


def test_names_of_the_other_class_are_not_those_of_the_published_set(tmp_path: Path) -> None:
    """IM-0001-0001 is what many viewers call what they export."""
    add_image(tmp_path / "train/NORMAL/IM-0001-0001.jpeg")
    add_image(tmp_path / "train/PNEUMONIA/IM-0002-0001.jpeg")
    assert not is_kermany(read_folder(tmp_path)[0])


def test_the_real_training_split(data: Path) -> None:
    records, duplicates = read_folder(data / "chest_xray")
    assert len(records) + len(duplicates) == 5216
    assert len(duplicates) == 26
    assert is_kermany(records)
    train, validation = split_by_patient(records, fraction=0.15, seed=1)
    assert not {r.patient for r in train} & {r.patient for r in validation}
    assert np.mean([r.label for r in validation]) == pytest.approx(
        np.mean([r.label for r in train]), abs=0.01
    )
