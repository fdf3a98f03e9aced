"""The worst mistakes: which they are, what is written of them, and what is read again."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from cxr.cases import FOLDER, read_cases
from cxr.classifier import Classifier
from cxr.reading.radiograph import read_radiograph
from training.data.dataset import Record, make_record
from training.validation.mistakes import read_mistakes, write_bundle_mistakes, write_mistakes


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    """Three images of each class; a name begins like a formula, another holds dollar signs."""
    names = ["=1+1.png", "$n_1$ $_{.png", "'=b.png", "p.png", "q.png", "r.png"]
    for shade, name in enumerate(names):
        cv2.imwrite(str(tmp_path / name), np.full((40, 60), 40 * shade, np.uint8))
    return [make_record(tmp_path, tmp_path / n, int(i > 2), split="x") for i, n in enumerate(names)]


def test_the_most_confident_mistakes_of_each_class_come_first(
    records: list[Record], tmp_path: Path
) -> None:
    asked = []

    def explain(i: int, radiograph: object) -> np.ndarray:
        asked.append(i)
        return np.full((40, 60), 0.5, np.float32)

    logits = np.array([3, 1, -2, -3, 2, -1], np.float32)
    out = tmp_path / "out"
    (out / "mistakes").mkdir(parents=True)
    (out / "mistakes" / "earlier.png").write_bytes(b"")
    found = write_mistakes(out, tmp_path, records, logits, threshold=0.6, explain=explain)
    assert [mistake.path for mistake in found] == ["p.png", "r.png", "=1+1.png", "$n_1$ $_{.png"]
    assert asked == [3, 5, 0, 1]
    assert [mistake.label for mistake in found] == [1, 1, 0, 0]
    assert found[0].probability == pytest.approx(1 / (1 + np.exp(3)), abs=1e-6)
    assert found[0].in_lungs is None  # no lungs in a plain grey image
    assert read_mistakes(out) == found
    assert {path.name for path in (out / "mistakes").iterdir()} == {m.picture for m in found}
    picture = cv2.imread(str(out / "mistakes" / found[0].picture))
    assert picture.shape == (40, 60, 3)
    assert np.ptp(picture, axis=2).max() > 20  # the heatmap has colour
    assert cv2.imread(str(out / "mistakes.png")) is not None


def test_no_cell_of_the_table_is_a_formula(records: list[Record], tmp_path: Path) -> None:
    logits = np.array([1, -1, 2, 1, 1, 1], np.float32)
    heat = np.zeros((40, 60), np.float32)
    found = write_mistakes(
        tmp_path, tmp_path, records, logits, threshold=0.5, explain=lambda *_: heat
    )
    assert [mistake.path for mistake in found] == ["'=b.png", "=1+1.png"]
    assert read_mistakes(tmp_path) == found
    with (tmp_path / "mistakes.csv").open(newline="", encoding="utf-8") as file:
        assert [row["path"] for row in csv.DictReader(file)] == ["''=b.png", "'=1+1.png"]


def test_a_table_that_leads_out_of_its_folder_is_refused(tmp_path: Path) -> None:
    header = "picture,path,patient,kind,label,probability,threshold,in_lungs"
    (tmp_path / "mistakes.csv").write_text(f"{header}\n../../x.png,a,b,c,1,0.5,0.6,\n")
    with pytest.raises(ValueError, match="expected the name of a picture"):
        read_mistakes(tmp_path)
    assert read_mistakes(tmp_path / "nowhere") == []


def test_the_miss_among_the_cases_is_found_as_one(tmp_path: Path) -> None:
    """The bundled model's own misses among the radiographs that the page shows."""
    cases = read_cases().radiographs
    classifier = Classifier.load()
    records = [
        make_record(FOLDER, case.path, int(case.expected == "PNEUMONIA"), split="examples")
        for case in cases
    ]
    answers = np.array(
        [classifier.predict_ungated(read_radiograph(case.path))[0] for case in cases]
    )
    logits = np.log(answers / (1 - answers)).astype(np.float32)
    found = write_bundle_mistakes(tmp_path, classifier.bundle, FOLDER, records, logits)
    threshold = classifier.bundle.operating_points.threshold
    missed = {
        case.path.name
        for case, answer in zip(cases, answers, strict=True)
        if case.expected == "PNEUMONIA" and answer < threshold
    }
    assert missed
    assert missed <= {mistake.path for mistake in found if mistake.label == 1}
    assert found[0].path in missed  # the most confident one
    assert all(mistake.in_lungs is None or 0 < mistake.in_lungs <= 1 for mistake in found)
    assert any(mistake.in_lungs for mistake in found)
