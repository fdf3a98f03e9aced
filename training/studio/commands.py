"""Runs a command in a process of its own, and shows its output on the page as it comes."""

from __future__ import annotations

import time
from collections.abc import Iterator

from training.files import make_folder
from training.jobs.processes import command_line, last_lines, start
from training.jobs.queue import JobQueue

_MAX_LINES = 500  # of the output that is shown
_INTERVAL = 0.4  # seconds between two updates


def run_command(queue: JobQueue, *arguments: str) -> Iterator[tuple[str, int | None]]:
    """Run ``python -m training ARGUMENTS``. It continues if the page is closed meanwhile.

    Args:
        queue: its folder keeps the output.
        arguments: name of the command, then its arguments.

    Yields:
        The command and its output so far; and its exit status, None until it has ended.
    """
    make_folder(queue.folder / "commands")
    path = queue.folder / "commands" / f"{arguments[0]}-{time.time_ns()}.txt"
    with path.open("wb") as log:
        log.write(f"$ {command_line(arguments)}\n".encode())
        log.flush()
        process = start(arguments, log)
    shown = ""
    while process.poll() is None:
        now = last_lines(path.read_bytes(), _MAX_LINES)
        if now != shown:
            yield now, None
        shown = now
        time.sleep(_INTERVAL)
    yield last_lines(path.read_bytes(), _MAX_LINES), process.returncode
