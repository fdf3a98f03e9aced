"""Add figures to a bundle and write its card anew; the model stays the same."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("--model", type=Path, required=True, help="the bundle")
    parser.add_argument("--explanation", type=Path, help="explanation.json of explain-check")
    parser.add_argument("--typicality", type=Path, help="cross_validation.json --by typicality")
    parser.add_argument("--acquisition", type=Path, help="cross_validation.json --by acquisition")
    parser.add_argument("--baseline", type=Path, help="cross_validation.json of the baseline")
    parser.add_argument("--external", type=Path, help="report.json of images from elsewhere")
    parser.add_argument("--official-test", type=Path, help="figures on the official test split")


def run(options: argparse.Namespace) -> int:
    """Add figures to a bundle and write its card anew."""
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
