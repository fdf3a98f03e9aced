"""Kinds of command-line arguments that several programs take, for argparse."""

from __future__ import annotations

import argparse


def port(text: str) -> int:
    """The number of a port."""
    number = int(text)
    if not 0 < number < 65_536:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 65535, received {text}")
    return number


def positive(text: str) -> int:
    """A whole number above 0."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, received {text}")
    return value
