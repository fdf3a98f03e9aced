"""Trials, their storage, and the preset that comes out, at tiny size."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest

from cxr.errors import DatasetError, RunError
from cxr.ray_processes import Spreading
from tests.conftest import QUICK_FIT, ROOT
from training.data.images import Splits
from training.fitting import tuning
from training.fitting.config import TrainingConfig
from training.fitting.loading import load_splits
from training.fitting.presets import PRESETS, default, load_preset, tiny
from training.fitting.run_folder import RunFolder
from training.fitting.search_study import open_study
from training.fitting.tuning import SEARCH_SPACE, tune

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


@pytest.fixture(scope="module")
def splits(chest_images: Path) -> Splits:
    return load_splits(QUICK_FIT, chest_images)


@pytest.fixture(scope="module")
def two_trials(
    chest_images: Path, splits: Splits, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A search with two trials in this process; tests that go on with it do so in a copy."""
    out = tmp_path_factory.mktemp("searches") / "two"
    tune(QUICK_FIT, splits, chest_images, out, trials=2, storage=None)
    return out


def test_settings_change_what_they_name() -> None:
    changed = default.CONFIG.with_settings(
        {"learning_rate": 1e-3, "network.dropout": 0.1, "augmentation.zoom": 0.2}, preset="mine"
    )
    assert changed.learning_rate == 1e-3
    assert changed.network == dataclasses.replace(default.CONFIG.network, dropout=0.1)
    assert changed.augmentation.zoom == 0.2
    assert changed.augmentation.rotation == default.CONFIG.augmentation.rotation
    assert changed.preset == "mine"


def test_every_setting_of_the_space_is_a_field() -> None:
    trial = optuna.trial.FixedTrial(
        {name: 48 if name == "network.lstm_units" else 0.1 for name in SEARCH_SPACE}
        | {"learning_rate": 1e-3, "weight_decay": 1e-2, "augmentation.rotation": 10.0}
    )
    settings = {name: suggest(trial, name) for name, suggest in SEARCH_SPACE.items()}  # type: ignore[arg-type]
    assert default.CONFIG.with_settings(settings, preset="default") != default.CONFIG


def test_the_first_trial_has_the_settings_that_it_starts_from() -> None:
    study = optuna.create_study()
    tuning._begin_with_own_settings(study, default.CONFIG)
    trial = study.ask()
    chosen = {name: suggest(trial, name) for name, suggest in SEARCH_SPACE.items()}
    assert default.CONFIG.with_settings(chosen, preset="default") == default.CONFIG
    # Some of these lie outside the ranges that are searched.
    other = optuna.create_study()
    tuning._begin_with_own_settings(other, tiny.CONFIG)
    assert not other.get_trials()


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_preset_survives_its_file(tmp_path: Path, name: str) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(PRESETS[name].to_json()))
    assert load_preset(str(file)) == load_preset(name) == PRESETS[name]


@pytest.mark.parametrize(
    "content", [None, "[]", "{}", '{"preset": "x", "network": {"input_size": -1}}']
)
def test_what_is_no_preset(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "mine.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(RunError, match="expected a preset"):
        load_preset(str(file))


def test_the_settings_of_a_run_are_a_preset(
    chest_images: Path, splits: Splits, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path / "run")
    run.start(QUICK_FIT, chest_images, splits)
    assert load_preset(str(run.config)) == QUICK_FIT


def test_a_preset_that_lacks_settings_is_not_completed_silently(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    document = default.CONFIG.to_json()
    del document["local"]["visible_from"], document["floor"]
    file.write_text(json.dumps(document))
    with pytest.raises(RunError, match=r"lacks settings.*local.visible_from = 0.0.*floor.locality"):
        load_preset(str(file))


def test_trials_are_recorded_and_the_best_becomes_a_preset(
    chest_images: Path, splits: Splits, two_trials: Path, tmp_path: Path
) -> None:
    shutil.copytree(two_trials, tmp_path, dirs_exist_ok=True)
    report = json.loads((tmp_path / "report.json").read_text())
    table = pd.read_csv(tmp_path / "trials.csv")
    assert list(table["state"]) == ["COMPLETE", "COMPLETE"]
    assert report["best"]["val_auc"] == table["value"].max()
    best = load_preset(str(tmp_path / "best.json"))
    assert isinstance(best, TrainingConfig)
    assert best.learning_rate == report["best"]["settings"]["learning_rate"]
    assert best.network.input_size == QUICK_FIT.network.input_size
    run = tmp_path / f"trial-{report['best']['trial']}"
    history = pd.read_csv(run / "history.csv")
    assert history["val_auc"].iloc[-1] == pytest.approx(report["best"]["val_auc"])
    # Again: the study goes on.
    report = tune(QUICK_FIT, splits, chest_images, tmp_path, trials=1, storage=None)
    assert report["trials"]["complete"] == 3
    for _ in range(2):  # a number to reach, not further ones
        report = tune(QUICK_FIT, splits, chest_images, tmp_path, until=4)
        assert report["trials"]["complete"] + report["trials"]["pruned"] == 4
    assert set(report["importance"]) <= set(SEARCH_SPACE)
    other = dataclasses.replace(QUICK_FIT, batch_size=4)
    with pytest.raises(RunError, match="differs in its settings"):
        tune(other, splits, chest_images, tmp_path, trials=1, storage=None)
    lungs = np.ones((len(splits.train.images), 1, 1), np.float32)
    outlined = dataclasses.replace(splits, train=dataclasses.replace(splits.train, lungs=lungs))
    with pytest.raises(RunError, match="differs in its outlines"):
        tune(QUICK_FIT, outlined, chest_images, tmp_path, trials=1, storage=None)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RunError("the disk is full")])
def test_an_interrupted_trial_goes_on(
    chest_images: Path,
    splits: Splits,
    two_trials: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
) -> None:
    out = tmp_path / "50% of what? {ever}"  # signs that mean something in a URL
    shutil.copytree(two_trials, out)

    def interrupted(*_: Any, **__: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("training.fitting.tuning.fit", interrupted)
        with pytest.raises(type(error)):
            tune(QUICK_FIT, splits, chest_images, out, trials=1)
    assert (out / "study.db").is_file()
    report = tune(QUICK_FIT, splits, chest_images, out, until=3)
    assert report["trials"]["complete"] + report["trials"]["pruned"] == 3
    assert sum(report["trials"].values()) == 3  # the interrupted one is among them
    assert not list(tmp_path.glob("50% of what"))


def test_a_trial_that_cannot_begin_has_failed_and_the_next_one_goes_on(
    chest_images: Path, splits: Splits, two_trials: Path, tmp_path: Path
) -> None:
    shutil.copytree(two_trials, tmp_path, dirs_exist_ok=True)
    (tmp_path / "trial-2").mkdir()
    (tmp_path / "trial-2" / "notes.txt").write_text("somebody's")
    with pytest.raises(RunError, match="holds files, but no run"):
        tune(QUICK_FIT, splits, chest_images, tmp_path, trials=1)
    report = tune(QUICK_FIT, splits, chest_images, tmp_path, trials=1)
    assert report["trials"]["fail"] == 1
    assert sum(report["trials"].values()) == 4


def test_nothing_is_tuned_without_images_held_out(chest_images: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(QUICK_FIT, validation_fraction=0.0)
    with pytest.raises(DatasetError, match="held out"):
        tune(
            config,
            load_splits(config, chest_images),
            chest_images,
            tmp_path,
            trials=1,
            storage=None,
        )


@pytest.mark.parametrize(
    "url",
    [
        "nosql://me:secret@nowhere",
        "nosql://me:se/cret@nowhere/db",
        "nosql://me:se@cret@nowhere/db",
        "nosql://me:se\ncret@nowhere/db",
        "nosql://me:x@nowhere/db?password=secret",
    ],
)
def test_a_storage_that_cannot_be_used(url: str) -> None:
    with pytest.raises(RunError, match=r"^nosql:…@nowhere.*: cannot be used") as error:
        open_study(url, {}, seed=1)
    assert "cret" not in str(error.value)


def test_what_is_no_address_of_a_storage_is_not_repeated() -> None:
    with pytest.raises(RunError, match=r"^me:…@nowhere: cannot be used") as error:
        open_study("me:secret@nowhere", {}, seed=1)
    assert "secret" not in str(error.value)


def test_settings_follow_from_the_number_of_a_trial(tmp_path: Path) -> None:
    """However the trials are spread, and however often the search was interrupted."""

    def objective(trial: optuna.Trial) -> float:
        return sum(bool(suggest(trial, name)) for name, suggest in SEARCH_SPACE.items())

    def drawn(name: str, *, interrupted: bool) -> list[dict[str, Any]]:
        study = open_study(f"sqlite:///{tmp_path / name}.db", {}, seed=7)
        for _ in range(3):
            if interrupted:
                study = open_study(f"sqlite:///{tmp_path / name}.db", {}, seed=7)
            study.optimize(objective, n_trials=1)
        return [trial.params for trial in study.trials]

    assert drawn("whole", interrupted=False) == drawn("parts", interrupted=True)


@pytest.mark.slow
def test_trials_in_processes_of_their_own(
    chest_images: Path, splits: Splits, two_trials: Path, tmp_path: Path
) -> None:
    """Two here, and two in two processes: the same settings and the same figures."""
    spreading = Spreading(workers=2)
    report = tune(QUICK_FIT, splits, chest_images, tmp_path, until=2, spreading=spreading)
    assert report["trials"]["complete"] == 2
    for name in ("trials.csv", "best.json"):
        assert (tmp_path / name).read_text() == (two_trials / name).read_text()


@pytest.mark.slow
def test_two_processes_share_one_storage(chest_images: Path, tmp_path: Path) -> None:
    preset = tmp_path / "quick.json"
    preset.write_text(json.dumps(QUICK_FIT.to_json()))
    command = [sys.executable, "-m", "training", "tune", "--preset", str(preset)]
    command += ["--data", str(chest_images), "--out", str(tmp_path), "--trials", "2"]
    command += ["--storage", f"sqlite:///{tmp_path / 'shared.db'}"]
    running = [
        subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in running:
        _, error = process.communicate(timeout=600)
        assert process.returncode == 0, error
    study = optuna.load_study(study_name="cxr", storage=f"sqlite:///{tmp_path / 'shared.db'}")
    assert [trial.number for trial in study.trials] == [0, 1, 2, 3]
    settings = {tuple(trial.params.values()) for trial in study.trials}
    assert len(settings) == 4  # nobody tried what another had
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["trials"]["complete"] + report["trials"]["pruned"] >= 3
