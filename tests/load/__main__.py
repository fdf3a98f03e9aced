"""The page under many clients, with a restart in the middle: python -m tests.load MINUTES CLIENTS.

Starts `python app.py` with the bundled model, sends it visitors (`tests.load.visitor`), and prints
what came of it. The exit status is 1 if a goal was missed: an error, an answer of the viewer that
takes more than `GOAL` times as long as one alone for more than 1 in 20, memory or files that grow,
or a file that is left when the server has ended.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import socket
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.load.server import Server
from tests.load.visitor import Timed, Visitor

GOAL = 10  # times as long as one answer alone, at most, for 19 of 20
GROWTH = 1.25  # of memory from the middle to the end of a server's life
_PAUSE = (2.0, 8.0)  # seconds between the actions of one visitor
_RESTART = 15.0  # seconds around the restart within which requests that break off are its own
_LIFE_OF_UPLOADS = 360  # seconds: no file is older than that, with some to spare
_SAMPLE = 2.0  # seconds


@dataclass
class Watch:
    """What was measured of the server and its visitors."""

    timed: list[Timed] = field(default_factory=list)
    samples: list[tuple[float, int, float, int]] = field(default_factory=list)
    restarted: tuple[float, float] = (math.inf, math.inf)

    restarting: bool = False

    def endings(self, kind: str) -> Counter[str]:
        """How the actions of a kind ended; what the restart broke off is of its own sort."""
        begin, end = self.restarted
        return Counter(
            each.ending
            if each.ending in ("answered", "later", "given up")
            or not begin <= each.at <= end + _RESTART
            else "restart"
            for each in self.timed
            if each.kind == kind
        )

    def seconds(self, kind: str) -> list[float]:
        """Of those that were answered."""
        return [
            each.seconds for each in self.timed if (each.kind, each.ending) == (kind, "answered")
        ]


def main() -> int:
    """Run it and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("minutes", type=float, nargs="?", default=3)
    parser.add_argument("clients", type=int, nargs="?", default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cxr-load-") as folder:
        temporary = Path(folder) / "tmp"
        temporary.mkdir()
        server = Server(_free_port(), temporary)
        server.start()
        try:
            alone, watch = asyncio.run(_run(server, options.minutes * 60, options.clients))
        finally:
            status = server.stop()
        log = (Path(folder) / "server.log").read_text()
        left = [str(path) for path in temporary.rglob("*") if path.is_file()]
        return _report(alone, watch, status=status, left=left, log=log)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


async def _run(server: Server, seconds: float, clients: int) -> tuple[float, Watch]:
    """Seconds of one answer alone, and what came of all."""
    first: list[Timed] = []
    only = Visitor(server.url, 0, first.append)
    for _ in range(12):
        await only.view()
    alone = float(np.median([each.seconds for each in first[2:] if each.kind == "view"]))
    watch = Watch()
    end = time.monotonic() + seconds
    visitors = [Visitor(server.url, n, watch.timed.append) for n in range(1, clients + 1)]
    tasks = [asyncio.create_task(each.stay(end, pause=_PAUSE)) for each in visitors]
    sampling = asyncio.create_task(_sample(server, watch, end))
    await asyncio.sleep(seconds / 2)
    began, watch.restarting = time.monotonic(), True
    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(server.start)
    watch.restarted, watch.restarting = (began, time.monotonic()), False
    await asyncio.gather(*tasks, sampling)
    return alone, watch


async def _sample(server: Server, watch: Watch, end: float) -> None:
    while time.monotonic() < end:
        if not watch.restarting:
            life = int(watch.restarted[0] < math.inf)
            watch.samples.append((time.monotonic(), life, server.memory(), server.files()))
        await asyncio.sleep(_SAMPLE)


def _report(alone: float, watch: Watch, *, status: int, left: list[str], log: str) -> int:
    """Print the figures; 1 if a goal was missed."""
    missed = []
    print(f"one answer alone: {1000 * alone:.0f} ms")
    print(
        f"{'action':<12}{'answered':>9}{'later':>7}{'given up':>9}{'restart':>9}{'errors':>8}"
        f"{'p50':>8}{'p95':>8}"
    )
    for kind in sorted({each.kind for each in watch.timed}):
        endings, seconds = watch.endings(kind), watch.seconds(kind)
        later, errors = endings["later"], dict(endings)
        for expected in ("answered", "later", "given up", "restart"):
            errors.pop(expected, None)
        p50, p95 = np.percentile(seconds, (50, 95)) if seconds else (np.nan, np.nan)
        print(
            f"{kind:<12}{endings['answered']:>9}{later:>7}{endings['given up']:>9}"
            f"{endings['restart']:>9}"
            f"{sum(errors.values()):>8}{1000 * p50:>7.0f}m{1000 * p95:>7.0f}m"
        )
        missed += [f"{kind}: {count} × {what}" for what, count in errors.items()]
        if kind == "view" and not p95 < GOAL * alone:
            missed.append(f"view: p95 is {p95 / alone:.1f} times one answer alone")
    for life in sorted({each[1] for each in watch.samples}):
        missed += _of_life(life, [each for each in watch.samples if each[1] == life])
    if left or status:
        missed.append(f"when the server had ended: {left}, exit status {status}")
    if "Traceback" in log:
        missed.append(f"the server's log:\n{log[-3000:]}")
    print(*(f"MISSED {each}" for each in missed), sep="\n")
    return int(bool(missed))


def _of_life(life: int, samples: list[tuple[float, int, float, int]]) -> list[str]:
    """Print memory and files of one life of the server; what has grown."""
    times, _, memory, files = map(np.asarray, zip(*samples, strict=True))
    settled = float(
        np.median(memory[len(memory) // 3 : len(memory) // 2] if len(memory) > 5 else memory)
    )
    last = float(np.median(memory[-5:]))
    print(
        f"server {life + 1}: memory {memory[0]:.0f} MB at its start, {settled:.0f} in the middle,"
        f" {last:.0f} at the end, {memory.max():.0f} at most; files {files[-1]} at the end,"
        f" {files.max()} at most"
    )
    missed = []
    if last > GROWTH * settled:
        missed.append(f"memory grew from {settled:.0f} to {last:.0f} MB")
    old = times - times[0] > _LIFE_OF_UPLOADS
    if old.sum() > 20 and files[old][-10:].mean() > GROWTH * files[old][:10].mean():
        missed.append("files grew")
    return missed


if __name__ == "__main__":
    sys.exit(main())
