"""Kinds of command-line arguments that several programs take, for argparse."""

from __future__ import annotations

import argparse


def port(text: str) -> int:
    """The number of a port."""
    number = int(text)
    if not 0 < number < 65_536:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 65535, received {text}")
    return number
