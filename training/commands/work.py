"""Run what the studio has queued, without its page.

Run what waits, one after the other, until nothing does.
"""

from __future__ import annotations

import argparse

from training.commands.options import add_runs_option


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add_runs_option(parser)


def run(options: argparse.Namespace) -> int:
    """Work off the studio's queue."""
    from training.studio.jobs import JobQueue

    JobQueue(options.runs).work()
    return 0
