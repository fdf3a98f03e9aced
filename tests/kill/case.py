"""A command that is killed: what is there before it, and what may be found after."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tests.kill.process import Ending, Kill, kills


class KilledCase:
    """A command, the state before it, and what may be found after a kill."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.prepare()

    def prepare(self) -> None:
        """Write what is there before the command."""

    def call(self, kill: Kill | None = None) -> Ending:
        """Give the command."""
        raise NotImplementedError

    def again(self) -> None:
        """Give the command again after a kill."""
        self.call()

    def check(self) -> None:
        """Find what was there before, or all that is new."""
        raise NotImplementedError

    def files(self) -> dict[str, Any]:
        """What is in the folder: digests by path, without what was begun and is not used."""
        return {
            path.relative_to(self.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
            and "partial-" not in str(path.relative_to(self.folder))
            and path.suffix != ".partial"
        }


C = TypeVar("C", bound=KilledCase)


def survive(
    make: Callable[[Path], C], folder: Path, *, rounds: int, seed: int, timed: bool = False
) -> None:
    """Kill a command often, each time from the start, and give it again.

    Args:
        make: a case in a folder.
        folder: for all of them.
        rounds: how many kills.
        seed: chooses them.
        timed: whether some come at any time: for libraries that write without Python's functions.
    """
    whole = make(folder / "whole")
    begin = time.monotonic()
    changes = whole.call().changes
    seconds = time.monotonic() - begin
    assert changes
    whole.check()
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    # Without files, whatever is written.
    largest = max(sizes, default=2)
    some = kills(changes, rounds, largest=largest, seed=seed, seconds=seconds if timed else None)
    for number, kill in enumerate(some):
        one = make(folder / str(number))
        ending = one.call(kill)
        assert ending.killed or not kill.change, kill
        one.check()
        one.again()
        one.check()
        assert one.files() == whole.files(), kill
        shutil.rmtree(one.folder)
