"""The command that writes the cases: their files, and the model's answers in their document."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest

from cxr.cases import CASES, FOLDER, read_cases
from cxr.classifier import Classifier
from cxr.errors import CasesError
from cxr.reading.radiograph import read_radiograph
from training.data.case_files import answer_of, dicom, drawing, write_answers, write_files


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A copy of the cases."""
    folder = tmp_path / "examples"
    folder.mkdir()
    for path in [FOLDER / CASES, *(case.path for case in read_cases().cases)]:
        shutil.copy(path, folder)
    return folder


def test_only_the_answers_are_written(examples: Path, tiny_classifier: Classifier) -> None:
    before = (examples / CASES).read_text(encoding="utf-8").splitlines()
    write_answers(examples, tiny_classifier)
    after = (examples / CASES).read_text(encoding="utf-8").splitlines()
    assert [line.startswith("answer = ") for line in before] == [
        line.startswith("answer = ") for line in after
    ]
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert changed
    assert all(line.startswith("answer = ") for line in changed)
    for case in read_cases(examples).cases:
        assert case.answer == answer_of(case, tiny_classifier)


def test_an_answer_on_several_lines_is_refused(examples: Path, tiny_classifier: Classifier) -> None:
    path = examples / CASES
    document = path.read_text(encoding="utf-8")
    path.write_text(document.replace("answer = {", "answer   = {", 1), encoding="utf-8")
    with pytest.raises(CasesError, match="expected one line"):
        write_answers(examples, tiny_classifier)


def test_the_files_are_written_from_the_data_set(examples: Path, tmp_path: Path) -> None:
    data = tmp_path / "data" / "NORMAL"
    data.mkdir(parents=True)
    rng = np.random.default_rng(0)
    cases = read_cases(examples)
    for case in cases.radiographs:
        cv2.imwrite(str(data / case.image), rng.integers(0, 255, (90, 120)).astype(np.uint8))
    large = cases.by_name["grown-up"]
    noise = cv2.resize(rng.integers(0, 255, (100, 200)).astype(np.uint8), (2800, 1400))
    cv2.imwrite(str(data / large.image), noise)
    for case in cases.cases:
        case.path.unlink()
    write_files([data.parent], examples)
    written = read_cases(examples)  # which needs every file
    small = written.by_name["hila"]
    assert small.path.read_bytes() == (data / small.image).read_bytes()
    assert read_radiograph(written.by_name["grown-up"].path).shape == (700, 1400)
    assert written.by_name["dicom"].path.read_bytes()[128:132] == b"DICM"

    (data / small.image).unlink()
    with pytest.raises(CasesError, match=rf"{small.image}: in none of .*--data"):
        write_files([data.parent], examples)


def test_the_dicom_file_is_always_the_same_and_names_nobody() -> None:
    pixels = np.linspace(0, 1, 640 * 480, dtype=np.float32).reshape(480, 640)
    content = dicom(pixels)
    assert content == dicom(pixels)
    header = pydicom.dcmread(io.BytesIO(content))
    assert header.PatientName == ""
    assert "PatientBirthDate" not in header
    assert header.BitsStored == 12
    assert len(np.unique(header.pixel_array)) == 4096
    assert read_radiograph(content).pixels == pytest.approx(pixels, abs=1 / 4095)


def test_the_drawing_is_always_the_same() -> None:
    assert (drawing() == drawing()).all()
    stored = cv2.imread(str(read_cases().by_name["drawing"].path), cv2.IMREAD_GRAYSCALE)
    # Another version of OpenCV may smooth lines a little differently.
    assert np.mean(stored != drawing()) < 0.01
