"""An answer as a DICOM Comprehensive SR (PS3.3 section A.35.3, template TID 1500)."""

from __future__ import annotations

from typing import Any

from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from cxr import __version__
from cxr.classifier import Prediction
from cxr.language import Language
from cxr.messages import Message, sentences, text
from cxr.model.bundle import Bundle
from cxr.output.overlay import NOTICE

MANUFACTURER = "cxr (research use only)"
SERIES = 9001  # of the capture; above what modalities number their series with
_SCHEME = "99CXR"  # codes of our own: no public one means a classifier's verdict


def structured_report(
    capture: Dataset,
    prediction: Prediction,
    bundle: Bundle,
    threshold: float | None,
    language: Language,
) -> Dataset:
    """A Comprehensive SR about a capture.

    Args:
        capture: the radiograph with its heatmap, of the same study.
        prediction: the answer.
        bundle: the model that gave it.
        threshold: the reader's own; the model's if None.
        language: of its words.
    """
    group = sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=generate_uid(), identifier="Image"),
        source_images=[sr.SourceImageForMeasurementGroup.from_source_image(capture)],
        measurements=_measurements(prediction, threshold, language),
        qualitative_evaluations=_evaluations(prediction, threshold, language),
    )
    spoken = {"en": "English", "fr": "French"}[language]
    content = sr.MeasurementReport(
        observation_context=_context(bundle),
        language_of_content_item_and_descendants=sr.LanguageOfContentItemAndDescendants(
            sr.CodedConcept(language, "RFC5646", spoken)
        ),
        procedure_reported=sr.CodedConcept("36554-4", "LN", "XR Chest Single view"),
        imaging_measurements=[group],
        title=sr.CodedConcept("126000", "DCM", "Imaging Measurement Report"),
    )
    content[0].ContentSequence.append(_in_words(prediction, threshold, language))
    report = sr.ComprehensiveSR(
        evidence=[capture],
        content=content,
        series_instance_uid=generate_uid(),
        series_number=SERIES + 1,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
        is_final=False,
        is_verified=False,
        series_description=NOTICE,
    )
    report.SoftwareVersions = __version__
    in_unicode(report)
    return report


def _context(bundle: Bundle) -> sr.ObservationContext:
    """The model as the device that observed."""
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=generate_uid(entropy_srcs=[bundle.sha256]),
        name=bundle.title,
        manufacturer_name=MANUFACTURER,
        model_name=bundle.sha256[:16],
    )
    return sr.ObservationContext(
        observer_device_context=sr.ObserverContext(
            observer_type=codes.DCM.Device, observer_identifying_attributes=device
        )
    )


def _evaluations(
    prediction: Prediction, threshold: float | None, language: Language
) -> list[sr.QualitativeEvaluation]:
    """The verdict, and what the heatmap is worth."""
    verdict, worth = prediction.shown_verdict(threshold), prediction.checks.worth
    return [
        sr.QualitativeEvaluation(
            name=_concept("VERDICT", text("verdict_research", language)),
            value=_concept(verdict, text(f"verdict_{verdict}", language)),
        ),
        sr.QualitativeEvaluation(
            name=_concept("EVIDENCE", text("evidence", language)),
            value=_concept(worth.upper(), text(f"worth_{worth}", language)),
        ),
    ]


def _measurements(
    prediction: Prediction, threshold: float | None, language: Language
) -> list[Any] | None:
    """The probability, and what decides; nothing where it cannot be interpreted."""
    if not prediction.gate_result.in_range:
        return None
    points = prediction.operating_points
    decides = (
        [("THRESHOLD", text("reader_threshold_sr", language), threshold)]
        if threshold is not None
        else [
            ("UNCERTAIN_FROM", text("uncertain_from", language), points.high_sensitivity),
            ("UNCERTAIN_BELOW", text("uncertain_below", language), points.high_specificity),
        ]
    )
    probability = ("PROBABILITY", text("probability", language), prediction.probability)
    return [_fraction(*each) for each in (probability, *decides)]


def _without_age(warning: Message) -> Message:
    """The warning without the patient's age, which is no part of an object that names nobody."""
    return Message("age_outside") if warning.code in ("age", "infant") else warning


def _in_words(prediction: Prediction, threshold: float | None, language: Language) -> Any:
    """What people have to read beside the numbers, as texts (TID 1500, Qualitative Evaluations)."""
    gate = prediction.gate_result
    texts = [
        [Message("report_disclaimer")],
        [Message("probability_holds") if gate.in_range else Message("report_outside")],
        *([_without_age(warning)] for warning in prediction.warnings),
        # Outside the model's range they would tell of probabilities, too.
        *([prediction.remarks(threshold)] if gate.in_range else []),
        [Message("not_excluded")],
        [Message("limits")],
    ]
    evaluations = sr.ContainerContentItem(
        name=sr.CodedConcept("C0034375", "UMLS", "Qualitative Evaluations"),
        relationship_type=sr.RelationshipTypeValues.CONTAINS,
    )
    evaluations.ContentSequence = sr.ContentSequence(
        [
            sr.TextContentItem(
                name=codes.DCM.Comment,
                value=sentences(messages, language),
                relationship_type=sr.RelationshipTypeValues.CONTAINS,
            )
            for messages in texts
        ]
    )
    return evaluations


def in_unicode(dataset: Dataset) -> None:
    """Names may be of any script: highdicom writes Latin-1 otherwise."""
    dataset.SpecificCharacterSet = "ISO_IR 192"


def _concept(code: str, meaning: str) -> Any:
    """A code of ours; DICOM allows 64 characters for its meaning."""
    return sr.CodedConcept(code, _SCHEME, meaning)


def _fraction(code: str, meaning: str, value: float) -> Any:
    return sr.Measurement(
        name=_concept(code, meaning),
        value=round(value, 6),
        unit=codes.UCUM.NoUnits,
    )
