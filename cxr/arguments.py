"""Kinds of command-line arguments that several programs take, for argparse."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeVar

_Number = TypeVar("_Number", int, float)


def port(text: str) -> int:
    """The number of a port."""
    return _number(int, text, "a number from 1 to 65535", lambda value: 0 < value < 65_536)


def positive(text: str) -> int:
    """A whole number above 0."""
    return _number(int, text, "a whole number above 0", lambda value: value >= 1)


def fold_count(text: str) -> int:
    """A number of folds, from 2 on."""
    return _number(int, text, "a whole number from 2 on", lambda value: value >= 2)


def seed(text: str) -> int:
    """A seed: a whole number from 0 to 2**32 - 1."""
    said = f"a whole number from 0 to {2**32 - 1}"
    return _number(int, text, said, lambda value: 0 <= value < 2**32)


def rate(text: str) -> float:
    """A number between 0 and 1."""
    return _number(float, text, "a number between 0 and 1", lambda value: 0 < value < 1)


def fraction(text: str) -> float:
    """A number from 0 to 1."""
    return _number(float, text, "a number from 0 to 1", lambda value: 0 <= value <= 1)


def _number(
    kind: Callable[[str], _Number], text: str, expected: str, fits: Callable[[_Number], bool]
) -> _Number:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not fits(value):
        raise argparse.ArgumentTypeError(f"expected {expected}, received {text}")
    return value
