"""Commands of the training package as processes: running one, and reading what it printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from training.files import ROOT
from training.parent_process import TETHERED

# TensorFlow prints these at every start, whatever its log level is.
_CHATTER = re.compile(r"I0000 |WARNING: All log messages before absl")
_PROGRAM = [sys.executable, "-m", "training"]
_INTERVAL = 0.3  # seconds between two checks of a running command
_ENDED = (
    "\nEnded by the system (signal {number}). Signal 9 mostly means that memory was short: end "
    "what else needs memory and resume, or start anew with smaller images or a smaller batch.\n"
)
_GRACE = 20.0  # seconds that a command has to end after it was asked to


def run_until_stopped(arguments: Sequence[str], stop: Path, log: IO[bytes]) -> int:
    """Run a command until it ends, or until a file exists; it also ends with this process.

    Args:
        arguments: what follows ``python -m training``.
        stop: a file; once it exists, the command is asked to end.
        log: gets what the command prints.

    Returns:
        The exit status.
    """
    with subprocess.Popen(
        [*_PROGRAM, *arguments],
        cwd=ROOT,
        env={**os.environ, TETHERED: "1", "PYTHONIOENCODING": "utf-8"},  # as the log is read
        stdin=subprocess.PIPE,  # closed when this process ends: see `training.parent_process`
        stdout=log,
        stderr=subprocess.STDOUT,
    ) as process:
        asked: float | None = None
        while process.poll() is None:
            if asked is None and stop.exists():
                asked = time.monotonic()
                process.terminate()
            elif asked is not None and time.monotonic() - asked > _GRACE:
                process.kill()
            time.sleep(_INTERVAL)
    if asked is None and process.returncode < 0:
        log.write(_ENDED.format(number=-process.returncode).encode())
    if asked is not None:
        log.write(b"\nStopped. Its results so far are kept, and it can be resumed.\n")
    return process.returncode


def last_lines(printed: bytes, count: int) -> str:
    """The last lines that a command has printed.

    Of a progress bar only its newest state is left; TensorFlow's start-up messages are left out.

    Args:
        printed: standard output and error, in UTF-8.
        count: of lines at most.
    """
    lines = printed.decode("utf-8", errors="replace").split("\n")
    shown = [line.rstrip("\r").rpartition("\r")[2] for line in lines]
    wanted = [line for line in shown if line.strip() and not _CHATTER.match(line)]
    return "\n".join(wanted[-count:])
