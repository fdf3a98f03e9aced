"""What a fuzzer begins with, and what it found, is survived. `make fuzz` looks for more."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.conftest import ROOT
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


_IN_BROWSER = """
from tests.fuzz import browser
for seed in browser.zip_files():
    browser.zip_file(seed)
for seed in browser.label_tables():
    browser.study_labels(seed)
"""


@pytest.mark.browser
def test_what_the_browser_reads_is_survived(browser: Browser) -> None:
    """In a process of its own, since this one has a Chromium already."""
    subprocess.run([sys.executable, "-c", _IN_BROWSER], cwd=ROOT, check=True)


@pytest.mark.slow
def test_weights_that_were_found_are_refused() -> None:
    """Damaged in ways that HDF5 reports as errors of other kinds."""
    found = sorted(FOUND.glob("weights-*"))
    assert found
    for path in found:
        TARGETS["weights"].run(path.read_bytes())
