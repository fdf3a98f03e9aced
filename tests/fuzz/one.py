"""Fuzzes one target: python -m tests.fuzz.one TARGET CORPUS [options of libFuzzer]."""

from __future__ import annotations

import sys
import warnings

import atheris

# What the fuzzer looks into: ours, and what reads for us and is written in Python.
with atheris.instrument_imports(include=["cxr", "training", "pydicom", "PIL", "tests.fuzz"]):
    from tests.fuzz.targets import TARGETS

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, TARGETS[name].run)
    atheris.Fuzz()
