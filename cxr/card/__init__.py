"""The card of a model: what it is for, what it is not, and what was measured, as Markdown.

A bundle has it in English, as `README.md`; the page also writes it in French.
"""

from __future__ import annotations

from pathlib import Path
from statistics import mean
from typing import Any

import jinja2

from cxr.language import Language, keep_together
from cxr.model.expected import by_rule, calibration_error_by_chance, elsewhere
from cxr.model.operating_points import OperatingPoints
from cxr.templates import render, words

# What a figure that is missing, or is no number, leads to.
CARD_ERRORS = (jinja2.UndefinedError, TypeError, ValueError, KeyError, IndexError, ArithmeticError)
_METHODS = {"gradcam": "Grad-CAM", "hirescam": "HiResCAM", "gradcam++": "Grad-CAM++"}


def write_card(
    config: dict[str, Any],
    points: OperatingPoints,
    evaluation: dict[str, Any],
    *,
    language: Language = "en",
) -> str:
    """Write a card from a bundle's files, so that no figure is typed by hand.

    Args:
        config: content of config.json.
        points: content of operating_points.json.
        evaluation: content of evaluation.json; the card has no section for what it lacks.
        language: of the card. The credit of the data, and names that the card does not know, stay
            as they are.

    Returns:
        Markdown without the Hub's front matter.

    Raises:
        CARD_ERRORS: a figure is missing, or is not a number.
    """
    there = elsewhere(evaluation)
    card = render(
        Path(__file__).with_name(f"card.{language}.md.jinja"),
        config=config,
        points=points,
        evaluation=evaluation,
        high_sensitivity=points.at(points.high_sensitivity),
        shipped=points.at(points.threshold),
        high_specificity=points.at(points.high_specificity),
        # The first row is the images as they are.
        worst_perturbation=min(
            evaluation.get("perturbations", [])[1:], key=lambda row: row["auc"], default=None
        ),
        baseline_rows=_baseline_rows(evaluation),
        official=_figures(evaluation.get("official_test")),
        least_by_deletion=_is_least_by_deletion(evaluation),
        method=_METHODS[config["heatmap"]["method"]],
        method_names=_METHODS,
        error_by_chance=calibration_error_by_chance(evaluation["result"]),
        rule_elsewhere=by_rule(there["curve"], points) if there else None,
        mean=mean,
        **words(language),
    )
    return keep_together(card, language)


def _figures(document: dict[str, Any] | None) -> dict[str, Any] | None:
    """The figures of a report: with those under "metrics" beside the others."""
    return {**document, **document.get("metrics", {})} if document else None


def _is_least_by_deletion(evaluation: dict[str, Any]) -> bool:
    """Whether other methods' heatmaps find what the network goes by sooner than those in use."""
    check = evaluation.get("explanation")
    if not check or len(check["methods"]) < 2:
        return False
    by_method = {name: mean(row["deletion"]) for name, row in check["methods"].items()}
    return bool(max(by_method, key=by_method.__getitem__) == check.get("method"))


def _baseline_rows(evaluation: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The baseline's folds, and this model's settings on the same images."""
    if "baseline" not in evaluation:
        return []
    rows = []
    ours = {row["fold"]: row for row in evaluation.get("folds", [])}
    for row in evaluation["baseline"]["folds"]:
        rows.append(("published", row))
        if row["fold"] in ours:
            rows.append(("ours", ours[row["fold"]]))
    return rows
