"""Search for a better configuration by short fits, in one process or several.

OUT/study.db       all trials (unless --storage names another database)
OUT/trial-0/ …     a run folder for each trial (see run_folder.py)
OUT/trials.csv     settings, state and validation AUC of every trial
OUT/report.json    the best trial, and the importance of each setting
OUT/importance.png the same as a plot
OUT/best.json      the best configuration, for fit --preset OUT/best.json

A trial is measured by its AUC on images held out by patient. The best AUC of many is too high by
chance: measure the configuration by `cross-validate --preset OUT/best.json` before using it.
"""

from __future__ import annotations

import os
import re
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

import keras
import optuna
from optuna.importance import get_param_importances
from optuna.trial import Trial, TrialState
from sqlalchemy.exc import DBAPIError

from cxr.errors import DatasetError, RunError
from training.data.dataset import file_list_digest
from training.data.images import Splits
from training.files import make_folder, write_json, write_text
from training.fitting.config import TrainingConfig, as_written_now
from training.fitting.fit import fit
from training.fitting.run_folder import RunFolder
from training.metrics import plots

_TUNED = "tuned"  # preset name of the configurations that are tried
_STUDY = "cxr"
_HEARTBEAT = 60  # seconds; trials of a killed process are repeated after a few of these
_ATTEMPTS = 6  # to open a storage while other processes create its tables
_STARTUP_TRIALS = 5  # before any is pruned

# The settings that are searched, and their ranges. The size of networks and images is not searched,
# so that all trials take about as long; `augmentation.` names fields of the augmentation.
_Suggest = Callable[[Trial, str], Any]
SEARCH_SPACE: dict[str, _Suggest] = {
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


class BestTrial(TypedDict):
    """The best trial of a search: its number, validation AUC, and settings by name."""

    trial: int
    val_auc: float
    settings: dict[str, Any]


class SearchReport(TypedDict):
    """The content of a search's report.json.

    trials: how many are in each of Optuna's states. best: None until a trial is complete.
    importance: fraction of the validation AUC's variance by setting; empty until two trials differ.
    """

    trials: dict[str, int]
    best: BestTrial | None
    importance: dict[str, float]


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
) -> SearchReport:
    """Run trials, in a new study or an existing one, and report on all trials of the study.

    Args:
        config: that every trial is a variant of.
        splits: images; trials are measured on those for validation.
        data: the folder that they are from.
        out: where everything goes.
        trials: how many more to run in this process; or
        until: run until this many have ended in the whole study.
        storage: URL of a database that several processes may share; ``OUT/study.db`` by default.
        callbacks: further callbacks of a trial's fit, by the name of its run folder.

    Returns:
        The content of ``OUT/report.json``.

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
        candidate = config.with_settings(chosen, preset=_TUNED)
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
        _write_report(study, config, out)  # after each trial, since a search may be stopped
    return _write_report(study, config, out)


def _ended(study: optuna.Study) -> int:
    return len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)))


class _Pruning(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends a trial that is worse than the median of earlier ones at the same epoch."""

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
    # Processes that share a study must not draw the same settings. A single process draws the same
    # ones when the search is repeated.
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
    """The study of a storage; both are created if they do not exist."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _open_once(url)
        except Exception as error:  # of any driver; its message may hold the password
            # When several processes start at once, all but one fail to create the tables.
            if not isinstance(error, DBAPIError) or attempt == _ATTEMPTS:
                raise RunError(
                    f"{_without_password(url)}: cannot be used as a study's storage "
                    f"({type(error).__name__}). Check the URL, and that its driver is installed."
                ) from None
            time.sleep(1 + os.getpid() % 10 / 10)
    raise AssertionError("unreachable")


def _open_once(url: str) -> optuna.Study:
    with warnings.catch_warnings():
        # Optuna calls its heartbeat, by which killed processes are noticed, experimental.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        retry = optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=1)
        storage = optuna.storages.RDBStorage(
            url, heartbeat_interval=_HEARTBEAT, heartbeat_stale_trial_callback=retry
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


def _write_report(study: optuna.Study, config: TrainingConfig, out: Path) -> SearchReport:
    """Write what the study has found so far; returns the content of ``OUT/report.json``."""
    table = study.trials_dataframe(attrs=("number", "state", "value", "params"))
    write_text(out / "trials.csv", table.to_csv(index=False))
    finished = study.get_trials(states=(TrialState.COMPLETE,))
    counts = {state.name.lower(): 0 for state in TrialState}
    for trial in study.trials:
        counts[trial.state.name.lower()] += 1
    report: SearchReport = {"trials": counts, "best": None, "importance": {}}
    if finished:
        best = study.best_trial
        report["best"] = {
            "trial": best.number,
            "val_auc": study.best_value,
            "settings": best.params,
        }
        write_json(out / "best.json", config.with_settings(best.params, preset=_TUNED).to_json())
    if len({trial.value for trial in finished}) > 1:
        importance = get_param_importances(
            study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=config.seed)
        )
        report["importance"] = {name: float(fraction) for name, fraction in importance.items()}
        plots.save(plots.importance(report["importance"]), out / "importance.png")
    write_json(out / "report.json", report)
    return report
