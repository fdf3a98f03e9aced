"""Commands that one waits for: run beside the page, their words shown as they come."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from training.jobs import last_lines

_ROOT = Path(__file__).parents[2]
_LINES = 500
_AT_ONCE = 65_536  # bytes


def run_command(*arguments: str) -> Iterator[tuple[str, int | None]]:
    """Run ``python -m training ARGUMENTS``.

    Yields:
        What it has printed so far, the command first, and its exit status once it has ended.
    """
    printed = f"$ {shlex.join(['python', '-m', 'training', *arguments])}\n".encode()
    yield printed.decode(), None
    with subprocess.Popen(
        [sys.executable, "-m", "training", *arguments],
        cwd=_ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
    ) as process:
        while process.stdout and (words := process.stdout.read(_AT_ONCE)):
            printed += words
            yield last_lines(printed, _LINES), None
    yield last_lines(printed, _LINES), process.returncode
