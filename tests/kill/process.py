"""A function in a process of its own, which is killed before one of its changes, or within one.

The process is a fork of one that has imported what the functions need, so it starts at once.
"""

from __future__ import annotations

import io
import math
import multiprocessing
import os
import random
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

_CONTEXT = multiprocessing.get_context("forkserver")
# Keras takes seconds to import, so it is only there where there will be many kills.
OFTEN = bool(os.environ.get("CXR_KILL_ROUNDS"))
_CONTEXT.set_forkserver_preload(["tests.kill.commands", *(["tests.kill.fits"] if OFTEN else [])])

_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}
_SECONDS = 900 if OFTEN else 120  # of one function


@dataclass(frozen=True)
class Kill:
    """When a process is killed: before a change of a file, at a size of one, or at any time.

    Attributes:
        change: number of the change from 1: a file opened for writing, renamed, cut off, removed.
        size: bytes of a file that are written; the next is not.
        seconds: after its beginning, if it has not ended by then.
    """

    change: int | None = None
    size: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Ending:
    """How a process ended.

    Attributes:
        killed: whether it was killed.
        changes: of files in its folder, if it was not.
    """

    killed: bool
    changes: int = 0


def kills(
    changes: int, rounds: int, *, largest: int, seed: int, seconds: float | None = None
) -> list[Kill]:
    """Some kills of a function: before each change if `rounds` allows, then within others.

    Args:
        changes: how many it makes.
        rounds: how many kills, at least two.
        largest: bytes of the largest file.
        seed: chooses them.
        seconds: how long it takes, for some kills at any time; none of these if None.
    """
    rng = random.Random(seed)  # noqa: S311
    numbers = rng.sample(range(1, changes + 1), min(changes, rounds // 2))
    times = [] if seconds is None else [rng.uniform(0, seconds) for _ in range(rounds // 3)]
    left = rounds - len(numbers) - len(times)
    sizes = [int(2 ** rng.uniform(0, math.log2(largest))) for _ in range(left)]
    return [
        *(Kill(change=number) for number in numbers),
        *(Kill(seconds=moment) for moment in times),
        *(Kill(size=size) for size in sizes),
    ]


def run(
    function: Callable[..., Any],
    *arguments: Any,
    folder: Path,
    kill: Kill | None = None,
    started: Callable[[int], None] = lambda _: None,
) -> Ending:
    """Call a function in a process of its own.

    Args:
        function: of `tests.kill.commands`.
        arguments: for it.
        folder: whose changes are counted.
        kill: when it is killed; never if None.
        started: is told the number of the process, before the function begins.

    Raises:
        AssertionError: the function raised something, or the process ended in another way.
    """
    ours, theirs = _CONTEXT.Pipe()
    process = _CONTEXT.Process(
        target=_victim, args=(theirs, function, arguments, folder, kill or Kill())
    )
    process.start()
    theirs.close()
    try:
        assert process.pid
        started(process.pid)
        ours.send("begin")
        if kill and kill.seconds is not None and not ours.poll(kill.seconds):
            os.kill(process.pid, signal.SIGKILL)
        assert ours.poll(_SECONDS), "it hangs"
        said: int | str | None = ours.recv()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        said = None
    finally:
        ours.close()
        process.join(_SECONDS)
        if process.is_alive():
            process.kill()
    if said is None:
        assert process.exitcode in (-signal.SIGKILL, -signal.SIGXFSZ), process.exitcode
        return Ending(killed=True)
    assert isinstance(said, int), said
    return Ending(killed=False, changes=said)


def _victim(
    pipe: Connection,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    folder: Path,
    kill: Kill,
) -> None:
    changes = 0

    def count(event: str, details: tuple[Any, ...]) -> None:
        nonlocal changes
        if _changes(event, details, str(folder)):
            changes += 1
            # Two threads may count at once, and neither see the very number.
            if kill.change and changes >= kill.change:
                os.kill(os.getpid(), signal.SIGKILL)

    pipe.recv()
    sys.addaudithook(count)
    if kill.size is not None:
        # The system ends the process there, without a chance for it to clean up.
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (kill.size, kill.size))
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            function(*arguments)
    except BaseException:  # whatever it is, the test is told
        pipe.send(traceback.format_exc())
    else:
        pipe.send(changes)


def _changes(event: str, details: tuple[Any, ...], folder: str) -> bool:
    if event == "open":
        if not isinstance(details[2], int) or not details[2] & (os.O_WRONLY | os.O_RDWR):
            return False
    elif event not in _CHANGES:
        return False
    path = details[0]
    if not isinstance(path, str | os.PathLike):
        return True  # an open file
    # A name alone is relative to an open folder: one that is removed with all that is in it.
    name = os.fspath(path)
    return not os.path.isabs(name) or name.startswith(folder)
