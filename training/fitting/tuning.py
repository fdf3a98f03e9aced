"""Search for a better configuration by short fits, in one process or several.

OUT/study.db       all trials (unless --storage names another database)
OUT/trial-0/ …     a run folder for each trial (see run_folder.py)
OUT/trials.csv     settings, state and validation AUC of every trial
OUT/report.json    the best trial, and the importance of each setting
OUT/importance.png the same as a plot
OUT/best.json      the best configuration, for fit --preset OUT/best.json

A trial's AUC is of images held out by patient. The best of many is too high by chance: measure the
configuration by `cross-validate --preset OUT/best.json` before using it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import keras
import optuna
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy import URL

from cxr.errors import DatasetError, RunError
from cxr.ray_processes import Spreading, spread
from training.data.fingerprints import file_list_digest
from training.data.images import Splits
from training.files import make_folder
from training.fitting.callbacks import Diverged
from training.fitting.config import TrainingConfig
from training.fitting.config_comparison import as_written_now
from training.fitting.fit import fit
from training.fitting.run_folder import RunFolder
from training.fitting.search_report import TUNED, SearchReport, write_report
from training.fitting.search_study import open_study, study_errors

# What is searched, in ranges that include the values of the preset default. Channels and the size
# of images are not, so that all trials take about as long. A point separates section and field.
_Suggest = Callable[[Trial, str], Any]
MakeCallbacks = Callable[[str], list[keras.callbacks.Callback]]
SEARCH_SPACE: dict[str, _Suggest] = {
    "learning_rate": lambda trial, name: trial.suggest_float(name, 5e-4, 5e-3, log=True),
    "weight_decay": lambda trial, name: trial.suggest_float(name, 1e-3, 1e-1, log=True),
    "label_smoothing": lambda trial, name: trial.suggest_float(name, 0.0, 0.1),
    "mixup_alpha": lambda trial, name: trial.suggest_float(name, 0.0, 0.5),
    "network.dropout": lambda trial, name: trial.suggest_float(name, 0.1, 0.6),
    "network.lstm_units": lambda trial, name: trial.suggest_int(name, 16, 96, step=8),
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
    callbacks: MakeCallbacks = lambda _: [],
    spreading: Spreading | None = None,
) -> SearchReport:
    """Run trials, in a new study or an existing one, and report on all trials of the study.

    In a study of ``OUT/study.db``, trials whose process was killed go on first, from their last
    epoch. Those of a storage that several processes share are repeated by whoever is next.

    Args:
        config: that every trial is a variant of.
        splits: images; trials are measured on those for validation.
        data: the folder that they are from.
        out: where everything goes.
        trials: how many more to run; or
        until: run until this many have ended in the whole study.
        storage: URL of a database that several processes may share; ``OUT/study.db`` by default.
        callbacks: further callbacks of a trial's fit, by the name of its run folder.
        spreading: over processes that run a trial each; by default, all run here. The first trials
            have the same settings either way; later ones follow from those that have ended.

    Returns:
        The content of ``OUT/report.json``.

    Raises:
        RunError: the storage cannot be used, or its study has other images, outlines or settings.
        DatasetError: no images are held out.
    """
    if not len(splits.validation.images):
        raise DatasetError(
            f"{data}: no images would be held out, and trials are compared on these. Give a preset "
            "whose validation_fraction is above 0."
        )
    make_folder(out)
    search = _Search(
        config=config,
        splits=splits,
        data=data,
        out=out,
        url=storage or _url_of(out / "study.db"),
        seed=config.seed if storage is None else None,
        callbacks=callbacks,
    )
    with study_errors(search.url):
        return _run(search, trials=trials, until=until, spreading=spreading)


def _url_of(database: Path) -> str:
    """Of an SQLite file, whatever its path holds: ``?`` and ``%`` mean something in a URL."""
    return URL.create("sqlite", database=str(database)).render_as_string()


def _run(
    search: _Search, *, trials: int | None, until: int | None, spreading: Spreading | None
) -> SearchReport:
    config, out = search.config, search.out
    study = search.open_study()
    if not study.get_trials(deepcopy=False):
        _begin_with_own_settings(study, config)
    if search.seed is not None:  # the study is this search's own
        _finish_interrupted(search, study)
    finished = 0
    report: SearchReport | None = None

    def further() -> Iterator[int]:
        started = 0
        while (
            started < trials
            if trials is not None
            else _ended(study) + started - finished < (until or 0)
        ):
            started += 1
            yield started

    while True:
        for _ in _run_trials(search, study, further(), spreading):
            finished += 1
            # After each trial, since a search may be stopped.
            report = write_report(study, config, out)
        # A trial that has ended, but is not known here to have, was counted twice.
        if trials is not None or _ended(study) >= (until or 0):
            return report or write_report(study, config, out)
        finished = 0


def _begin_with_own_settings(study: optuna.Study, config: TrainingConfig) -> None:
    """Give the first trial the settings that the others vary, unless one is outside its range.

    Without it nobody could tell whether the search has found better ones.
    """
    own = {
        name: reduce(getattr, name.split("."), config)  # a point separates section and field
        for name in SEARCH_SPACE
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            for name, suggest in SEARCH_SPACE.items():
                suggest(optuna.trial.FixedTrial(own), name)  # type: ignore[arg-type]
        except UserWarning:  # of a value outside the range
            return
    study.enqueue_trial(own, skip_if_exists=True)


class _LeftRunning(BaseException):
    """Ends a trial that is to go on later; of any other error, Optuna records that it failed."""


@dataclass(frozen=True, eq=False, kw_only=True)
class _Search:
    """What a trial needs to know; see `tune`."""

    config: TrainingConfig
    splits: Splits
    data: Path
    out: Path
    url: str
    seed: int | None
    callbacks: MakeCallbacks

    def open_study(self) -> optuna.Study:
        images = [*self.splits.train.records, *self.splits.validation.records]
        described = {
            "training": as_written_now(self.config.to_json()),
            "images": file_list_digest(images),
            "outlines": self.splits.train.outlines_sha256 or "none",
            "space": sorted(SEARCH_SPACE),
        }
        return open_study(self.url, described, seed=self.seed)

    def run_folder(self, trial: Trial | FrozenTrial) -> RunFolder:
        """Where a trial is fitted."""
        return RunFolder(self.out / f"trial-{trial.number}")

    def run_trial(self, trial: Trial) -> float:
        """The validation AUC of a trial.

        Raises:
            _LeftRunning: it was interrupted, or cannot write its results, and is to go on later, by
                `_finish_interrupted`: if the study is this search's own.
        """
        chosen = {name: suggest(trial, name) for name, suggest in SEARCH_SPACE.items()}
        candidate = self.config.with_settings(chosen, preset=TUNED)
        run = self.run_folder(trial)
        run.start(candidate, self.data, self.splits)
        further = self.callbacks(run.folder.name)
        try:
            fit(candidate, self.splits, run, callbacks=[*further, _Pruning(trial)])
        except Diverged as error:
            raise optuna.TrialPruned(str(error)) from error
        except (KeyboardInterrupt, RunError) as error:
            if self.seed is None:
                raise
            raise _LeftRunning from error
        history = run.read_history(candidate.epochs)
        kept = candidate.best_epoch(history)
        return float(next(row["val_auc"] for row in history if row["epoch"] == kept))


def _run_trials(
    search: _Search, study: optuna.Study, numbers: Iterator[int], spreading: Spreading | None
) -> Iterator[None]:
    """Run a trial for each number, in other processes if asked to."""
    if spreading is None:
        for _ in numbers:
            _run_next(search, study)
            yield
        return
    size = search.splits.train.nbytes + search.splits.validation.nbytes
    yield from spread(_run_trial_apart, [search], numbers, spreading, shared_bytes=size)


def _finish_interrupted(search: _Search, study: optuna.Study) -> None:
    """Go on with the trials that no process is running any more."""
    for left in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if search.run_folder(left).is_locked():
            continue
        trial = Trial(study, left._trial_id)
        try:
            study.tell(trial, search.run_trial(trial))
        except _LeftRunning as again:
            raise again.__cause__ or again  # noqa: B904  # it keeps its own cause
        except optuna.TrialPruned:
            study.tell(trial, state=TrialState.PRUNED)


def _run_trial_apart(search: _Search, _: int) -> None:
    with study_errors(search.url):
        _run_next(search, search.open_study())


def _run_next(search: _Search, study: optuna.Study) -> None:
    """Run one trial; if it fails, say why, also if the study cannot record that."""
    failures: list[Exception] = []

    def objective(trial: Trial) -> float:
        try:
            return search.run_trial(trial)
        except Exception as error:
            failures.append(error)
            raise

    try:
        study.optimize(objective, n_trials=1)
    except _LeftRunning as left:
        raise left.__cause__ or left  # noqa: B904  # it keeps its own cause
    except Exception:
        if failures:
            raise failures[0]  # noqa: B904  # it keeps its own cause
        raise


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
