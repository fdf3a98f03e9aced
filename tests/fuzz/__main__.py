"""Fuzz for some minutes: python -m tests.fuzz MINUTES [--only TARGET …].

Each target runs in processes of its own, at low priority, with limits on the time of one input and
on memory. Inputs that reach new code are kept in runs/fuzz/TARGET/corpus for the next time; those
that find a defect are in runs/fuzz/TARGET/findings, and the exit status is 1. To try one again:

    python -m tests.fuzz --once TARGET FILE
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import subprocess
import sys
import time
from pathlib import Path

RUNS = Path("runs") / "fuzz"
SECONDS_AN_INPUT = 10
MEGABYTES = 2_000  # of the process
_SECONDS_AT_LEAST = 20  # of a target: some take half of it to start


def main() -> int:
    """Share the minutes among the targets and return the exit status."""
    from tests.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("minutes", type=float, nargs="?", default=5)
    parser.add_argument("--only", nargs="+", choices=list(TARGETS), default=list(TARGETS))
    parser.add_argument("--once", nargs=2, metavar=("TARGET", "FILE"), help="try a finding again")
    options = parser.parse_args()
    if options.once:
        TARGETS[options.once[0]].run(Path(options.once[1]).read_bytes())
        return 0
    if not importlib.util.find_spec("atheris"):
        print("Atheris is not installed: it is to be had on Linux, x86-64, for Python 3.11–3.13.")
        return 2
    os.nice(10)
    end, found = time.time() + 60 * options.minutes, 0
    for number, name in enumerate(options.only):
        # What a target has left of its time, or taken too much, is shared by those after it.
        share = max(0, end - time.time()) / (len(options.only) - number)
        paths = _fuzz(name, until=time.time() + max(share, _SECONDS_AT_LEAST))
        print(f"{name}: {_reached(name)}, {len(paths)} findings", *paths, sep="\n  ", flush=True)
        found += len(paths)
    return int(found > 0)


def _reached(name: str) -> str:
    """How many inputs were tried, and how much of the code they reached."""
    log = (RUNS / name / "log.txt").read_text(errors="replace")
    inputs = sum(map(int, re.findall(r"stat::number_of_executed_units:\s*(\d+)", log)))
    reached = [tuple(map(int, found)) for found in re.findall(r" cov: (\d+) ft: (\d+) ", log)]
    if not reached:
        return f"{inputs:,} inputs (it did not start: see {RUNS / name / 'log.txt'})"
    kept = sum(1 for _ in (RUNS / name / "corpus").iterdir())
    return (
        f"{inputs:,} inputs, coverage {reached[0][0]:,} → {max(reached)[0]:,} branches "
        f"({max(reached)[1]:,} features), {kept} inputs kept"
    )


def _fuzz(name: str, *, until: float) -> list[Path]:
    """Fuzz one target, going on after each defect; returns the inputs that found one."""
    from tests.fuzz.targets import TARGETS

    corpus, findings = RUNS / name / "corpus", RUNS / name / "findings"
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(TARGETS[name].seeds()):
        (corpus / f"seed-{number:02}").write_bytes(seed)
    before = set(findings.iterdir())
    with (RUNS / name / "log.txt").open("w") as log:
        while time.time() < until:
            command = [
                *(sys.executable, "-m", "tests.fuzz.one", name, str(until)),
                *(str(corpus), f"-artifact_prefix={findings}/"),
                *(
                    f"-timeout={SECONDS_AN_INPUT * (6 if TARGETS[name].slow else 1)}",
                    f"-rss_limit_mb={MEGABYTES}",
                ),
                *("-max_len=20000", "-print_final_stats=1"),
            ]
            subprocess.run(command, stdout=log, stderr=log, check=False)
    return sorted(set(findings.iterdir()) - before)


if __name__ == "__main__":
    sys.exit(main())
