"""Configurations as earlier versions saved them, brought to the fields of this version."""

from __future__ import annotations

from typing import Any

from cxr.old_names import with_new_names

# What saved configurations lack: `select_by` until 0.3, `local` and `floor` until 0.4. Of the
# networks of that time only the published one can still be read, and it uses neither section: they
# get the values that the preset baseline has, so that a run begun with it can be resumed.
_ADDED_LATER: dict[str, Any] = {
    "select_by": "last",
    "local": {
        "fraction": 0.375,
        "planted": 0.6,
        "visible_from": 0.0,
        "elsewhere": 0.3,
        "restyle": 0.3,
        "restyle_planted": 0.7,
        "exchange_outside": 0.2,
        "evidence_weight": 2.0,
        "lungs_weight": 1.0,
        "outside_weight": 0.0,
    },
    "floor": {"in_lungs": 0.8, "locality": 0.4, "planted_hit": 0.35, "normal_heat": 0.5},
}


def with_present_fields(document: dict[str, Any]) -> dict[str, Any]:
    """A saved configuration's JSON values with the fields and names of this version.

    Args:
        document: of this version or an earlier one; unknown fields are kept as they are.
    """
    found: dict[str, Any] = {**_ADDED_LATER, **with_new_names(document)}
    if isinstance(
        found["local"], dict
    ):  # until 0.7 without the first, until 0.14 without the second
        found["local"] = {"outside_weight": 0.0, "visible_from": 0.0, **found["local"]}
    if isinstance(found["floor"], dict):  # until 0.12 without this limit
        found["floor"] = {"normal_heat": 0.5, **found["floor"]}
    if "balance_classes" in found:  # until 0.3, when it was on or off
        found["balance"] = "batches" if found.pop("balance_classes") else "none"
    return found
