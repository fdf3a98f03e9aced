"""What is wrong with a data folder is found before anything is trained on it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cxr.errors import DatasetError
from training.data.inspection import Inspection, Problem, inspect_folder


@pytest.fixture
def folder(chest_images: Path, tmp_path: Path) -> Path:
    """A data folder to spoil."""
    return Path(shutil.copytree(chest_images, tmp_path / "images"))


def image(folder: Path, name: str = "person203_virus_1.jpeg") -> Path:
    return next(folder.glob(f"train/*/{name}"))


def only_problem(folder: Path) -> Problem:
    (problem,) = inspect_folder(folder).problems
    return problem


def test_a_good_folder_is_counted(folder: Path) -> None:
    found = inspect_folder(folder)
    assert found.problems == []
    normal, positive = found.counts
    assert (normal.split, normal.class_name, normal.images, normal.patients) == (
        "train",
        "NORMAL",
        24,
        24,
    )
    assert positive.kinds == {"bacteria": 12, "virus": 12}


def test_images_that_no_fit_learns_from_are_named(folder: Path) -> None:
    """Also where somebody has added an image of their own."""
    reserved = "train/PNEUMONIA/person104_bacteria_492.jpeg"
    image(folder).rename(folder / reserved)
    problem = only_problem(folder)
    assert (problem.message.code, problem.files, problem.stops) == (
        "inspect_reserved",
        [reserved],
        False,
    )
    image(folder, "person201_virus_1.jpeg").rename(folder / "train" / "NORMAL" / "mine.jpeg")
    assert problem in inspect_folder(folder).problems


def test_a_sample_holds_both_classes_and_is_the_same_again(folder: Path) -> None:
    found = inspect_folder(folder)
    sample = found.sample(3)
    assert [record.label for record in sample] == [0, 0, 0, 1, 1, 1]
    assert sample == inspect_folder(folder).sample(3)
    assert sample != found.sample(3, seed=1)


def test_a_file_that_cannot_be_read_stops_a_fit(folder: Path) -> None:
    image(folder).write_bytes(b"nothing")
    problem = only_problem(folder)
    assert problem.stops
    assert "train/PNEUMONIA/person203_virus_1.jpeg" in problem.files[0]


def test_a_copy_is_named_with_its_original(folder: Path) -> None:
    shutil.copy(image(folder), image(folder).with_name("person203_virus_2.jpeg"))
    problem = only_problem(folder)
    assert not problem.stops
    (files,) = problem.files
    assert "person203_virus_1.jpeg = train/PNEUMONIA/person203_virus_2.jpeg" in files


def test_images_whose_names_tell_no_patient_are_said(folder: Path) -> None:
    image(folder).rename(image(folder).with_name("N000_1.jpeg"))
    problem = only_problem(folder)
    assert problem.message.code == "inspect_unnamed_patients"
    assert problem.files == ["train/PNEUMONIA/N000_1.jpeg"]
    assert not problem.stops


def test_files_of_other_formats_are_said(folder: Path) -> None:
    (folder / "train" / "NORMAL" / "1.dcm").write_bytes(b"DICM")
    (folder / "train" / "NORMAL" / ".hidden").write_bytes(b"")
    problem = only_problem(folder)
    assert problem.message.code == "inspect_other_files"
    assert problem.files == ["train/NORMAL/1.dcm"]


def test_an_image_in_both_classes_stops_a_fit(folder: Path) -> None:
    shutil.copy(image(folder), folder / "train" / "NORMAL")
    found = inspect_folder(folder)
    assert found.problems[0].stops
    assert "both classes" in str(found.problems[0].message)


def test_images_of_test_in_train_are_a_leak_and_are_never_decoded(folder: Path) -> None:
    there = folder / "test" / "PNEUMONIA"
    there.mkdir(parents=True)
    shutil.copy(image(folder), there / "person900_virus_1.jpeg")
    (there / "person901_virus_1.jpeg").write_bytes(b"cannot be decoded")
    problem = only_problem(folder)
    assert "Images of test that are also in train" in str(problem.message)
    assert len(problem.files) == 1


@pytest.mark.parametrize(
    ("split", "said"), [("test", "too good"), ("val", "pools both and splits anew")]
)
def test_a_patient_in_two_splits(folder: Path, split: str, said: str) -> None:
    there = folder / split / "PNEUMONIA"
    there.mkdir(parents=True)
    other = image(folder, "person205_virus_1.jpeg")
    shutil.move(other, there / "person203_virus_9.jpeg")
    problem = only_problem(folder)
    assert said in str(problem.message)
    assert problem.files == ["person203"]


def test_a_missing_class_is_said(folder: Path) -> None:
    shutil.rmtree(folder / "train" / "NORMAL")
    problem = only_problem(folder)
    assert problem.stops
    assert "No image of class NORMAL" in str(problem.message)


def test_what_is_no_data_folder(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="expected a folder with train or val or test"):
        inspect_folder(tmp_path)


def test_the_published_set(data: Path) -> None:
    found: Inspection = inspect_folder(data / "chest_xray")
    assert [(count.class_name, count.images) for count in found.counts] == [
        ("NORMAL", 1341),
        ("PNEUMONIA", 3875),
    ]
    duplicates, reserved = found.problems
    assert reserved.message.code == "inspect_reserved"
    assert len(reserved.files) == 136
    assert sum(text.count(" = ") for text in duplicates.files) == 26  # as the set's own README says
