"""What was measured of the model, in the words of the PDF report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from cxr.language import Language, format_percent, format_threshold
from cxr.messages import as_sentence, text
from cxr.model import expected
from cxr.model.bundle import Bundle
from cxr.model.operating_points import (
    Interval,
    OperatingPoint,
    OperatingPoints,
    Verdict,
    nearest_point,
)


def measured(
    points: OperatingPoints, bundle: Bundle, *, threshold: float | None, language: Language
) -> list[tuple[str, str]]:
    """Lines of the table on what was measured, and at which threshold.

    Args:
        points: of the answer.
        bundle: the model.
        threshold: the reader's own in [0, 1]; None for the model's rule.
        language: of the report.
    """
    counts = expected.measured_on(bundle.evaluation)
    measured_on = text("measured_on", language, **counts) if counts else points.source
    if threshold is None:
        figures = _of_rule(points, bundle, language)
    else:
        whose = text("reader_threshold", language)
        said = f"{format_threshold(threshold, language)} ({whose})"
        figures = [
            (text("threshold", language), said),
            *_elsewhere(bundle, threshold, language),
            *_cost(points.at(threshold), language),
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
    counted = expected.elsewhere_points(bundle.evaluation)
    if elsewhere and (there := expected.by_rule(elsewhere["curve"], points)):
        said = text(
            "report_rule_elsewhere",
            language,
            figures=_rule_figures(there, language),
            images=elsewhere["images"],
        )
        wrong = f" {_wrong(*_ends(counted, points), language)}" if counted else ""
        lines.append((text("report_elsewhere_title", language), as_sentence(said) + wrong))
    else:
        lines += _elsewhere(bundle, points.threshold, language)
    if everywhere := expected.by_rule([expected.rates(point) for point in points.curve], points):
        said = as_sentence(_rule_figures(everywhere, language))
        # Where they are known, those above are closer to what to expect.
        wrong = "" if counted else f" {_wrong(*_ends(points.curve, points), language)}"
        lines.append((text("report_rule_title", language), said + wrong))
    else:
        lines += _cost(points.at(points.threshold), language)
    return lines


def _ends(
    curve: Sequence[OperatingPoint], points: OperatingPoints
) -> tuple[OperatingPoint, OperatingPoint]:
    """What was counted where the verdict begins to be uncertain, and where it is no more."""
    low, high = points.high_sensitivity, points.high_specificity
    return nearest_point(curve, low), nearest_point(curve, high)


def _wrong(low: OperatingPoint, high: OperatingPoint, language: Language) -> str:
    """How many get the verdict that is wrong for them, with intervals; see `_ends`."""

    def counted(title: str, wrong: int, right: int, interval: Interval) -> str:
        count = text("rule_count", language, count=wrong, all=wrong + right).removesuffix(".")
        low, high = (format_percent(1 - end, language) for end in reversed(interval))
        return f"{title} {count} ({text('from_to', language, low=low, high=high)})."

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

    def said_of(fraction: float, interval: Interval, means: str) -> str:
        said, low, high = (format_percent(part, language) for part in (fraction, *interval))
        return text(
            "report_measured_fraction", language, fraction=said, low=low, high=high, means=means
        )

    positives = point.true_positives + point.false_negatives
    negatives = point.true_negatives + point.false_positives
    sensitivity = said_of(
        point.sensitivity,
        point.sensitivity_interval(),
        text("sensitivity_means", language, count=point.true_positives, all=positives),
    )
    specificity = said_of(
        point.specificity,
        point.specificity_interval(),
        text("specificity_means", language, count=point.true_negatives, all=negatives),
    )
    return [
        (text("sensitivity", language), sensitivity),
        (text("specificity", language), specificity),
    ]
