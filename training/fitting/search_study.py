"""The study of a search: the database of its trials, and how their settings are drawn."""

from __future__ import annotations

import os
import re
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from cxr.errors import RunError, not_written
from training.fitting.config_comparison import as_written_now

_STUDY = "cxr"
_HEARTBEAT = 60  # seconds; trials of a killed process are repeated after a few of these
_ATTEMPTS = 6  # to open a storage while other processes create its tables
_STARTUP_TRIALS = 5  # before any is pruned

_FAILURES = (DBAPIError, optuna.exceptions.StorageInternalError)  # of a database
_Space = dict[str, BaseDistribution]
_WORDS = {  # for what trials of a study have in common
    "training": "settings",
    "images": "images",
    "outlines": "outlines",
    "space": "search space",
}


def open_study(url: str, described: dict[str, Any], *, seed: int | None) -> optuna.Study:
    """The study of a storage; both are created if they do not exist.

    Args:
        url: of the database.
        described: what its trials have in common, as JSON values by name, which is a key of
            ``_WORDS``. What an earlier version did not write down is taken as it is now.
        seed: of what is drawn; None where several searches share the study, since they must not
            draw the same settings. A single search draws the same ones when it is repeated.

    Raises:
        RunError: the storage cannot be used, or its study is described otherwise.
    """
    with study_errors(url):
        study = _open(url)
    study.sampler = optuna.samplers.TPESampler() if seed is None else _SeededByTrial(seed)
    for name, value in described.items():
        before = study.user_attrs.get(name)
        if name == "training" and before:
            before = as_written_now(before)
        if before is None:
            study.set_user_attr(name, value)
        elif before != value:
            raise RunError(
                f"{_without_password(url)}: holds a study that differs in its {_WORDS[name]}. Give "
                "what it was begun with, or choose another --out or --storage."
            )
    return study


@contextmanager
def study_errors(url: str) -> Iterator[None]:
    """Say what the database of a study cannot do, as on a full disk.

    Raises:
        RunError: it failed.
    """
    try:
        yield
    except _FAILURES as error:
        raise RunError(not_written(_without_password(url), OSError(_why(url, error)))) from None


def _why(url: str, error: Exception) -> str:
    """What a driver says; its message may hold the password, so not of all of them."""
    cause: BaseException | None = error
    while cause and not isinstance(cause, DBAPIError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, DBAPIError) and url.startswith("sqlite:"):
        return str(cause.orig)
    return type(error).__name__


def _open(url: str) -> optuna.Study:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _open_once(url)
        except Exception as error:  # of any driver; its message may hold the password
            if "disk is full" in _why(url, error):
                raise
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
    if url.startswith("sqlite:///"):  # a file
        return f"sqlite:///{make_url(url).database}"
    # Up to the last sign, since a password may hold others; it may also be among the options.
    return re.sub(r":.*@", ":…@", url.partition("?")[0], flags=re.DOTALL)


class _SeededByTrial(optuna.samplers.BaseSampler):
    """Optuna's TPE, with a seed that follows from the trial's number.

    So a trial's settings do not depend on which process draws them, nor on interruptions.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._tpe = optuna.samplers.TPESampler(seed=seed)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Begin a trial."""
        self._tpe = optuna.samplers.TPESampler(seed=self._seed + trial.number)
        self._tpe.before_trial(study, trial)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> _Space:
        """As TPE does."""
        return self._tpe.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: _Space
    ) -> dict[str, Any]:
        """As TPE does."""
        return self._tpe.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """As TPE does."""
        return self._tpe.sample_independent(study, trial, param_name, param_distribution)
