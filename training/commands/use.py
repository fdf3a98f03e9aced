"""Choose the model that this machine uses by default.

Copies a run's model to where the page, the command line and the library look when no --model is
given. The bottom of the page says which model is in use.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "run", type=Path, nargs="?", metavar="RUN", help="folder of a finished run, or of a bundle"
    )
    which.add_argument(
        "--bundled", action="store_true", help="go back to the model that comes with the code"
    )


def run(options: argparse.Namespace) -> int:
    """Choose this machine's model, and print which it is."""
    from training.sharing.local_model import use, use_bundled

    bundle = use_bundled() if options.bundled else use(options.run)
    print(f"In use: {', '.join(bundle.identity().values())}")
    if named := os.environ.get("CXR_MODEL"):
        print(f"But CXR_MODEL is set, and {named} comes before it. Unset CXR_MODEL.")
    return 0
