"""Commands that fit, at tiny size, and one that runs on Ray, which a test kills."""

from __future__ import annotations

import warnings
from pathlib import Path

import optuna

import cxr.cli
import training.networks.export
import training.networks.keras_way  # noqa: F401  # here, so that no process has to import it anew
from tests.conftest import QUICK_FIT
from tests.training.test_gate_making import TINY
from training.fitting.fit import fit
from training.fitting.loading import load_reserved, load_splits, load_whole
from training.fitting.run_folder import RunFolder
from training.fitting.tuning import tune
from training.gate.make import make_gate
from training.sharing.bundle import write_bundle
from training.sharing.model_figures import on_validation
from training.validation.cross_validation import cross_validate
from training.validation.folds import Plan, divide


def fit_run(data: Path, out: Path) -> None:
    """`fit`."""
    splits, run = load_splits(QUICK_FIT, data), RunFolder(out)
    run.start(QUICK_FIT, data, splits)
    network = fit(QUICK_FIT, splits, run)
    measured = on_validation(QUICK_FIT, splits.validation, network, run)
    write_bundle(QUICK_FIT, splits, network, run, name="killed", version="1", measured=measured)


def fit_folds(data: Path, out: Path) -> None:
    """`cross-validate`."""
    whole, _ = load_whole(QUICK_FIT, data)
    reserved = load_reserved(QUICK_FIT, data)
    plan = Plan(by="patient", folds=2, perturbed_images=4, seed=1)
    cross_validate(QUICK_FIT, divide(whole, reserved, data, plan), data, out)


def archive(films: Path, table: Path) -> None:
    """`archive`."""
    assert cxr.cli.main(["archive", str(films), "--out", str(table), "--workers", "1"]) == 0


def fit_gate(data: Path, lungs: Path, others: Path, out: Path) -> None:
    """`fit-gate`."""
    make_gate(data, [lungs], others, out, TINY)


def tune_until(data: Path, out: Path, until: int) -> None:
    """`tune --until`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        tune(QUICK_FIT, load_splits(QUICK_FIT, data), data, out, until=until)
