"""Make the example radiographs from a data folder."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)


def run(options: argparse.Namespace) -> int:
    """Write the example radiographs."""
    from training.data.composites import write_composites

    for path in write_composites(options.data, options.out):
        print(path)
    return 0
