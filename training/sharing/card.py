"""A bundle's JSON becomes its model card: no figure in it was typed by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

import jinja2

from cxr.errors import DatasetError
from cxr.model.bundle import Bundle, load_bundle, save_evaluation
from cxr.model.operating_points import OperatingPoints
from training.files import read_json
from training.templates import METHOD_NAMES, render

# What a bundle keeps of another cross-validation.
_KEPT = dict.fromkeys(("typicality", "acquisition", "baseline"), ("source", "by", "plan", "folds"))


def model_card(config: dict[str, Any], points: OperatingPoints, evaluation: dict[str, Any]) -> str:
    """The card as Markdown, with the Hub's front matter.

    Args:
        config: content of config.json.
        points: content of operating_points.json.
        evaluation: content of evaluation.json; sections that it lacks are left out.
    """
    return render(
        "card.md.jinja",
        config=config,
        points=points,
        evaluation=evaluation,
        thresholds=[
            ("high sensitivity", points.at(points.high_sensitivity)),
            ("shipped", points.at(points.threshold)),
            ("high specificity", points.at(points.high_specificity)),
        ],
        # The first row is the images as they are.
        worst_perturbation=min(
            evaluation.get("perturbations", [])[1:], key=lambda row: row["auc"], default=None
        ),
        baseline_rows=_baseline_rows(evaluation),
        official=_figures(evaluation.get("official_test")),
        method_name=METHOD_NAMES[config["heatmap"]["method"]],
        mean=mean,
    )


def update_bundle(folder: Path, sections: Mapping[str, Path]) -> Bundle:
    """Put measured figures into a bundle's evaluation, and write its card anew.

    The model stays the same: neither weights, configuration nor thresholds are touched.

    Args:
        folder: the bundle.
        sections: JSON files by the section that they become. Figures on the official test split
            are taken only if they were measured on this very model.

    Raises:
        DatasetError: a file is not what its section asks for.
        BundleError: the folder holds no intact bundle.
    """
    bundle = load_bundle(folder)
    evaluation = dict(bundle.evaluation)
    for name, path in sections.items():
        document = _read_json(path)
        if name in _CHECKS:
            problem = _CHECKS[name](document, bundle)
            if problem:
                raise DatasetError(f"{path}: {problem}")
        evaluation[name] = {key: document[key] for key in _KEPT.get(name, document)}
    if not _is_of(evaluation.get("official_test"), bundle.sha256):
        evaluation.pop("official_test", None)
    try:
        card = model_card(bundle.config, bundle.operating_points, evaluation)
    except jinja2.UndefinedError as error:
        raise DatasetError(
            f"{', '.join(map(str, sections.values()))}: lacks what the card says ({error})."
        ) from error
    return save_evaluation(bundle, evaluation=evaluation, card=card)


def _check_measured(document: dict[str, Any], bundle: Bundle) -> str:
    """What is wrong with figures that have to be of this model; empty if nothing."""
    if _is_of(document, bundle.sha256):
        return ""
    return f"was measured on another model. Measure {bundle.folder}."


def _check_groups(by: str, document: dict[str, Any], bundle: Bundle) -> str:
    if document.get("plan", {}).get("by") != by:
        return f"is no cross-validation --by {by}."
    ours, theirs = bundle.config["training"], document.get("training", {})
    keys = ("network", "preprocessing", "augmentation", "local")
    return "" if all(ours[key] == theirs.get(key) for key in keys) else "is of another recipe."


def _check_baseline(document: dict[str, Any], bundle: Bundle) -> str:
    if document.get("training", {}).get("preset") != "baseline":
        return "is no cross-validation of the baseline."
    same = document.get("folds_sha256") == bundle.evaluation.get("folds_sha256")
    return "" if same else "has other folds than this model's cross-validation."


_CHECKS: dict[str, Callable[[dict[str, Any], Bundle], str]] = {
    "explanation": _check_measured,
    "external": _check_measured,
    "typicality": partial(_check_groups, "typicality"),
    "acquisition": partial(_check_groups, "acquisition"),
    "baseline": _check_baseline,
}


def _is_of(document: dict[str, Any] | None, sha256: str) -> bool:
    if not document:
        return False
    model = document.get("model", document)
    return isinstance(model, dict) and model.get("sha256") == sha256


def _figures(document: dict[str, Any] | None) -> dict[str, Any] | None:
    """The figures of a report, whether they lie under "metrics" or beside the model."""
    return {**document, **document.get("metrics", {})} if document else None


def _baseline_rows(evaluation: dict[str, Any]) -> list[dict[str, Any]]:
    """The baseline's folds and ours on the same images."""
    if "baseline" not in evaluation:
        return []
    rows = []
    ours = {row["fold"]: row for row in evaluation.get("folds", [])}
    for row in evaluation["baseline"]["folds"]:
        rows.append({"name": f"published CNN-LSTM, fold {row['fold']}", **row})
        if row["fold"] in ours:
            rows.append({"name": f"this model's recipe, fold {row['fold']}", **ours[row["fold"]]})
    return rows


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = read_json(path)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read as JSON ({error}).") from error
    if not isinstance(document, dict):
        raise DatasetError(f"{path}: expected a JSON object.")
    return document
