"""Configurations as earlier versions saved them, brought to the fields of this version."""

from __future__ import annotations

from typing import Any

from cxr.old_names import with_new_names

# What saved configurations lack: `select_by` until 0.3, `local` and `floor` until 0.4, some of
# their fields until later. Of the networks before `local` only the published one can still be read,
# and it uses neither section: they get the values that the preset baseline has, so that a run begun
# with it can be resumed. The values of later fields are what the code of that time did.
_ADDED_LATER: dict[str, Any] = {
    "select_by": "last",
    "local": {
        "fraction": 0.375,
        "planted": 0.6,
        "visible_from": 0.0,
        "extra": 0.3,
        "restyle": 0.3,
        "restyle_planted": 0.7,
        "exchange_outside": 0.2,
        "evidence_weight": 2.0,
        "lungs_weight": 1.0,
        "outside_weight": 0.0,
    },
    "floor": {"in_lungs": 0.8, "locality": 0.4, "planted_hit": 0.35, "normal_heat": 0.5},
}


_RENAMED_IN_SECTIONS = {"local": {"elsewhere": "extra"}}  # until 0.20
_ADDED_TO_SECTIONS = {
    "local": ("outside_weight", "visible_from"),  # until 0.7, and until 0.14
    "floor": ("normal_heat",),  # until 0.12
}


def with_present_fields(document: dict[str, Any]) -> dict[str, Any]:
    """A saved configuration's JSON values with the fields and names of this version.

    Args:
        document: of this version or an earlier one; unknown fields are kept as they are.
    """
    found = {**_ADDED_LATER, **_renamed(document)}
    for section, names in _ADDED_TO_SECTIONS.items():
        if isinstance(found[section], dict):
            added = {name: _ADDED_LATER[section][name] for name in names}
            found[section] = {**added, **found[section]}
    if "balance_classes" in found:  # until 0.3, when it was on or off
        found["balance"] = "batches" if found.pop("balance_classes") else "none"
    return found


def lacking(document: dict[str, Any]) -> dict[str, Any]:
    """The settings that `with_present_fields` adds to a configuration, and their values.

    Args:
        document: JSON values of a configuration.

    Returns:
        By the name of the setting; ``"local.fraction"`` is the field fraction of local.
    """
    present = _flat(_renamed(document))
    return {name: value for name, value in _flat(_ADDED_LATER).items() if name not in present}


def _renamed(document: dict[str, Any]) -> dict[str, Any]:
    """The fields by the names of this version."""
    found: dict[str, Any] = with_new_names(document)
    for section, names in _RENAMED_IN_SECTIONS.items():
        if isinstance(found.get(section), dict):
            found[section] = {names.get(key, key): of for key, of in found[section].items()}
    return found


def _flat(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            found |= {f"{name}.{field}": inner for field, inner in value.items()}
        else:
            found[name] = value
    return found
