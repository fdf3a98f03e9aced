"""The cases: whom they show, and whether the stored answers are still the bundled model's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cxr.cases import CASES, FOLDER, Case, CaseAnswer, read_cases
from cxr.classifier import Classifier
from cxr.errors import CasesError
from cxr.language import LANGUAGES
from cxr.model.bundle import load_bundle
from cxr.reading.radiograph import read_radiograph
from training.data.case_files import answer_of
from training.data.dataset import make_record
from training.data.reserved import reserved_patients

ALL = read_cases()
TELLING = ("pneumon", "normal", "bacter", "bactér", "vir", "miss", "alarm", "manqu", "faux")


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier(load_bundle())


@pytest.mark.parametrize("case", ALL.cases, ids=lambda case: case.name)
def test_the_bundled_model_still_says_what_is_stored(case: Case, classifier: Classifier) -> None:
    """After a new model: python -m training cases."""
    answer = answer_of(case, classifier)
    assert (answer.status, answer.verdict) == (case.answer.status, case.answer.verdict)
    assert set(answer.reasons) == set(case.answer.reasons)
    assert answer.probability == pytest.approx(case.answer.probability, abs=0.01)


def test_they_show_what_a_reader_should_see_once() -> None:
    assert 12 <= len(ALL.radiographs) <= 16
    assert {case.label for case in ALL.cases} == {"normal", "bacterial", "viral", "none"}
    comparisons = {case.comparison for case in ALL.radiographs}
    assert {"agrees", "undecided_positive"} <= comparisons
    assert comparisons & {"undecided_negative", "false_positive"}
    assert any(case.answer.status == "refused" for case in ALL.cases)
    threshold = load_bundle().operating_points.threshold
    answered = [case.answer.probability for case in ALL.radiographs]
    assert any(abs(probability - threshold) < 0.1 for probability in answered if probability)


def test_they_are_of_patients_whom_no_training_includes() -> None:
    kinds = {"bacteria": "bacterial", "virus": "viral", "normal": "normal"}
    for case in ALL.radiographs:
        label = int(case.label != "normal")
        record = make_record(FOLDER, FOLDER / case.image, label, split="train")
        assert record.patient in reserved_patients(), case.name
        assert kinds[record.kind] == case.label, case.name


def test_neither_name_nor_title_gives_the_label_away() -> None:
    for case in ALL.cases:
        for text in (case.name, case.path.name, *case.title.values()):
            assert not [word for word in TELLING if word in text.lower()], text


def test_every_text_is_in_both_languages() -> None:
    texts = [case.title for case in ALL.cases] + [case.look for case in ALL.cases]
    for said in [*texts, *(step.say for step in ALL.tour)]:
        assert said.keys() == set(LANGUAGES)
        assert len(set(said.values())) == len(LANGUAGES)
        for sentence in said.values():
            assert sentence == " ".join(sentence.replace("\xa0", "_").split()).replace("_", "\xa0")


def test_the_tour_says_what_is_so() -> None:
    assert 5 <= len(ALL.tour) <= 6
    toured = {step.case: ALL.by_name[step.case] for step in ALL.tour}
    assert toured["first-look"].comparison == "agrees"
    assert toured["behind-the-heart"].label == "viral"
    assert toured["wide-mediastinum"].answer.verdict == "UNCERTAIN"
    assert toured["dark-lungs"].comparison == "missed"
    assert toured["drawing"].answer.status == "refused"


def test_the_sources_name_each_file_and_its_radiograph() -> None:
    sources = (FOLDER / "SOURCES.md").read_text(encoding="utf-8")
    for case in ALL.cases:
        row = next(line for line in sources.splitlines() if f"`{case.path.name}`" in line)
        assert (case.image or case.same_as or "code") in row


def test_they_are_small() -> None:
    for case in ALL.radiographs:
        assert case.path.stat().st_size <= 300_000
        assert max(read_radiograph(case.path).shape) <= 1400


def test_the_dicom_file_is_the_same_radiograph() -> None:
    case = ALL.by_name["dicom"]
    radiograph = read_radiograph(case.path)
    assert radiograph.acquisition.pixel_spacing == (0.4, 0.4)
    assert radiograph.acquisition.age is None
    same = ALL.by_name[case.same_as].answer.probability
    assert case.answer.probability == pytest.approx(same, abs=0.01)


def positive(**answer: object) -> Case:
    return Case(
        name="case",
        path=Path("case.jpeg"),
        label="viral",
        title={},
        look={},
        answer=CaseAnswer(status="ok", **answer),  # type: ignore[arg-type]
    )


def test_the_answer_is_compared_with_the_label() -> None:
    assert positive(verdict="PNEUMONIA").comparison == "agrees"
    assert positive(verdict="NORMAL").comparison == "missed"
    assert positive(verdict="UNCERTAIN").comparison == "undecided_positive"
    assert positive().comparison is None


def test_without_a_document_there_are_no_cases(tmp_path: Path) -> None:
    assert read_cases(tmp_path).cases == ()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "hila"', 'name = "first-look"', "first-look: expected a name of its own"),
        ('name = "hila"', 'name = "../hila"', "expected a name of its own"),
        ('label = "viral"', 'label = "fungal"', "expected one of the labels"),
        ('file = "hila.jpeg"', 'file = "gone.jpeg"', r"hila: gone\.jpeg is missing"),
        ('same_as = "arms-and-jaw"', 'same_as = "nobody"', "no case 'nobody'"),
        ('\ncase = "drawing"', '\ncase = "nobody"', "tour: there is no case 'nobody'"),
        ('title.en = "A drawing"', "", "lacks a field"),
        ("[[cases]]", "[[cases", "cannot be read as TOML"),
    ],
)
def test_a_damaged_document_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    document = (FOLDER / CASES).read_text(encoding="utf-8")
    assert old in document
    (tmp_path / CASES).write_text(document.replace(old, new, 1), encoding="utf-8")
    for case in ALL.cases:
        shutil.copy(case.path, tmp_path)
    with pytest.raises(CasesError, match=message):
        read_cases(tmp_path)
