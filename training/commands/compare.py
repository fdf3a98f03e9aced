"""Compare two cross-validations on the same folds, with paired intervals.

Differences are the first's figures less the second's, on images that no network had seen. Those of
equal settings with another seed (cross-validate --seed) say how large chance is.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from training.commands.printing import print_comparison


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("first", type=Path, metavar="CV", help="folder of a cross-validation")
    parser.add_argument(
        "second", type=Path, metavar="OTHER", help="folder of another one, with the same folds"
    )


def run(options: argparse.Namespace) -> int:
    """Print the differences."""
    from training.validation.fold_comparison import compare_folds

    print_comparison(compare_folds(options.first, options.second))
    return 0
