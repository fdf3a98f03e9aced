"""The page as a process: started, measured and stopped as an operator does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT


class Server:
    """`python app.py` on a port of its own, with a temporary folder of its own."""

    def __init__(self, port: int, folder: Path) -> None:
        """Refer to a server; it is not started yet."""
        self.url = f"http://127.0.0.1:{port}"
        self.folder = folder
        self._port = port
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, "app.py", "--no-browser", "--port", str(self._port)]
        with (self.folder.parent / "server.log").open("a") as log:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, "TMPDIR": str(self.folder)},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line.startswith(f"Page: {self.url}"), line

    def stop(self) -> int:
        """Ask it to end; returns its exit status."""
        assert self._process
        self._process.terminate()
        return self._process.wait(timeout=60)

    def memory(self) -> float:
        """Megabytes that it and the processes that it started hold."""
        assert self._process
        return sum(_resident(pid) for pid in _family(self._process.pid))

    def files(self) -> int:
        """Files in its temporary folder."""
        return sum(len(names) for _, _, names in os.walk(self.folder))


def _family(pid: int) -> list[int]:
    try:
        said = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:  # ended
        return []
    return [pid, *(each for child in said.split() for each in _family(int(child)))]


def _resident(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    lines = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(lines[0].split()[1]) / 1024 if lines else 0.0
