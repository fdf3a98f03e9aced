"""Fuzzes one target: python -m tests.fuzz.one TARGET UNTIL CORPUS [options of libFuzzer]."""

from __future__ import annotations

import sys
import time
import warnings

import atheris

# What the fuzzer looks into: ours, and what reads for us and is written in Python.
with atheris.instrument_imports(include=["cxr", "training", "pydicom", "PIL", "tests.fuzz"]):
    from tests.fuzz.targets import TARGETS

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    name, until = sys.argv.pop(1), float(sys.argv.pop(1))  # which is a time as of time.time()
    sys.argv.append(f"-max_total_time={max(1, round(until - time.time()))}")
    atheris.Setup(sys.argv, TARGETS[name].run)
    atheris.Fuzz()
