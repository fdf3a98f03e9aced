"""Writes a bundle's model card from its JSON files, so that no figure is typed by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from cxr.card import CARD_ERRORS, write_card
from cxr.errors import DatasetError
from cxr.model.bundle import Bundle, load_bundle, save_evaluation
from cxr.model.operating_points import OperatingPoints
from cxr.templates import render, words
from training.files import read_object
from training.fitting.config_comparison import MAY_DIFFER, differing_settings
from training.templates import FOLDER

# The fields of another cross-validation that a bundle stores.
_KEPT = dict.fromkeys(("typicality", "acquisition", "baseline"), ("source", "by", "plan", "folds"))


def model_card(config: dict[str, Any], points: OperatingPoints, evaluation: dict[str, Any]) -> str:
    """The card of `cxr.card.write_card` in English, with the Hub's front matter."""
    front_matter = render(
        FOLDER / "front_matter.yaml.jinja", config=config, evaluation=evaluation, **words("en")
    )
    return f"{front_matter}\n{write_card(config, points, evaluation)}"


def update_bundle(folder: Path, sections: Mapping[str, Path]) -> Bundle:
    """Store measured figures in a bundle's evaluation, and rewrite its card.

    Weights, configuration and thresholds stay as they are.

    Args:
        folder: the bundle.
        sections: JSON files, by the section of the evaluation that they are stored as. Figures of
            the official test split that were stored before and are of another model go.

    Raises:
        DatasetError: a file does not hold what its section needs.
        RunError: a file cannot be read, or holds no JSON object.
        BundleError: the folder holds no intact bundle.
    """
    bundle = load_bundle(folder)
    evaluation = dict(bundle.evaluation)
    for name, path in sections.items():
        document = read_object(path)
        if name in _CHECKS:
            problem = _CHECKS[name](document, bundle)
            if problem:
                raise DatasetError(f"{path}: {problem}")
        if missing := [key for key in _KEPT.get(name, ()) if key not in document]:
            raise DatasetError(f"{path}: lacks {', '.join(missing)}. Measure again.")
        evaluation[name] = {key: document[key] for key in _KEPT.get(name, document)}
        if "reserved" in document:  # not before 0.21
            evaluation[name]["reserved"] = document["reserved"]
        if name == "typicality":
            evaluation[name] |= _intervals(document)
    if not _is_of(evaluation.get("official_test"), bundle.sha256):
        evaluation.pop("official_test", None)
    try:
        card = model_card(bundle.config, bundle.operating_points, evaluation)
    except CARD_ERRORS as error:
        raise DatasetError(
            f"{', '.join(map(str, sections.values()))}: lacks a figure that the card "
            f"needs ({error}). Measure again with this version."
        ) from error
    return save_evaluation(bundle, evaluation=evaluation, card=card)


def _intervals(document: dict[str, Any]) -> dict[str, Any]:
    """The intervals of a cross-validation that measured one group; else empty."""
    result, groups = document.get("result"), document["folds"]
    if not isinstance(result, dict) or "intervals" not in result or len(groups) != 1:
        return {}
    return {"intervals": result["intervals"]}


def measured_sections(bundle: Bundle) -> dict[str, Any]:
    """What `update_bundle` added to a bundle's evaluation."""
    return {name: bundle.evaluation[name] for name in _CHECKS if name in bundle.evaluation}


def _check_measured(document: dict[str, Any], bundle: Bundle) -> str:
    """Why figures are not of this model; empty if they are."""
    if _is_of(document, bundle.sha256):
        return ""
    return f"was measured on another model. Measure {bundle.folder} and give that file."


def _check_unseen(document: dict[str, Any], bundle: Bundle) -> str:
    """Why figures are not of this model on images that it was not trained on; or empty."""
    data = document.get("data")
    for key, done in (("trained_on", "was trained"), ("chosen_on", "has thresholds chosen")):
        known = data.get(key) if isinstance(data, dict) else None
        if isinstance(known, int) and known:
            return f"the model {done} on {known:,} of its images. Measure it on others."
    return _check_measured(document, bundle)


def _check_groups(by: str, document: dict[str, Any], bundle: Bundle) -> str:
    """Why a cross-validation is not one by these groups, of this model's settings; or empty."""
    plan, training = document.get("plan"), document.get("training")
    if not (isinstance(plan, dict) and plan.get("by") == by and isinstance(training, dict)):
        return f"expected the result of cross-validate --by {by}."
    differing = differing_settings(bundle.config["training"], training, but=MAY_DIFFER)
    if not differing:
        return ""
    return f"was made with other settings than this model ({', '.join(differing)})."


def _check_baseline(document: dict[str, Any], bundle: Bundle) -> str:
    """Why a cross-validation is not the baseline's on this model's folds; or empty."""
    training = document.get("training")
    if not (isinstance(training, dict) and training.get("preset") == "baseline"):
        return "expected the result of cross-validate --preset baseline."
    same = document.get("folds_sha256") == bundle.evaluation.get("folds_sha256")
    return "" if same else "has other folds than this model's own cross-validation."


_CHECKS: dict[str, Callable[[dict[str, Any], Bundle], str]] = {
    "explanation": _check_measured,
    "external": _check_unseen,
    "official_test": _check_unseen,
    "typicality": partial(_check_groups, "typicality"),
    "acquisition": partial(_check_groups, "acquisition"),
    "baseline": _check_baseline,
}


def _is_of(document: dict[str, Any] | None, sha256: str) -> bool:
    if not document:
        return False
    model = document.get("model", document)
    return isinstance(model, dict) and model.get("sha256") == sha256
