"""The files of the cases in `examples/`, and what the bundled model says of each.

python -m training cases --data DIR
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    generate_uid,
)

from cxr.cases import CASES, Case, CaseAnswer, read_cases
from cxr.classifier import Classifier
from cxr.errors import CasesError
from cxr.outcome import answer_file
from cxr.output.overlay import png
from cxr.reading.radiograph import read_radiograph
from training.files import write_atomically

_MAX_SIDE = 1400
_MAX_BYTES = 300_000
_QUALITIES = (90, 85, 80, 75)  # of a JPEG, the first that keeps within the bytes
_DICOM_SIDE = 640
_DICOM_SPACING = 0.4  # mm; made up, as is all of the header
_ANSWER = re.compile(r"^answer = .*$", re.MULTILINE)

Pixels = npt.NDArray[np.uint8]


def write_files(folders: Sequence[Path], examples: Path) -> list[Path]:
    """Write every case's file anew: radiographs of the data set, the DICOM file, the drawing.

    A radiograph of at most `_MAX_SIDE` pixels and `_MAX_BYTES` is copied as it is; a larger one is
    scaled down and saved as JPEG again.

    Args:
        folders: where the radiographs are searched for, the first that has one first.
        examples: folder of `cases.toml`.

    Returns:
        The files written.

    Raises:
        CasesError: a radiograph is in none of the folders, or the document is damaged.
    """
    cases = read_cases(examples, need_files=False)
    # A file of another kind is made from another case's, which has to be there before.
    for case in sorted(cases.cases, key=lambda case: bool(case.same_as)):
        if case.image:
            content = _jpeg(_find(case, folders))
        elif case.same_as:
            content = dicom(read_radiograph(cases.by_name[case.same_as].path).pixels)
        else:
            content = png(drawing())
        case.path.write_bytes(content)
    return [case.path for case in cases.cases]


def _find(case: Case, folders: Sequence[Path]) -> Path:
    found = next((path for folder in folders for path in sorted(folder.rglob(case.image))), None)
    if found is None:
        raise CasesError(
            f"{case.image}: in none of {', '.join(map(str, folders))}. Name the folder that has it "
            "with --data."
        )
    return found


def _jpeg(path: Path) -> bytes:
    """A radiograph as it is, or smaller."""
    content = path.read_bytes()
    pixels = np.rint(read_radiograph(path).pixels * 255).astype(np.uint8)
    scale = _MAX_SIDE / max(pixels.shape)
    if scale >= 1 and len(content) <= _MAX_BYTES:
        return content
    if scale < 1:
        height, width = (round(scale * side) for side in pixels.shape)
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    for quality in _QUALITIES:
        _, encoded = cv2.imencode(".jpeg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if len(encoded) <= _MAX_BYTES:
            break
    return encoded.tobytes()


def dicom(pixels: npt.NDArray[np.float32]) -> bytes:
    """A radiograph as a DICOM file of 12 bits, with a header that is made up and names nobody.

    Args:
        pixels: float32 (H, W) in [0, 1].
    """
    scale = _DICOM_SIDE / max(pixels.shape)
    height, width = (round(scale * side) for side in pixels.shape)
    small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    stored = np.rint(np.clip(small, 0, 1) * 4095).astype("<u2")
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    # From fixed words, so that the same radiograph gives the same file.
    study, series, image = (generate_uid(entropy_srcs=["cxr", word]) for word in ("1", "2", "3"))
    meta.MediaStorageSOPInstanceUID = image
    meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset = Dataset()
    dataset.file_meta = meta
    values = {
        "SOPClassUID": meta.MediaStorageSOPClassUID,
        "SOPInstanceUID": image,
        "StudyInstanceUID": study,
        "SeriesInstanceUID": series,
        "Modality": "DX",
        "PatientName": "",
        "PatientID": "EXAMPLE",
        "PatientIdentityRemoved": "YES",
        "DeidentificationMethod": "The header was made up",
        "BodyPartExamined": "CHEST",
        "ViewPosition": "AP",
        "PresentationIntentType": "FOR PRESENTATION",
        "PixelIntensityRelationship": "LOG",
        "ImagerPixelSpacing": [_DICOM_SPACING, _DICOM_SPACING],
        "PhotometricInterpretation": "MONOCHROME2",
        "PresentationLUTShape": "IDENTITY",
        "SamplesPerPixel": 1,
        "Rows": height,
        "Columns": width,
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "PixelData": stored.tobytes(),
    }
    for name, value in values.items():
        setattr(dataset, name, value)
    dataset["PixelData"].VR = "OW"
    with io.BytesIO() as file:
        dataset.save_as(file, enforce_file_format=True)
        return file.getvalue()


def drawing() -> Pixels:
    """A chest as a child would draw it: light lines on black, uint8 (H, W)."""
    paper = np.zeros((600, 720), np.uint8)
    for centre in (245, 475):
        cv2.ellipse(paper, (centre, 310), (95, 190), 0, 0, 360, 235, 5, cv2.LINE_AA)
        for row in range(225, 455, 56):
            cv2.ellipse(paper, (centre, row), (80, 26), 0, 200, 340, 235, 4, cv2.LINE_AA)
    cv2.circle(paper, (360, 70), 48, 235, 5, cv2.LINE_AA)
    cv2.line(paper, (360, 120), (360, 540), 235, 5, cv2.LINE_AA)
    for side in (-1, 1):
        cv2.line(paper, (360, 130), (360 + side * 230, 190), 235, 5, cv2.LINE_AA)
    return paper


def write_answers(examples: Path, classifier: Classifier) -> list[tuple[Case, CaseAnswer]]:
    """Write what the model says of each case into `cases.toml`; its other lines stay as they are.

    Returns:
        Each case, as it was before, with its new answer.

    Raises:
        CasesError: the document is damaged, or a file that it names is missing.
    """
    path = examples / CASES
    cases = read_cases(examples).cases
    answers = [answer_of(case, classifier) for case in cases]
    text = path.read_text(encoding="utf-8")
    if len(_ANSWER.findall(text)) != len(cases):
        raise CasesError(f"{path}: expected one line `answer = {{…}}` in each case.")
    lines = iter(map(_line, answers))
    written = _ANSWER.sub(lambda _: next(lines), text)
    write_atomically(path, lambda partial: partial.write_text(written, encoding="utf-8"))
    return list(zip(cases, answers, strict=True))


def answer_of(case: Case, classifier: Classifier) -> CaseAnswer:
    """What a model says of a case at its own thresholds."""
    outcome = answer_file(case.path, classifier, file=case.path.name)
    if outcome.answer is None:
        reasons = tuple(reason.code for reason in outcome.reasons)
        return CaseAnswer(status=outcome.status, reasons=reasons)
    _, prediction = outcome.answer
    return CaseAnswer(
        status=outcome.status,
        probability=round(prediction.probability, 6) if prediction.gate_result.in_range else None,
        verdict=prediction.shown_verdict(),
    )


def _line(answer: CaseAnswer) -> str:
    """An answer as TOML, on one line."""

    def fields() -> Iterator[str]:
        yield f'status = "{answer.status}"'
        if answer.probability is not None:
            yield f"probability = {answer.probability:.6f}"
        if answer.verdict is not None:
            yield f'verdict = "{answer.verdict}"'
        if answer.reasons:
            yield f"reasons = {json.dumps(answer.reasons)}"

    return f"answer = {{ {', '.join(fields())} }}"
