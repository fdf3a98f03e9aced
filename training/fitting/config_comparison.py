"""Which settings two configurations differ in, also where an earlier version saved one of them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from training.files import as_json
from training.fitting.config import TrainingConfig

# What has no effect on a fit: the preset is a name, and the floor only decides whether a bundle is
# written of what was trained.
WITHOUT_EFFECT = frozenset({"preset", "floor"})
# What a fit on all images may have otherwise than the cross-validations whose figures it takes.
MAY_DIFFER = WITHOUT_EFFECT | {"epochs", "seed", "validation_fraction"}


def differing_settings(
    before: dict[str, Any], now: dict[str, Any], *, but: Collection[str] = ()
) -> list[str]:
    """Names of the settings in which two configurations, as JSON, differ; in order.

    Args:
        before: of this version or an earlier one.
        now: likewise.
        but: those that are not compared.
    """
    ours, theirs = as_written_now(before), as_written_now(now)
    keys = (ours.keys() | theirs.keys()) - set(but)
    return sorted(key for key in keys if ours.get(key) != theirs.get(key))


def as_written_now(document: dict[str, Any]) -> dict[str, Any]:
    """A saved configuration as this version would write it."""
    try:
        current = TrainingConfig.from_json(document).to_json()
    except (TypeError, KeyError, ValueError):
        current = document
    found: dict[str, Any] = as_json(current)
    return found
