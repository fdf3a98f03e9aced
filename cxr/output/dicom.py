"""An answer as DICOM objects, for archives that read nothing else: research use, and said so.

A Secondary Capture of the radiograph with its heatmap (PS3.3 section A.8.4) and a Comprehensive SR
(section A.35.3, template TID 1500) with probability, thresholds, verdict, and in words what limits
them. By default they name nobody; asked to, they keep the identifiers of the study that the
radiograph is from, by which an archive files them, and the capture says of which image it is.

Nothing else is taken over from the radiograph's header but the orientation of its pixels, whether
text is in them and how they were compressed, each only in its own form. The Basic Application Level
Confidentiality Profile (PS3.15, Annex E) removes or replaces all that is kept, so files with
identifiers say that the patient's identity is in them. Files without say nothing of it: that it was
removed could be said only if the pixels had been looked at for text, too (PS3.3, Patient Identity
Removed).
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

import highdicom as hd
import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from cxr.classifier import Prediction
from cxr.errors import UnreadableRadiograph
from cxr.language import Language
from cxr.messages import Message
from cxr.model.bundle import Bundle
from cxr.output.dicom_report import MANUFACTURER, SERIES, in_unicode, structured_report
from cxr.output.overlay import NOTICE, captioned_overlay
from cxr.reading.quiet_pydicom import quietly
from cxr.reading.radiograph import Radiograph

_KEPT = (  # with identifiers
    "PatientID",
    "IssuerOfPatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
)
_DATE = r"\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"
# Optional values of a wrong form are left empty (PS3.5 section 6.2).
_FORMS = {
    "PatientBirthDate": _DATE,
    "PatientSex": r"[MFO]",
    "StudyDate": _DATE,
    "StudyTime": r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?",
    "PatientOrientation": r"[APRLHF]{1,3}",
    "BurnedInAnnotation": r"YES|NO",
    "LossyImageCompression": r"01",
    "LossyImageCompressionRatio": r"[0-9.]{1,16}",
    "LossyImageCompressionMethod": r"ISO_[0-9]{4,5}_[0-9]{1,2}",
}
# Of an image that was once compressed with loss, whatever became of it.
_LOSSY = (
    "LossyImageCompression",
    "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
)


@dataclass(frozen=True, kw_only=True)
class DicomObjects:
    """Two files.

    Attributes:
        capture: a Secondary Capture of the radiograph with its heatmap.
        report: a Comprehensive SR that refers to it.
    """

    capture: bytes
    report: bytes


def dicom_objects(
    content: bytes,
    radiograph: Radiograph,
    prediction: Prediction,
    bundle: Bundle,
    *,
    threshold: float | None = None,
    language: Language = "en",
    keep_identifiers: bool = False,
    withheld: bool = False,
) -> DicomObjects:
    """Write an answer as DICOM.

    Args:
        content: of the DICOM file that the radiograph is from.
        radiograph: as it was read from there.
        prediction: its answer.
        bundle: the model that gave it.
        threshold: the reader's own; the model's if None.
        language: of the words in both; the report's codes are the same in all.
        keep_identifiers: whether patient and study are named as in the radiograph's header.
        withheld: show the radiograph without its heatmap.

    Raises:
        UnreadableRadiograph: the header's identifiers cannot be carried over.
    """
    picture = captioned_overlay(
        radiograph, prediction, bundle, language=language, withheld=withheld
    )
    try:
        with quietly():
            study = _study(content, keep_identifiers=keep_identifiers)
            capture = _capture(picture, study)
            report = structured_report(capture, prediction, bundle, threshold, language)
            if keep_identifiers:
                for made in (capture, report):
                    made.PatientIdentityRemoved = "NO"
                    if study.IssuerOfPatientID:
                        made.IssuerOfPatientID = study.IssuerOfPatientID
            return DicomObjects(capture=_bytes(capture), report=_bytes(report))
    except Exception as error:
        message = Message("header_not_kept", {"error": type(error).__name__})
        raise UnreadableRadiograph(message, name=radiograph.name) from None


def _study(content: bytes, *, keep_identifiers: bool) -> Dataset:
    """What the header says of patient and study; made up where it is silent or not to be said."""
    known = pydicom.dcmread(io.BytesIO(content), force=True, stop_before_pixels=True)
    study = Dataset()
    for name in _KEPT:
        kept = (known.get(name) if keep_identifiers else None) or ""
        if isinstance(kept, MultiValue):
            raise ValueError(f"{name}: several values")
        setattr(study, name, str(kept) if _has_its_form(name, kept) else "")
    # The picture lies as the radiograph came, not as it was classified.
    for name in ("PatientOrientation", "BurnedInAnnotation"):
        setattr(study, name, _of_its_form(known, name) or "")
    if known.get("LossyImageCompression") == "01":
        for name in _LOSSY:
            if value := _of_its_form(known, name):
                setattr(study, name, value)
    if keep_identifiers:
        study.SourceImageSequence = _reference(known)
    if not study.StudyInstanceUID:
        study.StudyInstanceUID = generate_uid()
    if not UID(study.StudyInstanceUID).is_valid:
        raise ValueError("no valid UID")
    return study


def _has_its_form(name: str, value: object) -> bool:
    return bool(re.fullmatch(_FORMS.get(name, ".*"), str(value), re.DOTALL))


def _of_its_form(known: Dataset, name: str) -> list[str]:
    """The values of an element, or none if one has another form: free text may name somebody."""
    found = known.get(name)
    values = [] if found in (None, "") else found if isinstance(found, MultiValue) else [found]
    return list(map(str, values)) if all(_has_its_form(name, value) for value in values) else []


def _reference(image: Dataset) -> list[Dataset]:
    """The image that was answered, among others of its study; none if its header does not say."""
    source = Dataset()
    for name in ("SOPClassUID", "SOPInstanceUID"):
        uid = UID(str(image.get(name) or ""))
        if not uid.is_valid:
            return []
        setattr(source, f"Referenced{name}", uid)
    return [source]


def _capture(picture: npt.NDArray[np.uint8], study: Dataset) -> Dataset:
    capture = hd.sc.SCImage(
        pixel_array=picture,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "F"),  # asked for; what is known of it is put in below
        series_instance_uid=generate_uid(),
        series_number=SERIES,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        study_instance_uid=study.StudyInstanceUID,
        patient_id=study.PatientID,
        patient_name=study.PatientName,
        patient_birth_date=study.PatientBirthDate,
        patient_sex=study.PatientSex or None,
        study_id=study.StudyID,
        study_date=study.StudyDate or None,
        study_time=study.StudyTime or None,
        accession_number=study.AccessionNumber,
        referring_physician_name=study.ReferringPhysicianName,
    )
    capture.SeriesDescription = NOTICE
    capture.ConversionType = "WSD"  # made by a program
    for name in _LOSSY:
        if name in study:
            capture[name] = study[name]
    # The caption names no patient; whether the radiograph does, only its own header knows.
    if study.BurnedInAnnotation in ("YES", "NO"):
        capture.BurnedInAnnotation = study.BurnedInAnnotation
    capture.BodyPartExamined = "CHEST"
    capture.PatientOrientation = study.PatientOrientation
    if study.get("SourceImageSequence"):
        capture.SourceImageSequence = study.SourceImageSequence
    in_unicode(capture)
    return capture


def _bytes(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
