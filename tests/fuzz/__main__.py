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
import subprocess
import sys
import time
from pathlib import Path

RUNS = Path("runs") / "fuzz"
SECONDS_AN_INPUT = 10
MEGABYTES = 2_000  # of the process


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
    each = 60 * options.minutes / len(options.only)
    found = {name: _fuzz(name, seconds=each) for name in options.only}
    for name, paths in found.items():
        print(f"{name}: {len(paths)} findings", *paths, sep="\n  ")
    return int(any(found.values()))


def _fuzz(name: str, *, seconds: float) -> list[Path]:
    """Fuzz one target, going on after each defect; returns the inputs that found one."""
    from tests.fuzz.targets import TARGETS

    corpus, findings = RUNS / name / "corpus", RUNS / name / "findings"
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(TARGETS[name].seeds()):
        (corpus / f"seed-{number:02}").write_bytes(seed)
    before = set(findings.iterdir())
    end = time.monotonic() + seconds
    with (RUNS / name / "log.txt").open("w") as log:
        while (left := int(end - time.monotonic())) > 0:
            command = [
                *(sys.executable, "-m", "tests.fuzz.one", name),
                *(str(corpus), f"-artifact_prefix={findings}/", f"-max_total_time={left}"),
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
