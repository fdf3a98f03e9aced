"""The structured report of an answer: what it says, and what limits it."""

from __future__ import annotations

import dataclasses
import io

import pytest
from highdicom.sr import srread

from cxr.messages import Message, sentences, text
from cxr.output.dicom import DicomObjects, dicom_objects
from tests.cxr.dicom_files import DicomAnswer, files


def test_the_report_says_what_was_answered(dicom_image: bytes, dicom_answer: DicomAnswer) -> None:
    _, prediction, bundle = dicom_answer
    objects = dicom_objects(dicom_image, *dicom_answer, threshold=0.0, language="fr")
    report = srread(io.BytesIO(objects.report))
    (group,) = report.content.get_image_measurement_groups()
    values = {m.name.value: m.value for m in group.get_measurements()}
    assert values["PROBABILITY"] == pytest.approx(prediction.probability, abs=1e-6)
    assert values["THRESHOLD"] == 0
    assert values.keys() == {"PROBABILITY", "THRESHOLD"}
    verdict, evidence = group.get_qualitative_evaluations()
    assert verdict.value.value == "PNEUMONIA"
    assert verdict.name.meaning == text("verdict_research", "fr")
    assert evidence.value.value == prediction.checks.worth.upper()
    assert evidence.value.meaning == text(f"worth_{prediction.checks.worth}", "fr")
    assert report.VerificationFlag == "UNVERIFIED"
    capture, _ = files(objects)
    assert capture.SOPInstanceUID in str(report)
    assert f"{bundle.name} {bundle.version}" in str(report)


def in_words(objects: DicomObjects) -> list[str]:
    """The texts that a report says."""
    _, report = files(objects)
    return [
        item.TextValue
        for container in report.ContentSequence
        if container.ConceptNameCodeSequence[0].CodeValue == "C0034375"
        for item in container.ContentSequence
    ]


def test_by_the_models_rule_the_report_has_both_thresholds_and_says_what_limits_it(
    dicom_image: bytes, dicom_answer: DicomAnswer
) -> None:
    _, prediction, bundle = dicom_answer
    objects = dicom_objects(dicom_image, *dicom_answer)
    (group,) = srread(io.BytesIO(objects.report)).content.get_image_measurement_groups()
    values = {m.name.value: m.value for m in group.get_measurements()}
    points = bundle.operating_points
    assert values["UNCERTAIN_FROM"] == points.high_sensitivity
    assert values["UNCERTAIN_BELOW"] == points.high_specificity
    assert "THRESHOLD" not in values
    said = in_words(objects)
    assert said[0] == text("report_disclaimer", "en")
    assert "half of the children" in said[1]
    limits = [text("not_excluded", "en"), text("limits", "en")]
    assert said[-3:] == [sentences(prediction.remarks()), *limits]


def test_outside_the_models_range_there_is_no_number(
    dicom_image: bytes, dicom_answer: DicomAnswer
) -> None:
    radiograph, prediction, bundle = dicom_answer
    gate = dataclasses.replace(prediction.gate_result, warnings=(Message("adult"),))
    outside = dataclasses.replace(prediction, gate_result=gate)
    objects = dicom_objects(dicom_image, radiograph, outside, bundle)
    (group,) = srread(io.BytesIO(objects.report)).content.get_image_measurement_groups()
    assert not group.get_measurements()
    verdict, evidence = group.get_qualitative_evaluations()
    assert evidence.value.value == prediction.checks.worth.upper()  # the same word everywhere
    assert verdict.value.value == "OUTSIDE"
    said = in_words(objects)
    assert "cannot be interpreted" in said[1]
    assert not any("%" in one for one in said)
    assert sentences([Message("adult")]) in said
    within, beyond = (
        files(dicom_objects(dicom_image, radiograph, one, bundle))[0].pixel_array
        for one in (prediction, outside)
    )
    height, _ = radiograph.shape
    assert (within[height:] != beyond[height:]).any()  # the capture says so, too
