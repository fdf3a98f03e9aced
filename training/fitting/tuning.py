"""Look for a better configuration by short fits, in as many processes as share a storage.

OUT/study.db       all trials (unless --storage names another place)
OUT/trial-0/ …     a run folder each (see run_folder.py)
OUT/trials.csv     settings, state and validation AUC of every trial
OUT/report.json    the best trial, and how much each setting matters
OUT/importance.png the same as a picture
OUT/best.json      the best configuration: fit --preset OUT/best.json

A trial's figure is the AUC on images held out by patient. The best of many is too good by chance:
measure it by `cross-validate --preset OUT/best.json` before believing it.
"""

from __future__ import annotations

import json
import os
import re
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import optuna
from optuna.importance import get_param_importances
from optuna.trial import Trial, TrialState
from sqlalchemy.exc import DBAPIError

from cxr.errors import DatasetError, RunError
from training.data.dataset import file_list_digest
from training.data.images import Splits
from training.files import make_folder, write_text
from training.fitting.config import TrainingConfig, as_written_now
from training.fitting.fit import fit
from training.fitting.run_folder import RunFolder
from training.metrics import plots

TUNED = "tuned"  # what the best configuration is called
_STUDY = "cxr"
_HEARTBEAT = 60  # seconds; a process that was killed is noticed after a few of them
_ATTEMPTS = 6  # to open a storage that others are making
_STARTUP_TRIALS = 5  # before any is pruned

# What is searched, and how: the document of the search space. Networks keep their size, so that
# all trials cost the same; `augmentation.` names fields of the augmentation.
Suggest = Callable[[Trial, str], Any]
SEARCH_SPACE: dict[str, Suggest] = {
    "learning_rate": lambda trial, name: trial.suggest_float(name, 5e-4, 5e-3, log=True),
    "weight_decay": lambda trial, name: trial.suggest_float(name, 1e-3, 1e-1, log=True),
    "label_smoothing": lambda trial, name: trial.suggest_float(name, 0.0, 0.1),
    "mixup_alpha": lambda trial, name: trial.suggest_float(name, 0.0, 0.5),
    "network.dropout": lambda trial, name: trial.suggest_float(name, 0.1, 0.6),
    "network.lstm_units": lambda trial, name: trial.suggest_int(name, 32, 96, step=16),
    "augmentation.rotation": lambda trial, name: trial.suggest_float(name, 5.0, 20.0),
    "augmentation.zoom": lambda trial, name: trial.suggest_float(name, 0.05, 0.3),
    "augmentation.gamma": lambda trial, name: trial.suggest_float(name, 0.1, 0.5),
    "augmentation.local_contrast": lambda trial, name: trial.suggest_float(name, 0.0, 0.5),
    "augmentation.erase": lambda trial, name: trial.suggest_float(name, 0.0, 0.5),
}


def tune(
    config: TrainingConfig,
    splits: Splits,
    data: Path,
    out: Path,
    *,
    trials: int | None = None,
    until: int | None = None,
    storage: str | None = None,
    callbacks: Callable[[str], list[keras.callbacks.Callback]] = lambda _: [],
) -> dict[str, Any]:
    """Run trials, go on with a study that there is, and write what is known of all of them.

    Args:
        config: what every trial begins from.
        splits: images; those held out decide.
        data: the folder that they are from.
        out: where everything goes.
        trials: how many to run in this process, further to those that there are; or
        until: how many are to have ended in the whole study, when this ends.
        storage: a database's URL, shared with other processes; ``OUT/study.db`` by default.
        callbacks: further ones of a trial's fit, by the name of its run folder.

    Returns:
        What was written to ``OUT/report.json``.

    Raises:
        RunError: the storage cannot be used, or holds a study of other images or settings.
        DatasetError: no images are held out.
    """
    if not len(splits.validation.images):
        raise DatasetError("Expected images to be held out: a validation fraction above 0.")
    make_folder(out)
    url = storage or f"sqlite:///{out / 'study.db'}"
    study = _study(url, config, splits, alone=storage is None)

    def objective(trial: Trial) -> float:
        chosen = {name: suggest(trial, name) for name, suggest in SEARCH_SPACE.items()}
        candidate = config.with_settings(chosen, preset=TUNED)
        run = RunFolder(out / f"trial-{trial.number}")
        run.start(candidate, data, splits)
        further = callbacks(run.folder.name)
        fit(candidate, splits, run, callbacks=[*further, _Pruning(trial)])
        history = run.read_history(candidate.epochs)
        kept = candidate.best_epoch(history)
        return float(next(row["val_auc"] for row in history if row["epoch"] == kept))

    ran = 0
    while ran < trials if trials is not None else _ended(study) < (until or 0):
        study.optimize(objective, n_trials=1)
        ran += 1
        write_report(study, config, out)  # each time: a search may be stopped early
    return write_report(study, config, out)


def _ended(study: optuna.Study) -> int:
    return len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)))


class _Pruning(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends a trial that does worse than the median of those before it at the same epoch."""

    def __init__(self, trial: Trial) -> None:
        super().__init__()
        self.trial = trial

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Report the epoch's AUC, which the run's recorder has put into the logs."""
        self.trial.report(float((logs or {})["val_auc"]), epoch)
        if self.trial.should_prune():
            raise optuna.TrialPruned


def _study(url: str, config: TrainingConfig, splits: Splits, *, alone: bool) -> optuna.Study:
    study = _open(url)
    # Processes that share a study must not draw the same settings; one alone repeats its own.
    seed = config.seed + len(study.trials) if alone else None
    study.sampler = optuna.samplers.TPESampler(seed=seed)
    images = [*splits.train.records, *splits.validation.records]
    now = {
        "training": as_written_now(config.to_json()),
        "images": file_list_digest(images),
        "space": sorted(SEARCH_SPACE),
    }
    for name, value in now.items():
        before = study.user_attrs.get(name)
        if name == "training" and before:
            before = as_written_now(before)
        if before is None:
            study.set_user_attr(name, value)
        elif before != value:
            raise RunError(
                f"{_without_password(url)}: holds a study with another {name}. Choose another "
                "--out or --storage."
            )
    return study


def _open(url: str) -> optuna.Study:
    """The study of a storage; both are made if they are not there."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _open_once(url)
        except Exception as error:  # of any database's driver, whose words may hold the password
            # Several processes that begin at once make the same tables; all but one fail at that.
            if not isinstance(error, DBAPIError) or attempt == _ATTEMPTS:
                raise RunError(
                    f"{_without_password(url)}: cannot be used as a study's storage "
                    f"({type(error).__name__})."
                ) from None
            time.sleep(1 + os.getpid() % 10 / 10)
    raise AssertionError("unreachable")


def _open_once(url: str) -> optuna.Study:
    with warnings.catch_warnings():
        # That a killed process is noticed is called experimental.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        again = optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=1)
        storage = optuna.storages.RDBStorage(
            url, heartbeat_interval=_HEARTBEAT, heartbeat_stale_trial_callback=again
        )
    return optuna.create_study(
        study_name=_STUDY,
        storage=storage,
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_STARTUP_TRIALS),
    )


def _without_password(url: str) -> str:
    return re.sub(r"://[^@/]*@", "://…@", url)


# --- The report -----------------------------------------------------------------------------------


def write_report(study: optuna.Study, config: TrainingConfig, out: Path) -> dict[str, Any]:
    """Write what the study has found so far.

    Returns:
        What was written to ``OUT/report.json``.
    """
    table = study.trials_dataframe(attrs=("number", "state", "value", "params"))
    write_text(out / "trials.csv", table.to_csv(index=False))
    finished = study.get_trials(states=(TrialState.COMPLETE,))
    counts = {state.name.lower(): 0 for state in TrialState}
    for trial in study.trials:
        counts[trial.state.name.lower()] += 1
    report: dict[str, Any] = {"trials": counts, "best": None, "importance": {}}
    if finished:
        best = study.best_trial
        report["best"] = {"trial": best.number, "val_auc": best.value, "settings": best.params}
        document = config.with_settings(best.params, preset=TUNED).to_json()
        write_text(out / "best.json", json.dumps(document, indent=1) + "\n")
    if len({trial.value for trial in finished}) > 1:
        importance = get_param_importances(
            study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=config.seed)
        )
        report["importance"] = {name: float(share) for name, share in importance.items()}
        plots.save(plots.importance(report["importance"]), out / "importance.png")
    write_text(out / "report.json", json.dumps(report, indent=1) + "\n")
    return report
