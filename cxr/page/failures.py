"""Logs unexpected errors by type and place: a message may name a file, and so a child."""

from __future__ import annotations

import logging
import traceback


def log_failure(what: str, error: Exception) -> None:
    """Log the kind of an unexpected error, and where it came up.

    Args:
        what: was not done because of it.
        error: that was caught.
    """
    where = "".join(traceback.format_tb(error.__traceback__))
    logging.error("%s: %s\n%s", what, type(error).__name__, where)
