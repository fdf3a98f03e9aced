"""What a threshold costs: sensitivity, specificity, their intervals, predictive values.

All counts come from radiographs that the network was not trained on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Verdict = Literal["NORMAL", "PNEUMONIA", "UNCERTAIN"]
Interval = tuple[float, float]
_MAX_COUNT = 10**9  # radiographs
_Z = 1.959964  # standard deviations of a normal distribution, on either side of 95 %


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """How many radiographs of each class are predicted rightly and wrongly at one threshold.

    Attributes:
        threshold: probability in [0, 1] from which pneumonia is predicted.
        true_positives: radiographs with pneumonia predicted so.
        false_negatives: radiographs with pneumonia predicted normal.
        true_negatives: normal radiographs predicted normal.
        false_positives: normal radiographs predicted as pneumonia.
    """

    threshold: float
    true_positives: int
    false_negatives: int
    true_negatives: int
    false_positives: int

    def __post_init__(self) -> None:
        counts = (
            self.true_positives,
            self.false_negatives,
            self.true_negatives,
            self.false_positives,
        )
        if not all(isinstance(count, int) and 0 <= count <= _MAX_COUNT for count in counts):
            raise ValueError(f"Expected whole numbers of radiographs from 0 to {_MAX_COUNT:,}")
        if not (counts[0] + counts[1] and counts[2] + counts[3]):
            raise ValueError(f"Expected radiographs of both classes. Received: {counts}")
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"Expected a threshold in [0, 1]. Received: {self.threshold!r}")

    @property
    def sensitivity(self) -> float:
        """Fraction of the radiographs with pneumonia that are predicted so."""
        return self.true_positives / (self.true_positives + self.false_negatives)

    @property
    def specificity(self) -> float:
        """Fraction of the normal radiographs that are predicted normal."""
        return self.true_negatives / (self.true_negatives + self.false_positives)

    def sensitivity_interval(self) -> Interval:
        """95 % Wilson interval of the sensitivity."""
        return wilson_interval(self.true_positives, self.true_positives + self.false_negatives)

    def specificity_interval(self) -> Interval:
        """95 % Wilson interval of the specificity."""
        return wilson_interval(self.true_negatives, self.true_negatives + self.false_positives)


@dataclass(frozen=True, kw_only=True)
class OperatingPoints:
    """A model's calibration and thresholds; saved in its bundle.

    Attributes:
        source: in words, which radiographs the counts come from.
        temperature: logits are divided by it (Guo 2017, arXiv 1706.04599), above 0.
        offset: is added then; with both, this is Platt's scaling (Platt 1999).
        threshold: the shipped threshold, which balances sensitivity and specificity.
        high_sensitivity: a lower threshold, below which pneumonia is rare.
        high_specificity: a higher one, above which normal radiographs are rare.
        curve: operating points at thresholds rising from 0 to 1, those three among them.
    """

    source: str
    temperature: float
    offset: float
    threshold: float
    high_sensitivity: float
    high_specificity: float
    curve: tuple[OperatingPoint, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.source, str):
            raise TypeError(f"Expected the source in words. Received: {self.source!r}")
        if not 0 <= self.high_sensitivity <= self.threshold <= self.high_specificity <= 1:
            raise ValueError(
                "Expected 0 <= high_sensitivity <= threshold <= high_specificity <= 1. Received: "
                f"{self.high_sensitivity}, {self.threshold}, {self.high_specificity}"
            )
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(f"Expected a temperature above 0. Received: {self.temperature}")
        if not math.isfinite(self.offset):
            raise ValueError(f"Expected a finite offset. Received: {self.offset}")
        if not self.curve:
            raise ValueError("Expected at least one operating point. Received: an empty curve")

    def log_odds(self, logit: float) -> float:
        """Calibrated log odds of pneumonia, where both classes are as frequent."""
        return logit / self.temperature + self.offset

    def probability(self, logit: float) -> float:
        """Calibrated probability of pneumonia in [0, 1], where both classes are as frequent."""
        scaled = self.log_odds(logit)
        if scaled < 0:  # either branch keeps the exponential below 1
            return math.exp(scaled) / (1 + math.exp(scaled))
        return 1 / (1 + math.exp(-scaled))

    def verdict(self, probability: float, threshold: float | None = None) -> Verdict:
        """What a probability means. As rules.js has it; both are tested by tests/cxr/rules.json.

        Args:
            probability: in [0, 1].
            threshold: the reader's own, which decides every radiograph. Without it the shipped one
                decides, and radiographs between the high-sensitivity and the high-specificity
                threshold are left open as uncertain.

        Raises:
            ValueError: probability or threshold are not in [0, 1], as if they were in per cent.
        """
        if not 0 <= probability <= 1:  # nor is NaN
            raise ValueError(f"Expected a probability in [0, 1]. Received: {probability!r}")
        if threshold is not None and not 0 <= threshold <= 1:
            raise ValueError(f"Expected a threshold from 0 to 1. Received: {threshold}")
        if threshold is None:
            if self.high_sensitivity <= probability < self.high_specificity:
                return "UNCERTAIN"
            threshold = self.threshold
        return "PNEUMONIA" if probability >= threshold else "NORMAL"

    def at(self, threshold: float) -> OperatingPoint:
        """The point of the curve that is nearest to a threshold."""
        return nearest_point(self.curve, threshold)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> OperatingPoints:
        """From the values that `to_json` gave.

        Raises:
            TypeError, KeyError, ValueError: the document is of another shape.
        """
        curve = tuple(OperatingPoint(**point) for point in document["curve"])
        return cls(**{**document, "curve": curve})


def at_prevalence(probability: float, prevalence: float) -> float:
    """A probability that holds where both classes are as frequent, at another prevalence.

    As rules.js has it.

    Args:
        probability: calibrated, in [0, 1].
        prevalence: fraction of patients with pneumonia, in (0, 1).
    """
    positive = probability * prevalence
    negative = (1 - probability) * (1 - prevalence)
    return positive / (positive + negative) if positive + negative else probability


def nearest_point(curve: Sequence[OperatingPoint], threshold: float) -> OperatingPoint:
    """The point that is nearest to a threshold, the first of several."""
    return min(curve, key=lambda point: abs(point.threshold - threshold))


def wilson_interval(successes: int, trials: int) -> Interval:
    """Wilson's score interval of a fraction (Wilson 1927), at 95 %.

    Unlike the normal approximation it stays within [0, 1] and keeps its coverage near the ends.
    As statistics.js has it.
    """
    if trials == 0:
        return 0.0, 1.0
    fraction = successes / trials
    centre = fraction + _Z * _Z / (2 * trials)
    margin = _Z * math.sqrt(fraction * (1 - fraction) / trials + _Z * _Z / (4 * trials * trials))
    scale = 1 + _Z * _Z / trials
    return max(0.0, (centre - margin) / scale), min(1.0, (centre + margin) / scale)
