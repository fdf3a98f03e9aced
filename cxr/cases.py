"""Reads `examples/cases.toml`: radiographs that teach, with their labels and the model's answers.

Each case is a radiograph of the training split of chest_xray, of a patient whom no training
includes, or a file that shows what else the page does. The page, the studio and the tests take
their examples from here; `python -m training cases` writes the files and the answers.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from cxr.classifier import ShownVerdict
from cxr.errors import CasesError
from cxr.language import LANGUAGES, Language, keep_together
from cxr.model.operating_points import Verdict
from cxr.outcome import Status

FOLDER = Path(__file__).parents[1] / "examples"
CASES = "cases.toml"

Label = Literal["normal", "bacterial", "viral", "none"]
Comparison = Literal[
    "agrees", "missed", "false_positive", "undecided_positive", "undecided_negative"
]
Texts = dict[Language, str]  # a sentence in each language
_NAME = re.compile(r"[a-z]+(-[a-z]+)*")


@dataclass(frozen=True, kw_only=True)
class CaseAnswer:
    """What the bundled model says of a case, at its own thresholds.

    Attributes:
        status: what became of the file.
        probability: of pneumonia, if the file was answered and is within the model's range.
        verdict: if the file was answered; OUTSIDE where the model's range does not reach.
        reasons: codes of the messages that say why the gate refused it, if it did.
    """

    status: Status
    probability: float | None = None
    verdict: ShownVerdict | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Case:
    """One example.

    Attributes:
        name: in links; it does not give the label away.
        path: of the file.
        label: of the data set; ``"none"`` for what is no radiograph.
        title: in each language; it does not give the label away.
        look: what to look at, one sentence in each language.
        answer: of the bundled model.
        image: what the radiograph is called in chest_xray; empty if it is not one of its own.
        same_as: name of the case whose radiograph this file shows, too; empty if none.
    """

    name: str
    path: Path
    label: Label
    title: Texts
    look: Texts
    answer: CaseAnswer
    image: str = ""
    same_as: str = ""

    @property
    def expected(self) -> Verdict | None:
        """The verdict that agrees with the label; None for what is no radiograph."""
        if self.label == "none":
            return None
        return "NORMAL" if self.label == "normal" else "PNEUMONIA"

    @property
    def shows_radiograph(self) -> bool:
        """Whether it is a radiograph, and the first file that shows it."""
        return self.expected is not None and not self.same_as

    @property
    def in_quiz(self) -> bool:
        """Whether readers are asked about it, and compared with the model, which has to answer."""
        return self.shows_radiograph and self.answer.verdict != "OUTSIDE"

    @property
    def comparison(self) -> Comparison | None:
        """The model's answer compared with the label; None if there is no verdict or no label."""
        verdict = self.answer.verdict
        if verdict in (None, "OUTSIDE") or self.expected is None:
            return None
        positive = self.expected == "PNEUMONIA"
        if verdict == "UNCERTAIN":
            return "undecided_positive" if positive else "undecided_negative"
        if verdict == self.expected:
            return "agrees"
        return "missed" if positive else "false_positive"


@dataclass(frozen=True)
class Step:
    """A step of the guided tour.

    Attributes:
        case: name of the case to open.
        say: a sentence on it in each language.
    """

    case: str
    say: Texts


@dataclass(frozen=True)
class Cases:
    """All cases and the guided tour, in the order in which they are shown."""

    cases: tuple[Case, ...] = ()
    tour: tuple[Step, ...] = ()

    @property
    def radiographs(self) -> tuple[Case, ...]:
        """The cases that show a radiograph of their own."""
        return tuple(case for case in self.cases if case.shows_radiograph)

    @cached_property
    def by_name(self) -> dict[str, Case]:
        """The cases by their names."""
        return {case.name: case for case in self.cases}


def read_cases(folder: Path = FOLDER, *, need_files: bool = True) -> Cases:
    """The cases of a folder; none if it has no document of cases, as in an installed package.

    Args:
        folder: of the document and the files.
        need_files: False before the files are written.

    Raises:
        CasesError: the document is damaged, or names a file or a case that does not exist.
    """
    path = folder / CASES
    if not path.exists():
        return Cases()
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CasesError(f"{path}: cannot be read as TOML ({error}).") from error
    try:
        cases = Cases(
            tuple(_case(entry, folder) for entry in document["cases"]),
            tuple(Step(entry["case"], _texts(entry["say"])) for entry in document["tour"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise CasesError(
            f"{path}: an entry lacks a field, or has one of another kind ({error!r}). "
            "The head of the document lists the fields."
        ) from error
    _check(cases, path, need_files=need_files)
    return cases


def _case(entry: Mapping[str, Any], folder: Path) -> Case:
    answer = dict(entry["answer"])
    return Case(
        name=entry["name"],
        path=folder / entry["file"],
        label=entry["label"],
        title=_texts(entry["title"]),
        look=_texts(entry["look"]),
        answer=CaseAnswer(**answer | {"reasons": tuple(answer.get("reasons", ()))}),
        image=entry.get("image", ""),
        same_as=entry.get("same_as", ""),
    )


def _texts(entry: Mapping[str, str]) -> Texts:
    return {language: keep_together(entry[language], language) for language in LANGUAGES}


def _check(cases: Cases, path: Path, *, need_files: bool) -> None:
    """Raise a CasesError for what the types do not say."""
    names = [case.name for case in cases.cases]
    known = set(names)
    for case in cases.cases:
        fault = None
        if not _NAME.fullmatch(case.name) or names.count(case.name) > 1:
            fault = "expected a name of its own, of small letters and hyphens"
        elif case.label not in get_args(Label):
            fault = f"expected one of the labels {get_args(Label)}. Received: {case.label!r}"
        elif case.same_as and case.same_as not in known:
            fault = f"same_as: there is no case {case.same_as!r}"
        elif need_files and not case.path.is_file():
            fault = (
                f"{case.path.name} is missing. Copy it again, or write it with "
                "`python -m training cases --data DIR`"
            )
        if fault:
            raise CasesError(f"{path}: {case.name}: {fault}.")
    for step in cases.tour:
        if step.case not in known:
            raise CasesError(f"{path}: tour: there is no case {step.case!r}.")
