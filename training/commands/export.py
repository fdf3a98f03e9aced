"""Add the graph that answers to a bundle of version 0.5 or earlier.

The weights stay the same. The graph is compared with the network on 32 images of noise; a graph
that answers otherwise is not kept.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("--model", type=Path, required=True, help="the bundle")


def run(options: argparse.Namespace) -> int:
    """Complete the bundle."""
    from training.sharing.completion import complete_bundle

    bundle = complete_bundle(options.model)
    print(f"Complete: {bundle.folder}")
    return 0
