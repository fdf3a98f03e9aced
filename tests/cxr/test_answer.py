"""An answer and its record: each figure follows from the maps, and stands under its own name."""

from __future__ import annotations

import dataclasses
import io
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from cxr.checker import evidence_by_place
from cxr.classifier import Classifier, Prediction
from cxr.messages import Message, sentences
from cxr.model.heatmap import MIN_SHOWN
from cxr.outcome import answer_file
from cxr.output.record import to_record
from cxr.reading.radiograph import Radiograph, read_radiograph


@pytest.fixture
def radiograph(image_file: Path) -> Radiograph:
    return read_radiograph(image_file)


@pytest.fixture
def prediction(tiny_classifier: Classifier, radiograph: Radiograph) -> Prediction:
    return tiny_classifier.predict(radiograph)


def log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))


def test_the_probability_follows_from_the_map(
    prediction: Prediction, tiny_classifier: Classifier
) -> None:
    assert prediction.evidence
    points = tiny_classifier.bundle.operating_points
    expected = points.probability(prediction.evidence.logit())
    assert prediction.probability == pytest.approx(expected, abs=1e-6)
    np.testing.assert_array_equal(prediction.map, np.maximum(prediction.evidence.evidence, 0))


def test_where_the_strongest_heat_cannot_be_told_from_grey_there_is_none(
    tiny_classifier: Classifier, radiograph: Radiograph, prediction: Prediction
) -> None:
    strongest = float(prediction.map.max())
    for seen, reference in ((False, strongest / 0.12), (True, strongest / 0.14)):
        heatmap = {**tiny_classifier.bundle.config["heatmap"], "reference": reference}
        config = {**tiny_classifier.bundle.config, "heatmap": heatmap}
        bundle = dataclasses.replace(tiny_classifier.bundle, config=config)
        checks = Classifier(bundle).predict(radiograph).checks
        assert (checks.worth != "none") == seen


def test_without_the_heat_the_places_that_are_shown_are_left_out_and_no_others(
    prediction: Prediction, tiny_classifier: Classifier
) -> None:
    bundle = tiny_classifier.bundle
    shown = prediction.map >= MIN_SHOWN * bundle.heatmap_reference
    assert prediction.evidence
    assert 0 < shown.sum() < shown.size
    left = prediction.evidence.logit(shown.astype(np.float32))
    without, explained = prediction.checks.without, prediction.checks.explained
    assert without == pytest.approx(bundle.operating_points.probability(left), abs=1e-6)
    assert explained == pytest.approx(log_odds(prediction.probability) - log_odds(without))
    assert explained > 0


def test_the_evidence_is_placed_by_the_lungs_of_this_radiograph(prediction: Prediction) -> None:
    lungs = prediction.gate_result.lungs
    assert lungs
    assert prediction.checks.places == evidence_by_place(prediction.map, lungs)


def test_what_is_known_to_be_a_radiograph_gets_the_same_answer(
    prediction: Prediction, tiny_classifier: Classifier, radiograph: Radiograph
) -> None:
    probability, heatmap = tiny_classifier.predict_ungated(radiograph)
    assert probability == pytest.approx(prediction.probability, abs=1e-6)
    np.testing.assert_allclose(heatmap, prediction.heatmap, atol=1e-4)


def test_outside_the_models_range_no_verdict_is_shown(prediction: Prediction) -> None:
    adult = dataclasses.replace(prediction.gate_result, warnings=(Message("adult"),))
    outside = dataclasses.replace(prediction, gate_result=adult)
    assert prediction.shown_verdict(0.0) == "PNEUMONIA"
    assert outside.shown_verdict() == outside.shown_verdict(0.0) == "OUTSIDE"
    said = [message.code for message in prediction.remarks()]
    assert said[-1].startswith("views_")
    assert [message.code for message in outside.remarks()] == said[:-1]


def test_single_views_are_held_to_the_threshold_that_decides(prediction: Prediction) -> None:
    views = dataclasses.replace(prediction.checks, variants={"mirrored": 0.6})
    answer = dataclasses.replace(prediction, probability=0.8, checks=views)
    assert not answer.holds()  # uncertain below the model's 0.7
    assert answer.holds(0.5)
    assert not answer.holds(0.7)


@pytest.mark.parametrize("threshold", [None, 0.0, 0.25, 1.0])
def test_a_record_says_what_was_found(
    prediction: Prediction,
    tiny_classifier: Classifier,
    image_file: Path,
    threshold: float | None,
) -> None:
    outcome = answer_file(image_file, tiny_classifier, file="folder/image.png")
    # Of two views with another verdict from 0.25 on, and one effect larger than the other.
    views = dataclasses.replace(prediction.checks, variants={"mirrored": 0.2, "moved up": 0.3})
    answer = dataclasses.replace(prediction, probability=0.3, checks=views)
    record = to_record(
        dataclasses.replace(outcome, prediction=answer), tiny_classifier, threshold=threshold
    )
    assert record["probability"] == 0.3
    assert record["label"] == answer.verdict(threshold)
    evidence, blurring = record["evidence"], views.blurring
    assert evidence
    assert blurring
    assert blurring.strongest != pytest.approx(blurring.elsewhere, abs=1e-3)
    assert evidence["blurring"] == {
        "strongest_tenth": pytest.approx(blurring.strongest, abs=1e-4),
        "elsewhere": pytest.approx(blurring.elsewhere, abs=1e-4),
    }
    assert evidence["places"] == pytest.approx(views.places, abs=1e-4)
    assert evidence["variants"] == views.variants
    assert evidence["verdict_holds"] == (threshold != 0.25)
    assert evidence["text"] == sentences(answer.remarks(threshold))


def test_a_record_keeps_the_digits_of_its_probability(
    tiny_classifier: Classifier, image_file: Path
) -> None:
    outcome = answer_file(image_file, tiny_classifier, file="image.png")
    assert outcome.prediction
    record = to_record(outcome, tiny_classifier, threshold=None)
    assert record["probability"] == pytest.approx(outcome.prediction.probability, abs=1e-6)


def test_a_record_warns_of_what_lies_outside_the_models_range(
    tiny_classifier: Classifier, image_file: Path
) -> None:
    small = cv2.resize(cv2.imread(str(image_file)), (120, 100), interpolation=cv2.INTER_AREA)
    content = cv2.imencode(".png", small)[1].tobytes()
    outcome = answer_file(content, tiny_classifier, file="folder/small.png")
    record = to_record(outcome, tiny_classifier, threshold=None)
    assert record["in_range"] is False
    (warning,) = record["warnings"]
    assert "120×100 pixels" in warning
    assert record["reasons"] == []


@pytest.mark.parametrize(
    ("kind", "status"), [("GIF", "refused"), ("broken", "error"), ("gradient", "refused")]
)
def test_what_is_of_another_kind_is_refused_and_what_is_broken_an_error(
    tiny_classifier: Classifier, gradient_file: Path, kind: str, status: str
) -> None:
    contents = {
        "GIF": b"GIF89a" + bytes.fromhex("4000400080000000000000ffffff2c00000000400040000002"),
        "broken": b"nothing",
        "gradient": gradient_file.read_bytes(),
    }
    outcome = answer_file(contents[kind], tiny_classifier, file=f"folder/{kind}")
    assert outcome.status == status
    assert outcome.answer is None
    assert outcome.why
    assert not outcome.too_large
    assert "folder" not in sentences(outcome.why)


def test_a_radiograph_that_memory_is_short_for_ends_nothing(
    tiny_classifier: Classifier, image_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(tiny_classifier, "predict", fails)
    outcome = answer_file(image_file, tiny_classifier, file="large.jpeg")
    assert (outcome.status, outcome.too_large) == ("error", True)
    assert outcome.why == (Message("no_memory"),)


def test_a_radiograph_that_is_too_large_is_an_error_that_says_so(
    tiny_classifier: Classifier,
) -> None:
    picture = io.BytesIO()
    Image.new("1", (10_000, 5001)).save(picture, "PNG")
    outcome = answer_file(picture.getvalue(), tiny_classifier, file="large.png")
    assert (outcome.status, outcome.too_large) == ("error", True)
