"""What a fuzzer begins with, and what it found, is survived. `make fuzz` looks for more."""

from __future__ import annotations

import signal

import pytest

from tests.fuzz.targets import TARGETS

SECONDS = 10  # of one input


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if not target.slow])
@pytest.mark.filterwarnings("ignore")
def test_the_seeds_are_survived(name: str) -> None:
    target = TARGETS[name]
    for number, seed in enumerate(target.seeds()):
        signal.alarm(SECONDS)
        try:
            target.run(seed)
        except Exception as error:
            raise AssertionError(f"seed {number} of {name}: {error!r}") from error
        finally:
            signal.alarm(0)
