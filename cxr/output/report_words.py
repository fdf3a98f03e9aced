"""The words of a report: the verdict with its reason, and a table of all that was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cxr.classifier import Prediction
from cxr.gate.result import Correction
from cxr.language import (
    Language,
    format_percent,
    format_prevalence,
    format_probability,
    format_threshold,
)
from cxr.messages import as_sentence, sentences, text
from cxr.model.bundle import Bundle
from cxr.model.operating_points import at_prevalence
from cxr.output.report_figures import measured

OwnReading = Literal["NORMAL", "PNEUMONIA", "UNSURE"]


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """What the reader chose on the page.

    Attributes:
        threshold: the reader's own in [0, 1]; the model's if None.
        language: of the report.
        prevalence: of pneumonia among the reader's patients, in (0, 1); None if not chosen.
        own_reading: the reader's, made before the answer was shown; None without one.
        own_confidence: how sure the reader was of it, in [0, 1]; None if unsure.
        withheld: show the radiograph without its heatmap, since that does not support the answer.
    """

    threshold: float | None = None
    language: Language = "en"
    prevalence: float | None = None
    own_reading: OwnReading | None = None
    own_confidence: float | None = None
    withheld: bool = False


def headline(prediction: Prediction, options: ReportOptions) -> tuple[str, str]:
    """The verdict, and why it is that."""
    language, points = options.language, prediction.operating_points
    verdict = prediction.shown_verdict(options.threshold)
    said = text(f"verdict_{verdict}", language)
    if not prediction.gate_result.in_range:
        why = sentences(prediction.gate_result.warnings, language)
        return said, why or as_sentence(text("report_outside", language))
    threshold = options.threshold
    by = "" if verdict == "UNCERTAIN" else "_model" if threshold is None else "_reader"
    reason = text(
        f"reason_{verdict}{by}",
        language,
        threshold=format_threshold(points.threshold if threshold is None else threshold, language),
        low=format_threshold(points.high_sensitivity, language),
        high=format_threshold(points.high_specificity, language),
    )
    probability = format_probability(prediction.probability, language)
    title = text("report_headline", language, verdict=said, probability=probability)
    return title, as_sentence(reason)


def meaning(language: Language) -> str:
    """What the numbers and the heatmap mean, and do not mean."""
    normal, limits = text("not_excluded", language), text("limits", language)
    return text("report_meaning", language, normal=normal, limits=limits)


def rows(prediction: Prediction, bundle: Bundle, options: ReportOptions) -> list[tuple[str, str]]:
    """The table: what each line is called, and what it says."""
    language = options.language
    points = prediction.operating_points
    in_range = prediction.gate_result.in_range
    probability = (text("probability", language), _probability(prediction, options))
    warnings = sentences(prediction.warnings, language)
    figures = measured(points, bundle, threshold=options.threshold, language=language)
    identity = bundle.identity()
    identity["sha256"] = identity["sha256"][:12]
    return [
        *_own_reading(options),
        *([probability] if in_range else []),
        *_verdict(prediction, options),
        (text("evidence", language), _evidence(prediction, language)),
        *_orientation(prediction, language),
        # Outside the model's range, what was measured does not hold.
        *(figures if in_range else []),
        (
            text("report_warnings", language),
            warnings or text("report_no_warnings", language),
        ),
        (
            text("checks_title", language),
            sentences(prediction.remarks(options.threshold), language),
        ),
        (text("report_model", language), ", ".join(identity.values())),
    ]


def _verdict(prediction: Prediction, options: ReportOptions) -> list[tuple[str, str]]:
    """What the headline does not say of it.

    That is, outside the model's range, what this means; and, at a threshold of the reader's own,
    what the model says by itself.
    """
    language, threshold = options.language, options.threshold
    shown, by_itself = (
        text(f"verdict_{prediction.shown_verdict(at)}", language) for at in (threshold, None)
    )
    if not prediction.gate_result.in_range:
        said = text("named_value", language, name=shown, value=text("report_outside", language))
    elif threshold is None:
        return []
    else:
        said = text("report_own_threshold", language, verdict=shown, by_itself=by_itself)
    return [(text("verdict", language), said)]


def _own_reading(options: ReportOptions) -> list[tuple[str, str]]:
    if options.own_reading is None:
        return []
    language = options.language
    own = options.own_reading
    said = text("unsure" if own == "UNSURE" else f"verdict_{own}", language)
    if options.own_confidence is None:
        said = text("report_own", language, verdict=said)
    else:
        sure = format_percent(options.own_confidence, language, digits=0)
        said = text("report_own_sure", language, verdict=said, confidence=sure)
    return [(text("report_own_title", language), said)]


def _probability(prediction: Prediction, options: ReportOptions) -> str:
    """At equal frequency of both classes, and at the reader's prevalence."""
    language, even = options.language, prediction.probability
    if options.prevalence is None:
        means = text("if_even", language)
    else:
        here = at_prevalence(even, options.prevalence)
        means = text(
            "if_even_and_here",
            language,
            probability=format_probability(here, language),
            prevalence=format_prevalence(options.prevalence, language),
        )
    return f"{format_probability(even, language)} {means}"


def _evidence(prediction: Prediction, language: Language) -> str:
    worth, why = prediction.checks.worth, prediction.checks.why
    return f"{text(f'worth_{worth}', language)}. {text(f'worth_{worth}_{why}', language)}"


def _orientation(prediction: Prediction, language: Language) -> list[tuple[str, str]]:
    """That the radiograph was turned or inverted, and lies here as it came."""
    if prediction.gate_result.correction == Correction():
        return []
    return [(text("report_orientation", language), text("report_as_it_came", language))]
