"""Open a page to check data, train, compare and publish, without code.

The page is for this machine only. Each training is a command of this package in a process of its
own, and continues when the page is closed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from cxr.arguments import port
from training.commands.options import add_runs_option


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("--data", type=Path, help="data folder to start with")
    add_runs_option(parser)
    parser.add_argument("--port", type=port, help="port (default: the first free one from 7860)")
    parser.add_argument(
        "--listen",
        metavar="ADDRESS",
        default="127.0.0.1",
        help="address to listen on (default: this machine only); with any other, for example "
        "0.0.0.0, the page asks for a password",
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
