"""Packages that only some commands need. `requirements-NAME.txt` is the extra `NAME` of pip."""

from __future__ import annotations

import importlib.util

from cxr.errors import MissingPackage


def require_extra(extra: str, *packages: str, needed_by: str) -> None:
    """Raise an error where packages of an extra are not installed.

    Args:
        extra: its name.
        packages: of it that are imported.
        needed_by: what asks for them, in words, with its verb.

    Raises:
        MissingPackage: it says how to install them.
    """
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise MissingPackage(
                f"{package}: not installed. {needed_by} the packages of requirements-{extra}.txt: "
                f"python -m pip install -r requirements-{extra}.txt, or pip install 'cxr[{extra}]'."
            )
