"""Write the cases in examples/: their files, and what the bundled model says of each.

Without --data, only the answers in examples/cases.toml are written anew, as after a new model.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        default=(),
        metavar="DIR",
        help="folders with radiographs of the training split of chest_xray; those at their "
        "original size first. Also writes the files",
    )


def run(options: argparse.Namespace) -> int:
    """Write the cases, and print what the model says of them."""
    from cxr.classifier import Classifier
    from training.data.case_files import write_answers, write_files
    from training.files import EXAMPLES

    if options.data:
        write_files(options.data, EXAMPLES)
    for case, answer in write_answers(EXAMPLES, Classifier.load()):
        probability = "" if answer.probability is None else f"{answer.probability:.4f}"
        said = answer.verdict or " ".join([answer.status, *answer.reasons])
        print(f"{case.name:<20} {case.label:<10} {probability:<7} {said}")
    return 0
