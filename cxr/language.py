"""The languages of the page and the report: how each writes numbers and chooses the plural.

The browser does the same in `page/rules.js`; both are tested with the cases of
`tests/cxr/rules.json`.
"""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, get_args

Language = Literal["en", "fr"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

_THIN_SPACE = "\u202f"  # between French thousands
_SPACE = "\xa0"  # before other French signs; neither breaks the line
_UNBREAKABLE = re.compile(r" (?=[;:?!%»])|(?<=«) ")  # in French, beside these signs
_THOUSANDS = re.compile(r"(?<=\d) (?=\d{3}(?!\d))")  # in French
_DASH = "–"  # where there is no number


def asked_language(accepted: str) -> Language:
    """The language that a browser's header ``Accept-Language`` names first; English for others.

    What Gradio and our scripts write in the browser goes by the first one, too.
    """
    first = accepted.split(",")[0].split(";")[0].split("-")[0].strip().lower()
    return next((language for language in LANGUAGES if language == first), "en")


def is_singular(count: float, language: Language) -> bool:
    """Whether a noun after this number is singular: below 2 in French, after 1 alone in English."""
    return abs(count) < 2 if language == "fr" else abs(count) == 1


def keep_together(sentence: str, language: Language) -> str:
    """A sentence in which the spaces beside French signs and in numbers do not break the line."""
    if language != "fr":
        return sentence
    return _THOUSANDS.sub(_THIN_SPACE, _UNBREAKABLE.sub(_SPACE, sentence))


def format_number(number: float, language: Language) -> str:
    """A number with its thousands grouped and at most one decimal place: ``1,234``, ``14.8``."""
    rounded = _round(Decimal(repr(number)), 1)
    return _localize(f"{rounded:,.{int(rounded % 1 != 0)}f}", language)


def format_decimal(value: float, language: Language, *, digits: int = 2) -> str:
    """A number with a fixed number of decimal places, half rounded up: ``0.50``."""
    return _localize(f"{_round(Decimal(repr(float(value))), digits):,}", language)


def format_percent(fraction: float, language: Language, *, digits: int = 1) -> str:
    """A fraction as a percentage: ``12.5%``; a dash for a fraction that is not a number."""
    if not math.isfinite(fraction):
        return _DASH
    number = _localize(f"{_round(100 * Decimal(repr(float(fraction))), digits):,}", language)
    return f"{number}{_SPACE}%" if language == "fr" else f"{number}%"


def format_probability(probability: float, language: Language) -> str:
    """A probability as a percentage, never 0 or 100%: no answer is that certain."""
    if probability > 0.999:
        return f"> {format_percent(0.999, language)}"
    if probability < 0.001:
        return f"< {format_percent(0.001, language)}"
    return format_percent(probability, language)


def format_threshold(threshold: float, language: Language) -> str:
    """A threshold beside probabilities, in their unit: ``44%``."""
    return format_percent(threshold, language, digits=0)


def format_prevalence(prevalence: float, language: Language) -> str:
    """A prevalence as a percentage, with a decimal only where there is one: ``20%``, ``2.5%``."""
    return format_percent(prevalence, language, digits=1 if round(1000 * prevalence) % 10 else 0)


def _round(value: Decimal, digits: int) -> Decimal:
    """Half rounded up, as the browser does; Python's own formatting rounds half to even."""
    return value.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)


def _localize(number: str, language: Language) -> str:
    """From English signs to those of a language."""
    if language == "en":
        return number
    return number.translate({ord(","): _THIN_SPACE, ord("."): ","})
