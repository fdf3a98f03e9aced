"""Make the example radiographs from a data folder.

Each example is the mean of nine similar radiographs of one class, of nine patients, so that it
shows nobody.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with train/NORMAL and train/PNEUMONIA"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the examples")


def run(options: argparse.Namespace) -> int:
    """Write the example radiographs."""
    from training.data.composites import write_composites

    for path in write_composites(options.data, options.out):
        print(path)
    return 0
