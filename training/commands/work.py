"""Run the trainings that the studio has queued, without its page.

Runs them one after the other and ends when the queue is empty.
"""

from __future__ import annotations

import argparse

from training.commands.options import add_runs_option


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add_runs_option(parser)


def run(options: argparse.Namespace) -> int:
    """Run the queued commands."""
    from training.jobs.queue import JobQueue

    JobQueue(options.runs).work()
    return 0
