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
from cxr.model import expected
from cxr.model.bundle import Bundle
from cxr.model.operating_points import (
    Interval,
    OperatingPoint,
    OperatingPoints,
    Verdict,
    at_prevalence,
)

OwnReading = Literal["NORMAL", "PNEUMONIA", "UNSURE"]


@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """What the reader chose on the page.

    Attributes:
        threshold: the reader's own in [0, 1]; the model's if None.
        language: of the report.
        prevalence: of pneumonia among the reader's patients, in (0, 1); None if not chosen.
        own: the reader's own reading, made before the answer was shown; None without one.
        confidence: how sure the reader was of it, in [0, 1]; None if unsure.
    """

    threshold: float | None = None
    language: Language = "en"
    prevalence: float | None = None
    own: OwnReading | None = None
    confidence: float | None = None


def headline(prediction: Prediction, options: ReportOptions) -> tuple[str, str]:
    """The verdict, and why it is that."""
    language, points = options.language, prediction.operating_points
    verdict = prediction.shown_verdict(options.threshold)
    said = text(f"verdict_{verdict}", language)
    if not prediction.gate_result.in_range:
        why = sentences(prediction.gate_result.warnings, language)
        return said, why or as_sentence(text("report_outside", language))
    own = options.threshold
    by_model = own is None and verdict != "UNCERTAIN"
    reason = text(
        f"reason_{verdict}{'_model' if by_model else ''}",
        language,
        threshold=format_threshold(points.threshold if own is None else own, language),
        low=format_threshold(points.high_sensitivity, language),
        high=format_threshold(points.high_specificity, language),
    )
    probability = format_probability(prediction.probability, language)
    return text("study_pair", language, name=said, value=probability), as_sentence(reason)


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
    warnings = sentences(prediction.gate_result.warnings, language)
    identity = bundle.identity()
    identity["sha256"] = identity["sha256"][:12]
    return [
        *_own_reading(options),
        *([probability] if in_range else []),
        *_verdict(prediction, options),
        (text("evidence", language), _evidence(prediction, language)),
        *_orientation(prediction, language),
        # Outside the model's range, what was measured does not hold.
        *(_figures(points, bundle, options) if in_range else []),
        (
            text("report_warnings", language),
            warnings or text("report_no_warnings", language),
        ),
        (
            text("checks_title", language),
            sentences(prediction.remarks(options.threshold), language),
        ),
        (text("report_model", language), ", ".join(identity.values())),
        # The number means little there.
        *([] if in_range else [probability]),
    ]


def _figures(
    points: OperatingPoints, bundle: Bundle, options: ReportOptions
) -> list[tuple[str, str]]:
    """The threshold, and what was measured at it."""
    language, own = options.language, options.threshold
    counts = expected.measured_on(bundle.evaluation)
    measured_on = text("measured_on", language, **counts) if counts else points.source
    if own is None:
        figures = _of_rule(points, bundle, language)
    else:
        whose = text("reader_threshold", language)
        said = f"{format_threshold(own, language)} ({whose})"
        figures = [
            (text("threshold", language), said),
            *_elsewhere(bundle, own, language),
            *_cost(points.at(own), language),
        ]
    return [*figures, (text("report_measured", language), measured_on)]


def _of_rule(points: OperatingPoints, bundle: Bundle, language: Language) -> list[tuple[str, str]]:
    """The thresholds between which the model does not decide, and what comes of its rule."""
    said = text(
        "report_thresholds",
        language,
        low=format_threshold(points.high_sensitivity, language),
        high=format_threshold(points.high_specificity, language),
    )
    lines = [(text("thresholds", language), said)]
    elsewhere = expected.elsewhere(bundle.evaluation)
    if elsewhere and (there := expected.by_rule(elsewhere["curve"], points)):
        said = text(
            "report_rule_elsewhere",
            language,
            figures=_rule_figures(there, language),
            images=elsewhere["images"],
        )
        lines.append((text("report_elsewhere_title", language), as_sentence(said)))
    else:
        lines += _elsewhere(bundle, points.threshold, language)
    if everywhere := expected.by_rule([expected.rates(point) for point in points.curve], points):
        said = f"{as_sentence(_rule_figures(everywhere, language))} {_wrong(points, language)}"
        lines.append((text("report_rule_title", language), said))
    else:
        lines += _cost(points.at(points.threshold), language)
    return lines


def _wrong(points: OperatingPoints, language: Language) -> str:
    """How many get the verdict that is wrong for them, with intervals."""

    def counted(title: str, wrong: int, right: int, interval: Interval) -> str:
        count = text("rule_count", language, count=wrong, all=wrong + right).removesuffix(".")
        low, high = (format_percent(1 - end, language) for end in reversed(interval))
        return f"{title} {count} ({text('from_to', language, low=low, high=high)})."

    low, high = points.at(points.high_sensitivity), points.at(points.high_specificity)
    missed = counted(
        text("rule_missed", language),
        low.false_negatives,
        low.true_positives,
        low.sensitivity_interval(),
    )
    alarms = counted(
        text("rule_alarms", language),
        high.false_positives,
        high.true_negatives,
        high.specificity_interval(),
    )
    return f"{missed} {alarms}"


def _rule_figures(found: expected.ByRule, language: Language) -> str:
    def percent(label: Literal["positive", "negative"], verdict: Verdict) -> str:
        return format_percent(found[label][verdict], language)

    return text(
        "rule_figures",
        language,
        found=percent("positive", "PNEUMONIA"),
        unsure=percent("positive", "UNCERTAIN"),
        missed=percent("positive", "NORMAL"),
        spared=percent("negative", "NORMAL"),
        unsure_negative=percent("negative", "UNCERTAIN"),
        alarms=percent("negative", "PNEUMONIA"),
    )


def _verdict(prediction: Prediction, options: ReportOptions) -> list[tuple[str, str]]:
    """What the headline does not say of it.

    That is, outside the model's range, what this means; and, at a threshold of the reader's own,
    what the model says by itself.
    """
    language, own = options.language, options.threshold
    shown, by_itself = (
        text(f"verdict_{prediction.shown_verdict(at)}", language) for at in (own, None)
    )
    if not prediction.gate_result.in_range:
        said = text("study_pair", language, name=shown, value=text("report_outside", language))
    elif own is None:
        return []
    else:
        said = text("report_own_threshold", language, verdict=shown, by_itself=by_itself)
    return [(text("verdict", language), said)]


def _own_reading(options: ReportOptions) -> list[tuple[str, str]]:
    if options.own is None:
        return []
    language = options.language
    said = text("quiz_unsure" if options.own == "UNSURE" else f"verdict_{options.own}", language)
    if options.confidence is None:
        said = text("report_own", language, verdict=said)
    else:
        sure = format_percent(options.confidence, language, digits=0)
        said = text("report_own_sure", language, verdict=said, confidence=sure)
    return [(text("report_own_title", language), said)]


def _probability(prediction: Prediction, options: ReportOptions) -> str:
    """At equal frequency of both classes, and at the reader's prevalence."""
    language, even = options.language, prediction.probability
    if not prediction.gate_result.in_range:
        return format_probability(even, language)
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


def _elsewhere(bundle: Bundle, threshold: float, language: Language) -> list[tuple[str, str]]:
    """What to expect on radiographs acquired differently, at the nearest threshold measured."""
    found = expected.elsewhere(bundle.evaluation)
    if found is None:
        return []
    rates = expected.nearest(found["curve"], threshold)
    said = text(
        "report_elsewhere",
        language,
        threshold=format_threshold(rates["threshold"], language),
        sensitivity=format_percent(rates["sensitivity"], language),
        specificity=format_percent(rates["specificity"], language),
        images=found["images"],
    )
    return [(text("report_elsewhere_title", language), said)]


def _cost(point: OperatingPoint, language: Language) -> list[tuple[str, str]]:
    """Sensitivity and specificity at a threshold, with their intervals and in plain words."""

    def measured(fraction: float, interval: Interval, means: str) -> str:
        said, low, high = (format_percent(part, language) for part in (fraction, *interval))
        return text(
            "report_measured_fraction", language, fraction=said, low=low, high=high, means=means
        )

    positives = point.true_positives + point.false_negatives
    negatives = point.true_negatives + point.false_positives
    sensitivity = measured(
        point.sensitivity,
        point.sensitivity_interval(),
        text("sensitivity_means", language, count=point.true_positives, all=positives),
    )
    specificity = measured(
        point.specificity,
        point.specificity_interval(),
        text("specificity_means", language, count=point.true_negatives, all=negatives),
    )
    return [
        (text("sensitivity", language), sensitivity),
        (text("specificity", language), specificity),
    ]
