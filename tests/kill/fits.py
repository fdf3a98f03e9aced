"""Commands that fit, at tiny size, which a test kills. They need Keras."""

from __future__ import annotations

import warnings
from pathlib import Path

import optuna

import training.networks.export
import training.networks.keras_way  # noqa: F401  # here, so that no process has to import it anew
from tests.conftest import QUICK_FIT
from tests.training.test_gate_making import TINY
from training.fitting.loading import load_splits
from training.fitting.tuning import tune
from training.gate.make import make_gate


def fit_gate(data: Path, lungs: Path, others: Path, out: Path) -> None:
    """`fit-gate`."""
    make_gate(data, [lungs], others, out, TINY)


def tune_until(data: Path, out: Path, until: int) -> None:
    """`tune --until`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        tune(QUICK_FIT, load_splits(QUICK_FIT, data), data, out, until=until)
