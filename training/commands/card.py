"""Add figures to a model's card.

Figures are read from JSON files and stored in the bundle's evaluation.json; then the card
(README.md) is rewritten from it. Network, configuration and thresholds do not change. Without
figures, the card is only rewritten.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("--model", type=Path, required=True, help="bundle whose card is written")
    parser.add_argument(
        "--explanation", type=Path, metavar="FILE", help="explanation.json of explain-check"
    )
    parser.add_argument(
        "--typicality",
        type=Path,
        metavar="FILE",
        help="cross_validation.json of cross-validate --by typicality",
    )
    parser.add_argument(
        "--acquisition",
        type=Path,
        metavar="FILE",
        help="cross_validation.json of cross-validate --by acquisition",
    )
    parser.add_argument(
        "--baseline",
        type=Path,
        metavar="FILE",
        help="cross_validation.json of cross-validate --preset baseline, with the same folds",
    )
    parser.add_argument(
        "--external",
        type=Path,
        metavar="FILE",
        help="report.json of evaluate, on images of another hospital",
    )
    parser.add_argument(
        "--official-test",
        type=Path,
        metavar="FILE",
        help="figures on the official test split, measured on this very model",
    )


def run(options: argparse.Namespace) -> int:
    """Add the figures and write the card."""
    from training.sharing.card import update_bundle

    bundle = update_bundle(
        options.model,
        sections={
            name: path
            for name in (
                "explanation",
                "typicality",
                "acquisition",
                "baseline",
                "external",
                "official_test",
            )
            if (path := getattr(options, name))
        },
    )
    print(f"Card: {bundle.folder / 'README.md'}")
    return 0
