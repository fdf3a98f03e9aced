"""The studio's words. Its controls are in the browser's language, its results in the request's.

Both are in the section studio of `cxr/messages.toml`.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from cxr.language import Language, asked_language
from cxr.messages import studio_texts, text

METRICS = (
    "loss",
    "accuracy",
    "auc",
    "sensitivity",
    "specificity",
    "balanced_accuracy",
    "precision",
    "f1",
    "mcc",
    "average_precision",
    "brier",
    "calibration_error",
    "learning_rate",
)  # that an epoch may have measured, in the order in which they are offered
I18N = gr.I18n(**studio_texts())


def shown(key: str) -> Any:
    """A text that the browser puts into its own language: of a label, a heading or a button."""
    return I18N(key)


def language_of(request: gr.Request | None) -> Language:
    """The language that a browser asks for; English if it is none of ours."""
    return asked_language(request.headers.get("accept-language", "") if request else "")


def metric_name(column: str, language: Language) -> str:
    """The name of a column of a run's history: of a metric, or of one on validation images."""
    name = text(f"metric_{column.removeprefix('val_')}", language)
    where = text("studio_validation", language)
    return f"{name}, {where}" if column.startswith("val_") else name


def metric_choices() -> list[tuple[Any, str]]:
    """The metrics to choose from, each with its name."""
    return [(shown(f"metric_{name}"), name) for name in METRICS]
