"""A page to check data, train, tune, compare and publish.

A page on this machine, and for it alone. What it runs are commands of this package, in processes of
their own: they go on when the page is closed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from cxr.arguments import port
from training.commands.options import add_runs_option


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("--data", type=Path, help="the data folder to begin with")
    add_runs_option(parser)
    parser.add_argument("--port", type=port, help="instead of the first free one from 7860 on")
    parser.add_argument(
        "--listen",
        metavar="ADDRESS",
        default="127.0.0.1",
        help="listen beyond this machine, as 0.0.0.0; the page then asks for a password",
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")


def run(options: argparse.Namespace) -> int:
    """Serve the studio until interrupted."""
    from training.studio import serve_studio

    serve_studio(
        options.runs,
        options.data,
        port=options.port,
        listen=options.listen,
        browser=not options.no_browser,
    )
    return 0
