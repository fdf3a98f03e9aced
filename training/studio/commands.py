"""Commands that one waits for: run beside the page, their words shown as they come."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from collections.abc import Iterator

from training.files import ROOT, make_folder
from training.studio.jobs import JobQueue, last_lines

_LINES = 500
_EVERY = 0.4  # seconds between two looks at what was printed


def run_command(queue: JobQueue, *arguments: str) -> Iterator[tuple[str, int | None]]:
    """Run ``python -m training ARGUMENTS``; it goes on if nobody waits for it any more.

    Args:
        queue: in whose folder its words are kept.
        arguments: of the command, which names itself first.

    Yields:
        What it has printed so far, the command first, and its exit status once it has ended.
    """
    make_folder(queue.folder / "commands")
    path = queue.folder / "commands" / f"{arguments[0]}-{time.time_ns()}.txt"
    with path.open("wb") as log:
        log.write(f"$ {shlex.join(['python', '-m', 'training', *arguments])}\n".encode())
        log.flush()
        process = subprocess.Popen(
            [sys.executable, "-m", "training", *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    shown = ""
    while process.poll() is None:
        now = last_lines(path.read_bytes(), _LINES)
        if now != shown:
            yield now, None
        shown = now
        time.sleep(_EVERY)
    yield last_lines(path.read_bytes(), _LINES), process.returncode
