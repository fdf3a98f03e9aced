"""Templates of the model's card and of the report, and the metrics' names in both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2

FOLDER = Path(__file__).parent
METRIC_NAMES = {
    "auc": "AUC",
    "average_precision": "Average precision",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "sensitivity": "Sensitivity (recall)",
    "specificity": "Specificity",
    "precision": "Precision",
    "f1": "F1",
    "mcc": "Matthews correlation",
    "loss": "Log loss *",
    "brier": "Brier score *",
    "calibration_error": "Expected calibration error *",
}
FRACTIONS = ("accuracy", "balanced_accuracy", "sensitivity", "specificity", "precision")
METHOD_NAMES = {"gradcam": "Grad-CAM", "hirescam": "HiResCAM", "gradcam++": "Grad-CAM++"}


def render(template: str, **values: Any) -> str:
    """Fill in one of this folder's templates. HTML is escaped, Markdown is not."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=jinja2.select_autoescape(["html.jinja"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    names = {
        "metric_names": METRIC_NAMES,
        "fractions": FRACTIONS,
        "method_names": METHOD_NAMES,
    }
    return environment.get_template(template).render(**names, **values)
