"""Fills Jinja templates in: the model's card, and what the training package writes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import jinja2

from cxr.language import (
    Language,
    format_decimal,
    format_number,
    format_percent,
    format_threshold,
    is_singular,
)
from cxr.messages import text

_FRACTIONS = ("accuracy", "balanced_accuracy", "sensitivity", "specificity", "precision")
_WEIGHTED = ("loss", "brier", "calibration_error")  # a star: both classes are weighted equally


def render(template: Path, **values: Any) -> str:
    """Fill in a template.

    Args:
        template: a file. HTML is escaped, Markdown is not.
        values: what it names.

    Raises:
        jinja2.UndefinedError: it names a value that is missing.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=jinja2.select_autoescape(["html.jinja"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template.name).render(**values)


def words(language: Language) -> dict[str, Any]:
    """What a template calls to say something, or to write a number, in a language."""

    def metric(name: str) -> str:
        named = "log_loss" if name == "loss" else name  # "loss" is what a training lowers
        return f"{text(f'metric_{named}', language)}{' *' if name in _WEIGHTED else ''}"

    def kind(name: str) -> str:
        return text(f"studio_kind_{name}", language)

    def decimal(value: float, digits: int = 4) -> str:
        return format_decimal(value, language, digits=digits)

    percent = partial(format_percent, language=language)

    def figure(name: str, value: float) -> str:
        """A metric's value."""
        return percent(value) if name in _FRACTIONS else decimal(value)

    def signed(value: float, digits: int) -> str:
        return f"{'' if value < 0 else '+'}{decimal(value, digits)}"

    def rounded(p: float | None) -> str:
        """A p value to three decimal places; a dash where it cannot be told."""
        if p is None:
            return "–"
        return f"< {decimal(0.001, 3)}" if p < 0.001 else f"= {decimal(p, 3)}"

    return {
        "language": language,
        "say": partial(text, language=language),
        "number": partial(format_number, language=language),
        "s": lambda count: "" if is_singular(count, language) else "s",
        "percent": percent,
        "decimal": decimal,
        "threshold": partial(format_threshold, language=language),
        "figure": figure,
        "metric": metric,
        "kind": kind,
        "signed": signed,
        "rounded": rounded,
    }
