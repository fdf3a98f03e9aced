"""An outcome as JSON: the object that the command line prints and HTTP returns."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from cxr.checks import Worth
from cxr.classifier import Classifier, Prediction
from cxr.messages import sentences
from cxr.model.operating_points import Verdict
from cxr.outcome import Outcome, Status


class Evidence(TypedDict):
    """What the heatmap and the answer are worth.

    Keys:
        worth: what the heatmap is worth as an explanation; see `cxr.checks.Worth`.
        text: in words, in English.
        places: fraction of the evidence in each of `cxr.checks.PLACES`.
        blurring: by how much blurring the strongest evidence, up to a tenth of the radiograph,
            lowers the logit, and as much elsewhere; None where the heatmap shows no evidence.
        variants: probability of each single view: as it is, mirrored, moved up (and to the left)
            and moved down (and to the right).
        verdict_holds: whether each of them gives the same verdict at this threshold.
    """

    worth: Worth
    text: str
    places: dict[str, float]
    blurring: dict[str, float] | None
    variants: dict[str, float]
    verdict_holds: bool


class Record(TypedDict):
    """What became of one file; see `cxr.outcome.Outcome` for the status.

    Keys:
        label: ``"UNCERTAIN"`` for a probability from the first to below the second of `uncertain`;
            of others, ``"PNEUMONIA"`` from the threshold on.
        in_range: whether the radiograph is of a kind that the model was trained on.
        threshold: the reader's own, or the model's.
        uncertain: the model's outer thresholds; None with a threshold of the reader's own, which
            decides every radiograph.
    """

    file: str
    status: Status
    probability: float | None
    label: Verdict | None
    in_range: bool | None
    threshold: float
    uncertain: list[float] | None
    reasons: list[str]
    warnings: list[str]
    heatmap: str | None
    overlay: str | None
    evidence: Evidence | None
    model: dict[str, str]


def to_record(outcome: Outcome, classifier: Classifier, *, threshold: float | None) -> Record:
    """The outcome as JSON values; heatmap and overlay are for who writes them to fill in.

    Args:
        outcome: of `cxr.outcome.answer_file`.
        classifier: that answered.
        threshold: the reader's own in [0, 1]; the model's if None.
    """
    decides_from, uncertain = rule(classifier, threshold)
    record: Record = {
        "file": outcome.file,
        "status": outcome.status,
        "probability": None,
        "label": None,
        "in_range": None,
        "threshold": decides_from,
        "uncertain": uncertain,
        "reasons": [str(reason) for reason in outcome.reasons],
        "warnings": [],
        "heatmap": None,
        "overlay": None,
        "evidence": None,
        "model": classifier.identity(),
    }
    if outcome.problem:
        record["reasons"].append(f"{Path(outcome.file).name}: {outcome.problem}")
    if outcome.answer:
        _, prediction = outcome.answer
        # All of its digits: rounded, it could lie on the other side of a threshold than its label.
        record["probability"] = prediction.probability
        record["label"] = prediction.verdict(threshold)
        record["in_range"] = prediction.gate_result.in_range
        record["warnings"] = [str(warning) for warning in prediction.warnings]
        record["evidence"] = _evidence(prediction, threshold)
    return record


def rule(classifier: Classifier, threshold: float | None) -> tuple[float, list[float] | None]:
    """Threshold and `uncertain` of a record: how its label follows from its probability."""
    points = classifier.bundle.operating_points
    if threshold is not None:
        return threshold, None
    return points.threshold, [points.high_sensitivity, points.high_specificity]


def _evidence(prediction: Prediction, threshold: float | None) -> Evidence:
    checks = prediction.checks
    blurring = checks.blurring
    return {
        "worth": checks.worth,
        "text": sentences(prediction.remarks(threshold)),
        "places": {place: round(fraction, 4) for place, fraction in checks.places.items()},
        "blurring": None
        if blurring is None
        else {
            "strongest_tenth": round(blurring.strongest, 4),
            "elsewhere": round(blurring.elsewhere, 4),
        },
        "variants": {name: round(value, 6) for name, value in checks.variants.items()},
        "verdict_holds": prediction.holds(threshold),
    }
