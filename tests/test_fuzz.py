"""What a fuzzer begins with, and what it found, is survived. `make fuzz` looks for more."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

FOUND = Path(__file__).parent / "fuzz" / "found"
SECONDS = 10  # of one input


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if not target.slow])
@pytest.mark.filterwarnings("ignore")
def test_the_seeds_are_survived(name: str) -> None:
    target = TARGETS[name]
    found = [path.read_bytes() for path in sorted(FOUND.glob(f"{name}-*"))]
    for number, seed in enumerate([*target.seeds(), *found]):
        signal.alarm(SECONDS)
        try:
            target.run(seed)
        except Exception as error:
            raise AssertionError(f"seed {number} of {name}: {error!r}") from error
        finally:
            signal.alarm(0)


@pytest.mark.slow
def test_weights_that_were_found_are_refused() -> None:
    """Damaged in ways that HDF5 reports as errors of other kinds."""
    found = sorted(FOUND.glob("weights-*"))
    assert found
    for path in found:
        TARGETS["weights"].run(path.read_bytes())
