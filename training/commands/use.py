"""Make a run's model the one that page and command line use on this machine.

Copy a run's model to where app.py, classify and the library look for it where no other is named.
What is in use is on the page's last line.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("run", type=Path, nargs="?", metavar="RUN", help="a run, or a bundle")
    which.add_argument("--bundled", action="store_true", help="the one that comes with the code")


def run(options: argparse.Namespace) -> int:
    """Choose the model of this machine."""
    from training.sharing.local_model import use, use_bundled

    bundle = use_bundled() if options.bundled else use(options.run)
    print(f"In use: {', '.join(bundle.identity().values())}")
    return 0
