"""The checks, on images where the result is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from cxr.checker import Checker, blurred, evidence_by_place, variants
from cxr.checks import PLACES, Blurring, Checks, Place
from cxr.classifier import Classifier
from cxr.gate.lungs import LungFields, lung_fields
from cxr.messages import Message, sentences
from cxr.model.operating_points import OperatingPoints
from cxr.outcome import answer_file
from cxr.output.record import to_record

SIDE = 64
Image = npt.NDArray[np.float32]
Compute = Callable[[Image], Image]


@pytest.fixture
def fields() -> LungFields:
    lungs = np.zeros((SIDE, SIDE), dtype=np.float32)
    lungs[16:48, 10:26] = lungs[16:48, 38:54] = 1
    return lung_fields(lungs)


@pytest.mark.parametrize(
    ("place", "row", "column"),
    [
        ("lungs", 30, 15),
        ("between", 30, 32),
        ("above", 8, 32),
        ("below", 56, 20),
        ("below", 56, 32),
        ("beside", 30, 6),
        ("beside", 30, 58),
        ("above", 15, 20),  # beside each edge of the fields
        ("lungs", 16, 10),
        ("beside", 16, 9),
        ("between", 47, 37),
        ("below", 48, 38),
        ("edge", 2, 32),
        ("above", 3, 32),
        ("edge", 0, 32),
        ("edge", 30, 63),
    ],
)
def test_where_the_evidence_lies(fields: LungFields, place: Place, row: int, column: int) -> None:
    evidence = np.zeros((SIDE, SIDE), dtype=np.float32)
    evidence[row, column] = 3
    assert evidence_by_place(evidence, fields) == {name: float(name == place) for name in PLACES}


def test_lungs_that_reach_the_edge_are_lungs_there() -> None:
    lungs = np.zeros((SIDE, SIDE), dtype=np.float32)
    lungs[16:, 10:26] = lungs[16:, 38:54] = 1
    evidence = np.zeros((SIDE, SIDE), dtype=np.float32)
    evidence[SIDE - 1, 15] = 3
    assert evidence_by_place(evidence, lung_fields(lungs))["lungs"] == 1


def test_fractions_sum_to_one_and_are_zero_without_evidence(fields: LungFields) -> None:
    evidence = np.random.default_rng(0).random((12, 12), dtype=np.float32)
    assert sum(evidence_by_place(evidence, fields).values()) == pytest.approx(1, abs=1e-5)
    assert not any(evidence_by_place(np.zeros((12, 12), np.float32), fields).values())


def image_and_evidence() -> tuple[Image, Image]:
    """An image of sharp grain, and evidence in one corner of the right lung."""
    image = np.random.default_rng(0).random((SIDE, SIDE), dtype=np.float32)
    evidence = np.zeros((8, 8), dtype=np.float32)
    evidence[3:5, 1:3] = 1
    return image, evidence


def probability(logit: float) -> float:
    return float(1 / (1 + np.exp(-logit)))


@pytest.fixture
def check(fields: LungFields, points: OperatingPoints) -> Callable[[Compute], Checks]:
    """What a network that gives these logits is found to do."""

    def check(logits: Compute) -> Checks:
        image, evidence = image_and_evidence()
        views = variants(image)
        found = logits(np.stack(list(views.values()))).tolist()
        return Checker(logits, points, reference=1.0).check(
            image, evidence, fields, views=dict(zip(views, found, strict=True)), evidence=None
        )

    return check


def test_a_heatmap_that_explains_the_answer(check: Callable[[Compute], Checks]) -> None:
    def sharpness(images: Image) -> Image:
        """A network that goes by the grain where the evidence is, and by nothing else."""
        return 40 * images[:, 24:40, 8:24].std(axis=(1, 2))

    checks = check(sharpness)
    assert checks.blurring is not None
    assert checks.blurring.strongest > 1
    assert abs(checks.blurring.elsewhere) < 0.1
    assert "far more than blurring as much elsewhere" in sentences(checks.of_evidence())


def test_a_heatmap_that_does_not_explain_the_answer(
    check: Callable[[Compute], Checks],
) -> None:
    def elsewhere(images: Image) -> Image:
        return images[:, :10, 50:].mean(axis=(1, 2))

    checks = check(elsewhere)
    assert "does not explain this answer" in sentences(checks.of_evidence())


def test_the_variants_and_what_is_blurred(fields: LungFields) -> None:
    image, evidence = image_and_evidence()
    views = variants(image)
    assert list(views) == ["as it is", "mirrored", "moved up", "moved down"]
    np.testing.assert_array_equal(views["as it is"], image)
    np.testing.assert_array_equal(views["mirrored"], image[:, ::-1])
    soft = blurred(image, evidence)
    for images in (np.stack(list(views.values())), soft):
        assert images.dtype == np.float32
        assert images.shape[1:] == (SIDE, SIDE)
        assert images.min() >= 0
        assert images.max() <= 1
    # About a tenth of the image is blurred, each time.
    changed = [(np.abs(variant - image) > 1e-3).mean() for variant in soft]
    assert 0.08 < min(changed) <= max(changed) < 0.25


def test_what_is_blurred_loses_what_can_be_seen_there() -> None:
    """Stripes as wide as ribs, of which hardly anything is left; without it, nothing was tested."""
    stripes = np.tile(np.repeat([0.0, 1.0], 4), SIDE // 8).astype(np.float32)
    image = np.tile(stripes, (SIDE, 1))
    evidence = np.zeros((8, 8), dtype=np.float32)
    evidence[3:5, 3:5] = 1
    middle = blurred(image, evidence)[0, 30:34, 24:40]
    assert np.ptp(middle) < 0.2


def test_nothing_without_evidence_is_blurred_as_the_strongest() -> None:
    image = np.random.default_rng(0).random((SIDE, SIDE), dtype=np.float32)
    evidence = np.zeros((8, 8), dtype=np.float32)
    evidence[2, 2] = 1  # fewer pixels than a tenth
    changed = np.abs(blurred(image, evidence)[0] - image) > 0.02
    rows, columns = np.nonzero(changed)
    assert changed.any()
    assert max(rows.max(), columns.max()) < SIDE / 2


def test_the_moved_views_go_towards_two_corners() -> None:
    image = np.zeros((100, 100), np.float32)
    image[50, 50] = 1
    views = variants(image)
    found = {name: np.unravel_index(np.argmax(view), view.shape) for name, view in views.items()}
    assert found["moved up"] == (46, 46)
    assert found["moved down"] == (54, 54)


def test_blurring_is_compared_with_the_image_as_it_is(
    check: Callable[[Compute], Checks],
) -> None:
    checks = check(lambda images: np.arange(len(images), dtype=np.float32))
    assert checks.variants == {
        name: probability(logit)
        for logit, name in enumerate(variants(np.zeros((SIDE, SIDE), np.float32)))
    }
    assert checks.blurring == Blurring(strongest=0, elsewhere=-1.5)


@pytest.mark.parametrize(
    ("answer", "moved", "said"),
    [
        (0.8, 0.7, Message("views_agree", {"low": 70.0, "high": 80.0})),
        (0.8, 0.9, Message("views_agree", {"low": 75.0, "high": 90.0})),
        (0.8, 0.55, Message("views_differ", {"low": 55.0, "high": 80.0})),
        (0.55, 0.65, Message("views_differ", {"low": 55.0, "high": 75.0})),
    ],
)
def test_no_evidence_is_said_and_whether_the_verdict_holds(
    answer: float, moved: float, said: Message
) -> None:
    """Between the lowest and the highest probability lies the answer, too."""
    assert views(answer, {"mirrored": 0.75, "moved up": moved}) == said


def test_a_verdict_that_is_uncertain_each_time_is_said_to_be() -> None:
    said = Message("views_uncertain", {"low": 51.0, "high": 69.0})
    assert views(0.51, {"mirrored": 0.6, "moved up": 0.69}) == said


def views(answer: float, variants: dict[str, float]) -> Message:
    """What is said of an answer without evidence and of single views."""
    checks = Checks(places=dict.fromkeys(PLACES, 0.0), blurring=None, variants=variants)

    def verdict(probability: float) -> str:
        if 0.5 <= probability < 0.7:
            return "UNCERTAIN"
        return "PNEUMONIA" if probability >= 0.7 else "NORMAL"

    first, said = checks.messages(answer, verdict)
    assert first == Message("no_evidence")
    return said


@pytest.mark.parametrize(
    ("lungs", "message"),
    [
        (1.0, Message("evidence_lungs")),
        (0.75, Message("evidence_above", {"lungs": 75, "rest": 15})),
    ],
)
def test_where_most_of_the_other_evidence_lies_is_said(lungs: float, message: Message) -> None:
    rest = 1 - lungs
    checks = Checks(
        places={**dict.fromkeys(PLACES, 0.0), "lungs": lungs, "above": 0.6 * rest},
        blurring=Blurring(strongest=0.08, elsewhere=0.02),
        variants={},
    )
    assert checks.of_evidence() == [message, Message("blurring_matters_little")]


def checks_with(*, lungs: float, strongest: float) -> Checks:
    return Checks(
        places={**dict.fromkeys(PLACES, 0.0), "lungs": lungs, "between": 1 - lungs},
        blurring=Blurring(strongest=strongest, elsewhere=0.5),
        variants={},
    )


@pytest.mark.parametrize(
    ("lungs", "strongest", "worth", "why"),
    [
        (0.8, 1.1, "supported", "means"),
        (0.8, 0.9, "weak", "blurred"),  # blurring the evidence matters a little more
        (0.7, 1.1, "weak", "outside"),  # much lies outside the lungs
        (0.75, 1.1, "supported", "means"),
        (0.5, 1.1, "weak", "outside"),
        (0.4, 1.1, "not_supported", "outside"),
        (0.9, 0.4, "not_supported", "blurred"),  # the answer does not depend on it
    ],
)
def test_what_the_heatmap_is_worth(lungs: float, strongest: float, worth: str, why: str) -> None:
    checks = checks_with(lungs=lungs, strongest=strongest)
    assert checks.worth == worth
    assert checks.why == why
    assert checks.regions == pytest.approx((lungs, 1 - lungs, 0))


@pytest.mark.parametrize(("explained", "worth"), [(1.2, "supported"), (1.0, "weak")])
def test_heat_without_which_the_probability_is_about_the_same_is_weak(
    explained: float, worth: str
) -> None:
    found = checks_with(lungs=0.9, strongest=1.1)
    # A third of the odds is 1.1.
    checks = dataclasses.replace(found, explained=explained, without=0.1482)
    assert checks.worth == worth
    said = "If the places that the heatmap shows did not count, the probability would be 14.8%."
    assert said in sentences(checks.of_evidence())
    assert "serait de 14,8\xa0%." in sentences(checks.of_evidence(), "fr")
    certain = dataclasses.replace(checks, without=0.99999)
    assert Message("without_shown_places", {"percent": 99.9}) in certain.of_evidence()
    other = Blurring(strongest=0.0, elsewhere=1.0)
    contradicted = dataclasses.replace(checks, blurring=other, explained=5.0)
    assert "two tests disagree" in sentences(contradicted.of_evidence())
    agreeing = dataclasses.replace(checks, blurring=other, explained=0.0)
    assert "two tests disagree" not in sentences(agreeing.of_evidence())
    nothing = dataclasses.replace(checks, blurring=None)
    assert (nothing.worth, nothing.why) == ("none", "means")
    assert nothing.of_evidence() == [Message("no_evidence")]


def test_where_the_heatmap_shows_nothing_nothing_is_blurred(
    tiny_classifier: Classifier, image_file: Path
) -> None:
    bundle = tiny_classifier.bundle
    heatmap = {**bundle.config["heatmap"], "reference": 1e6}
    faint = dataclasses.replace(bundle, config={**bundle.config, "heatmap": heatmap})
    records = {}
    for classifier in (tiny_classifier, Classifier(faint)):
        outcome = answer_file(image_file, classifier, file="image.png")
        record = to_record(outcome, classifier, threshold=None)
        assert record["evidence"] is not None
        records[classifier] = record["evidence"]
    seen, unseen = records.values()
    assert seen["blurring"] is not None
    assert unseen["blurring"] is None
    assert unseen["worth"] == "none"
    assert unseen["variants"] == seen["variants"]
