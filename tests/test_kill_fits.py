"""Fits, cross-validations, searches and fits of the gate are killed at any moment: `make kill`.

What they have written can be read, and the same command ends as if nothing had happened.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pyarrow.parquet as pq
import pytest

from cxr.gate.files import read_gate
from cxr.model.bundle import load_bundle
from tests.conftest import QUICK_FIT
from tests.kill import fits
from tests.kill.case import KilledCase, survive
from tests.kill.process import OFTEN, Ending, Kill, run
from tests.training.test_gate_making import write_images
from training.fitting.config import TrainingConfig
from training.fitting.presets import load_preset
from training.fitting.run_folder import RunFolder

ROUNDS = int(os.environ.get("CXR_KILL_ROUNDS") or 2)
TRIALS = 3
pytestmark = pytest.mark.skipif(not OFTEN, reason="takes minutes: `make kill` does it")


class OfImages(KilledCase):
    """A command that reads a folder of images."""

    def __init__(self, folder: Path, images: Path) -> None:
        self.images, self.out = images, folder / "out"
        super().__init__(folder)


class Fit(OfImages):
    """A network is trained, and becomes a bundle."""

    def call(self, kill: Kill | None = None) -> Ending:
        return run(fits.fit_run, self.images, self.out, folder=self.folder, kill=kill)

    def check(self) -> None:
        if not (self.out / "config.json").exists():
            return
        found = RunFolder(self.out)
        epochs, checkpoint = found.latest_checkpoint()
        assert len(found.read_history(QUICK_FIT.epochs)) >= epochs
        assert checkpoint is None or checkpoint.exists()
        if (self.out / "bundle").exists():
            assert load_bundle(self.out / "bundle").name == "killed"

    def files(self) -> dict[str, Any]:
        bundle = load_bundle(self.out / "bundle")
        return dict.fromkeys(super().files(), "") | {"identity": bundle.sha256}


class CrossValidate(OfImages):
    """A network is trained for each fold, and their scores are put together."""

    def call(self, kill: Kill | None = None) -> Ending:
        return run(fits.fit_folds, self.images, self.out, folder=self.folder, kill=kill)

    def check(self) -> None:
        for name in super().files():
            path = self.folder / name
            if path.suffix == ".csv":
                assert len(pd.read_csv(path))
            if path.suffix == ".json":
                assert json.loads(path.read_text())

    def files(self) -> dict[str, Any]:
        scores = pd.read_csv(self.out / "out_of_fold.csv")
        assert len(scores)
        return dict.fromkeys(super().files(), "") | {"scores": scores.round(4).to_csv()}


class Archive(OfImages):
    """Radiographs are answered on Ray, into a table of parts."""

    def call(self, kill: Kill | None = None) -> Ending:
        if kill and kill.size is not None:  # Ray's own processes would be held to it, too
            kill = Kill(seconds=kill.size % 20)
        return run(fits.archive, self.images, self.out, folder=self.folder, kill=kill)

    def rows(self) -> list[dict[str, Any]]:
        """Of all parts."""
        parts = sorted((self.out).glob("part-*"))
        return [row for part in parts for row in pq.read_table(part).to_pylist()]

    def check(self) -> None:
        paths = [row["path"] for row in self.rows()]
        assert len(paths) == len(set(paths))

    def files(self) -> dict[str, Any]:
        return {row["path"]: row["probability"] for row in self.rows()}


class FitGate(KilledCase):
    """A gate is made."""

    def __init__(self, folder: Path, images: Path, chest_images: Path) -> None:
        self.sources = (chest_images, images / "lungs.csv", images / "others.csv")
        super().__init__(folder)

    def call(self, kill: Kill | None = None) -> Ending:
        return run(fits.fit_gate, *self.sources, self.folder / "out", folder=self.folder, kill=kill)

    def check(self) -> None:
        out = self.folder / "out"
        if (out / "gate").exists():
            assert read_gate(out / "gate").evaluation
        for path in [*out.glob("*.csv"), *out.glob("*.json")]:
            assert len(pd.read_csv(path) if path.suffix == ".csv" else json.loads(path.read_text()))

    def files(self) -> dict[str, Any]:
        scores = pd.read_csv(self.folder / "out" / "pictures.csv")
        assert len(scores)
        return dict.fromkeys(super().files(), "") | {"scores": scores.round(3).to_csv()}


class Tune(OfImages):
    """Settings are searched."""

    def call(self, kill: Kill | None = None) -> Ending:
        return run(fits.tune_until, self.images, self.out, TRIALS, folder=self.folder, kill=kill)

    def trials(self) -> Iterator[optuna.trial.FrozenTrial]:
        """Of the study, each with what its folder holds if it has ended."""
        database = self.out / "study.db"
        if not database.exists():
            return
        with closing(sqlite3.connect(database)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            if not connection.execute(
                "SELECT 1 FROM sqlite_master WHERE name='studies'"
            ).fetchone():
                return
            if not connection.execute("SELECT 1 FROM studies").fetchone():
                return
        for trial in optuna.load_study(study_name="cxr", storage=f"sqlite:///{database}").trials:
            if trial.state.is_finished():
                run_folder = RunFolder(self.out / f"trial-{trial.number}")
                assert run_folder.weights.exists()
                assert trial.value == pytest.approx(run_folder.read_history(99)[-1]["val_auc"])
            yield trial

    def check(self) -> None:
        ended = sum(trial.state.is_finished() for trial in self.trials())
        if (self.out / "report.json").exists():
            report = json.loads((self.out / "report.json").read_text())
            assert report["trials"]["complete"] <= ended
        if (self.out / "trials.csv").exists():
            assert len(pd.read_csv(self.out / "trials.csv"))
        if (self.out / "best.json").exists():
            assert isinstance(load_preset(str(self.out / "best.json")), TrainingConfig)

    def files(self) -> dict[str, Any]:
        trials = list(self.trials())
        assert [trial.number for trial in trials] == list(range(TRIALS))
        assert all(trial.state == optuna.trial.TrialState.COMPLETE for trial in trials)
        report = json.loads((self.out / "report.json").read_text())
        assert report["trials"]["complete"] == TRIALS
        assert report["best"]["val_auc"] == max(trial.value or 0 for trial in trials)
        assert list(pd.read_csv(self.out / "trials.csv")["value"]) == [
            trial.value for trial in trials
        ]
        return dict.fromkeys(super().files(), "")


@pytest.mark.slow
def test_a_fit_that_is_killed_ends_with_the_same_model(chest_images: Path, tmp_path: Path) -> None:
    survive(lambda folder: Fit(folder, chest_images), tmp_path, rounds=ROUNDS, seed=3, timed=True)


@pytest.mark.slow
def test_a_cross_validation_that_is_killed_scores_every_image_all_the_same(
    chest_images: Path, tmp_path: Path
) -> None:
    survive(
        lambda folder: CrossValidate(folder, chest_images),
        tmp_path,
        rounds=ROUNDS,
        seed=4,
        timed=True,
    )


@pytest.mark.slow
def test_an_archive_that_is_killed_answers_every_file_once(
    image_file: Path, tmp_path: Path
) -> None:
    films = tmp_path / "films"
    films.mkdir()
    for number in range(30):
        shutil.copy(image_file, films / f"{number}.png")
    survive(lambda folder: Archive(folder, films), tmp_path, rounds=ROUNDS, seed=5, timed=True)


@pytest.mark.slow
def test_a_gate_whose_fit_is_killed_is_made_all_the_same(
    chest_images: Path, tmp_path: Path
) -> None:
    (tmp_path / "images").mkdir()
    write_images(tmp_path / "images", chest_images)
    survive(
        lambda folder: FitGate(folder, tmp_path / "images", chest_images),
        tmp_path,
        rounds=ROUNDS,
        seed=1,
        timed=True,
    )


@pytest.mark.slow
def test_a_search_that_is_killed_ends_with_all_its_trials(
    chest_images: Path, tmp_path: Path
) -> None:
    survive(lambda folder: Tune(folder, chest_images), tmp_path, rounds=ROUNDS, seed=2, timed=True)
