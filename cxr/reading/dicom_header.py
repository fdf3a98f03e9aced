"""What a DICOM header says of how a radiograph was taken; never of whom, but for an age."""

from __future__ import annotations

import re
from datetime import date

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from cxr.messages import Message
from cxr.reading.acquisition import Acquisition

# Projection radiographs and captures of anything (PS3.3 section C.7.3.1.1.1). RG was a
# radiograph's.
_RADIOGRAPHS = {"CR", "DX", "RG", "SC", "OT", ""}
_LATERAL = {"LL", "RL", "LATERAL", "LAT", "LLAT", "RLAT"}
# The same as codes of SNOMED CT, and in words for those of earlier code systems (PS3.16 CID 4010).
_LATERAL_CODES = {"399067008", "399198007", "399173006", "399352003", "399260004"}
_LATERAL_MEANINGS = {"LATERAL", "LEFT LATERAL", "RIGHT LATERAL", "LATERAL-MEDIAL", "MEDIAL-LATERAL"}
_DAYS_A_YEAR = 365.25
_YEARS_FROM = 18  # an age without a unit is of years from here on
_OLDEST = 110  # years; 1900 is a placeholder for an unknown birth date


def read_header(dataset: Dataset) -> Acquisition:
    """What the header says of how the radiograph was taken; of the patient, an age alone.

    What is not there, or has not the form that it should have, is left out.
    """
    view = _word(dataset, "ViewPosition")
    # Rows that lead to front or back were taken from the side (PS3.3 section C.7.6.1.1.1).
    orientation = [str(way).upper() for way in dataset.get("PatientOrientation") or []]
    sideways = bool(orientation) and orientation[0][:1] in ("A", "P")
    at_detector = _spacing(dataset, "ImagerPixelSpacing")
    return Acquisition(
        modality=_word(dataset, "Modality"),
        view=view,
        body_part=_word(dataset, "BodyPartExamined") or _meaning(dataset, "AnatomicRegionSequence"),
        lateral=view in _LATERAL or sideways or _is_coded_lateral(dataset),
        age=_age(dataset),
        pixel_spacing=_spacing(dataset, "PixelSpacing") or at_detector,
        # Where both are alike, nothing was corrected (PS3.3 section 10.7.1.3).
        spacing_at_detector=at_detector is not None
        and _spacing(dataset, "PixelSpacing") in (None, at_detector),
        burned_in=_word(dataset, "BurnedInAnnotation") == "YES",
    )


def other_modality(acquisition: Acquisition) -> Message | None:
    """Why no radiograph was taken, if the header says how it was; None if one may have been."""
    modality = acquisition.modality or ""
    if modality in _RADIOGRAPHS:
        return None
    return Message("dicom_modality", {"modality": modality})


def _word(dataset: Dataset, keyword: str) -> str | None:
    """A code string (PS3.5 section 6.2: 16 capitals, digits, spaces); None if it is none."""
    word = str(dataset.get(keyword) or "").strip().upper()
    return word if re.fullmatch(r"[A-Z0-9_ ]{1,16}", word) else None


def _coded(dataset: Dataset, keyword: str) -> Dataset | None:
    """The one item of a sequence of codes; None if there is none, or what is there is no code."""
    items = dataset.get(keyword)
    return items[0] if isinstance(items, Sequence) and len(items) == 1 else None


def _meaning(dataset: Dataset, keyword: str) -> str | None:
    code = _coded(dataset, keyword)
    return None if code is None else _word(code, "CodeMeaning")


def _is_coded_lateral(dataset: Dataset) -> bool:
    """Whether the view is lateral by its code, which DX files have (PS3.3 section C.8.11.5)."""
    code = _coded(dataset, "ViewCodeSequence")
    if code is None:
        return False
    said = str(code.get("CodeMeaning") or "").strip().upper()
    return str(code.get("CodeValue")) in _LATERAL_CODES or said in _LATERAL_MEANINGS


def _age(dataset: Dataset) -> float | None:
    unless_dated = None
    found = re.fullmatch(r"(\d{1,3})\s*([DWMY]?)", str(dataset.get("PatientAge") or "").strip())
    if found:
        days = {"D": 1.0, "W": 7.0, "M": _DAYS_A_YEAR / 12}.get(found[2], _DAYS_A_YEAR)
        years = int(found[1]) * days / _DAYS_A_YEAR
        is_placeholder = found[2] == "Y" and years == 0
        may_be_months = not found[2] and years < _YEARS_FROM
        if not (is_placeholder or may_be_months):
            return years
        unless_dated = 0.0 if is_placeholder else None  # or an infant's, in whole years
    try:
        born, taken = (
            date.fromisoformat(str(dataset.get(keyword)))
            for keyword in ("PatientBirthDate", "StudyDate")
        )
    except ValueError:
        return unless_dated
    # Whole on a birthday, which the mean length of a year would miss by hours.
    had_birthday = (taken.month, taken.day) >= (born.month, born.day)
    whole = taken.year - born.year - (not had_birthday)
    years = min(max((taken - born).days / _DAYS_A_YEAR, whole), whole + 0.999)
    return years if 0 <= years < _OLDEST else None


def _spacing(dataset: Dataset, keyword: str) -> tuple[float, float] | None:
    try:
        rows, columns = dataset.get(keyword)
        spacing = (float(rows), float(columns))
    except (TypeError, ValueError):
        return None
    return spacing if min(spacing) > 0 and max(spacing) < 10 else None
