"""Commands of the training package as processes: starting one, and reading what it printed."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

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


def command_line(arguments: Sequence[str]) -> str:
    """A command as a person would give it, in the project's folder."""
    return shlex.join(["python", "-m", "training", *arguments])


def start(
    arguments: Sequence[str],
    log: IO[bytes],
    *,
    stdin: int = subprocess.DEVNULL,
    environment: Mapping[str, str] = MappingProxyType({}),
    **settings: Any,
) -> subprocess.Popen[bytes]:
    """Start a command.

    Args:
        arguments: what follows ``python -m training``.
        log: gets what the command prints, in UTF-8.
        stdin: of the process.
        environment: variables that it gets beside those of this process.
        settings: others of `subprocess.Popen`.
    """
    return subprocess.Popen(
        [*_PROGRAM, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
        stdin=stdin,
        stdout=log,
        stderr=subprocess.STDOUT,
        **settings,
    )


def run_until_stopped(arguments: Sequence[str], stop: Path, log: IO[bytes]) -> int:
    """Run a command until it ends, or until a file exists; it also ends with this process.

    Args:
        arguments: what follows ``python -m training``.
        stop: a file; once it exists, the command is asked to end.
        log: gets what the command prints.

    Returns:
        The exit status.
    """
    # Its input is closed when this process ends: see `training.parent_process`.
    tethered = {TETHERED: "1"}
    with start(arguments, log, stdin=subprocess.PIPE, environment=tethered) as process:
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
