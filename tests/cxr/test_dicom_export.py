"""DICOM objects of an answer: valid, readable by others, and naming nobody unless asked to."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.datadict import DicomDictionary, dictionary_VR, keyword_for_tag

from cxr.classifier import Classifier
from cxr.errors import UnreadableRadiograph
from cxr.output.dicom import _KEPT, dicom_objects
from cxr.output.overlay import NOTICE
from cxr.reading.radiograph import read_radiograph
from tests.conftest import ROOT
from tests.cxr.dicom_files import SECRETS, DicomAnswer, content, files, header, make


def test_by_default_nobody_is_named(dicom_image: bytes, dicom_answer: DicomAnswer) -> None:
    objects = dicom_objects(dicom_image, *dicom_answer)
    for file in (objects.capture, objects.report):
        for secret in (*SECRETS.values(), "1.2.826.0.1.3680043.8.498.1\0"):
            assert secret.encode() not in file
    capture, report = files(objects)
    assert capture.StudyInstanceUID == report.StudyInstanceUID


def test_asked_to_they_belong_to_the_images_study(
    dicom_image: bytes, dicom_answer: DicomAnswer
) -> None:
    for dataset in files(dicom_objects(dicom_image, *dicom_answer, keep_identifiers=True)):
        assert dataset.PatientID == SECRETS["PatientID"]
        assert dataset.PatientName == SECRETS["PatientName"]
        assert dataset.StudyInstanceUID == "1.2.826.0.1.3680043.8.498.1"
        assert "InstitutionName" not in dataset
        assert dataset.SeriesDescription == NOTICE
    capture, _ = files(dicom_objects(dicom_image, *dicom_answer, keep_identifiers=True))
    (source,) = capture.SourceImageSequence  # among the images of the study
    original = pydicom.dcmread(io.BytesIO(dicom_image))
    assert source.ReferencedSOPInstanceUID == original.SOPInstanceUID
    assert source.ReferencedSOPClassUID == original.SOPClassUID


# What the Basic Application Level Confidentiality Profile does with the attributes that are kept
# (PS3.15, Table E.1-1): Z is replaced by nothing or a dummy, X is removed, U gets another UID.
PROFILE = {
    "PatientID": "Z",
    "IssuerOfPatientID": "X",
    "PatientName": "Z",
    "PatientBirthDate": "Z",
    "PatientSex": "Z",
    "StudyInstanceUID": "U",
    "StudyID": "Z",
    "StudyDate": "Z",
    "StudyTime": "Z",
    "AccessionNumber": "Z",
    "ReferringPhysicianName": "Z",
}


def test_all_that_is_kept_is_in_the_profile_and_goes_without_identifiers(
    dicom_image: bytes, dicom_answer: DicomAnswer
) -> None:
    assert set(_KEPT) == PROFILE.keys()
    kept = files(dicom_objects(dicom_image, *dicom_answer, keep_identifiers=True))
    without = files(dicom_objects(dicom_image, *dicom_answer))
    again = files(dicom_objects(dicom_image, *dicom_answer))
    for named, nameless, other in zip(kept, without, again, strict=True):
        assert named.PatientIdentityRemoved == "NO"
        # Not claimed: nobody has looked at the pixels.
        assert "PatientIdentityRemoved" not in nameless
        assert "DeidentificationMethod" not in nameless
        assert "SourceImageSequence" not in nameless
        for keyword, action in PROFILE.items():
            if action in ("X", "Z"):
                assert str(nameless.get(keyword) or "") == "", keyword
            else:
                assert nameless[keyword].value != named[keyword].value
                assert nameless[keyword].value != other[keyword].value


def test_nothing_else_of_the_header_gets_in(dicom_answer: DicomAnswer) -> None:
    """Every attribute that a DICOM dictionary knows of patient, study and place, in one header."""
    radiograph, _, _ = dicom_answer
    dataset = make(np.rint(radiograph.pixels * 4095).astype(np.uint16), bits=12)
    filled = []
    for tag in (
        tag
        for tag in DicomDictionary
        if tag >> 16 in (0x0008, 0x0010, 0x0012, 0x0018, 0x0020, 0x0032, 0x0038, 0x0040)
    ):
        keyword, vr = keyword_for_tag(tag), dictionary_VR(tag)
        if vr in ("LO", "SH", "PN", "LT", "ST", "UT", "UC", "AE") and keyword not in dataset:
            setattr(dataset, keyword, f"secret{tag:08x}"[:16])
            filled.append(keyword)
    assert len(filled) > 250
    objects = dicom_objects(content(dataset), *dicom_answer)
    assert b"secret" not in objects.capture + objects.report
    named = dicom_objects(content(dataset), *dicom_answer, keep_identifiers=True)
    for each in files(named):
        found = {element.keyword for element in each.iterall() if "secret" in str(element.value)}
        assert found - {"ContentSequence"} <= PROFILE.keys()


def test_what_is_kept_of_the_image_is_kept_in_its_own_form_alone(
    dicom_image: bytes, dicom_answer: DicomAnswer
) -> None:
    dataset = pydicom.dcmread(io.BytesIO(dicom_image))
    method = "MRN 4711 DOE"
    header(LossyImageCompression="01", LossyImageCompressionMethod=method)(dataset)
    header(PatientOrientation=["DOE JANE", "F"], BurnedInAnnotation="DOE")(dataset)
    objects = dicom_objects(content(dataset), *dicom_answer)
    assert b"DOE" not in objects.capture + objects.report
    assert files(objects)[0].LossyImageCompression == "01"


@pytest.mark.parametrize("says", ["YES", "NO", None])
def test_text_in_the_image_is_said_as_the_header_says_it(
    dicom_answer: DicomAnswer, says: str | None
) -> None:
    _, _, bundle = dicom_answer
    example = read_radiograph(ROOT / "examples" / "both-sides.jpeg")
    dataset = make(np.rint(example.pixels * 4095).astype(np.uint16), bits=12)
    if says:
        dataset.BurnedInAnnotation = says
    radiograph = read_radiograph(content(dataset), name="image.dcm")
    prediction = Classifier(bundle).predict(radiograph)
    warned = "burned_in" in [warning.code for warning in prediction.gate_result.warnings]
    assert warned == (says == "YES")
    capture, _ = files(dicom_objects(content(dataset), radiograph, prediction, bundle))
    assert capture.get("BurnedInAnnotation") == says


def test_markup_in_a_header_stays_text(dicom_answer: DicomAnswer) -> None:
    radiograph, _, _ = dicom_answer
    dataset = make(np.rint(radiograph.pixels * 4095).astype(np.uint16), bits=12)
    name = "<script>alert(1)</script>^=1+2"
    header(PatientName=name, PatientID="<b>=1+2")(dataset)
    for each in files(dicom_objects(content(dataset), *dicom_answer, keep_identifiers=True)):
        assert each.PatientName == name
        assert each.PatientID == "<b>=1+2"


def test_the_capture_shows_the_image_with_a_notice_below(
    dicom_image: bytes, dicom_answer: DicomAnswer
) -> None:
    radiograph, _, _ = dicom_answer
    capture, _ = files(dicom_objects(dicom_image, *dicom_answer))
    pixels = capture.pixel_array
    height, width = radiograph.shape
    assert pixels.shape[1:] == (width, 3)
    assert height < pixels.shape[0] < height + width / 7  # three lines
    assert pixels[height:].max() > 200  # something is written there


def test_names_of_any_script_and_the_images_own_orientation(dicom_answer: DicomAnswer) -> None:
    radiograph, _, _ = dicom_answer
    dataset = make(np.rint(radiograph.pixels * 4095).astype(np.uint16), bits=12)
    dataset.SpecificCharacterSet = "ISO_IR 144"
    header(PatientName="Иванов^Иван", PatientID="1", PatientOrientation=["R", "F"])(dataset)
    for named in files(dicom_objects(content(dataset), *dicom_answer, keep_identifiers=True)):
        assert named.PatientName == "Иванов^Иван"
    capture, _ = files(dicom_objects(content(dataset), *dicom_answer))
    assert list(capture.PatientOrientation) == ["R", "F"]
    assert capture.PatientName == ""


def test_what_may_be_empty_is_empty_where_its_form_is_wrong(
    dicom_image: bytes, dicom_answer: DicomAnswer
) -> None:
    dataset = pydicom.dcmread(io.BytesIO(dicom_image))
    odd = {"PatientSex": "?", "PatientBirthDate": "00000000", "StudyTime": "10:11:12"}
    header(**odd, StudyDate="20150230x", IssuerOfPatientID="a hospital")(dataset)
    for made in files(dicom_objects(content(dataset), *dicom_answer, keep_identifiers=True)):
        assert made.PatientID == SECRETS["PatientID"]
        assert made.IssuerOfPatientID == "a hospital"
        for keyword in (*odd, "StudyDate"):
            assert str(made.get(keyword) or "") == "", keyword


def test_several_values_are_not_written_as_one(
    dicom_image: bytes, dicom_answer: DicomAnswer
) -> None:
    dataset = pydicom.dcmread(io.BytesIO(dicom_image))
    header(AccessionNumber=["A", "B"])(dataset)
    with pytest.raises(UnreadableRadiograph, match="cannot be carried over"):
        dicom_objects(content(dataset), *dicom_answer, keep_identifiers=True)


def test_loss_is_said_for_good_and_the_language_is_the_reports_own(
    dicom_image: bytes, dicom_answer: DicomAnswer
) -> None:
    dataset = pydicom.dcmread(io.BytesIO(dicom_image))
    method = "ISO_10918_1"
    header(LossyImageCompression="01", LossyImageCompressionMethod=method)(dataset)
    capture, report = files(dicom_objects(content(dataset), *dicom_answer, language="fr"))
    assert (capture.LossyImageCompression, capture.LossyImageCompressionMethod) == ("01", method)
    assert capture.ConversionType == "WSD"
    (language,) = [
        item.ConceptCodeSequence[0]
        for item in report.ContentSequence
        if item.ConceptNameCodeSequence[0].CodeValue == "121049"
    ]
    assert (language.CodeValue, language.CodeMeaning) == ("fr", "French")


def test_a_header_that_cannot_be_carried_over(
    dicom_image: bytes, dicom_answer: DicomAnswer
) -> None:
    uid = b"1.2.826.0.1.3680043.8.498.1"
    damaged = dicom_image.replace(uid, b"Doe^Jane is not a number, so"[: len(uid)])
    assert damaged != dicom_image
    objects = dicom_objects(damaged, *dicom_answer)
    assert objects.capture
    with pytest.raises(UnreadableRadiograph, match="without the study's identifiers") as error:
        dicom_objects(damaged, *dicom_answer, keep_identifiers=True)
    assert "Doe" not in str(error.value)


@pytest.mark.parametrize("keep_identifiers", [False, True])
def test_another_program_finds_no_error(
    dicom_image: bytes, dicom_answer: DicomAnswer, tmp_path: Path, keep_identifiers: bool
) -> None:
    """dciodvfy of dicom3tools, where it is installed."""
    checker = shutil.which("dciodvfy")
    if not checker:
        pytest.skip("dciodvfy is not installed")
    objects = dicom_objects(dicom_image, *dicom_answer, keep_identifiers=keep_identifiers)
    for name in ("capture", "report"):
        path = tmp_path / f"{name}.dcm"
        path.write_bytes(getattr(objects, name))
        run = subprocess.run([checker, path], capture_output=True, text=True, check=False)
        assert not [line for line in run.stderr.splitlines() if line.startswith("Error")], (
            run.stderr
        )
