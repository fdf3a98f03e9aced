"""What a search has found so far: its best trial, and how much each setting matters."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

import optuna
from optuna.importance import get_param_importances
from optuna.trial import TrialState

from training.files import write_json, write_text
from training.fitting.config import TrainingConfig
from training.metrics import plots

TUNED = "tuned"  # the preset of all trials
ENOUGH_TRIALS = 12  # that are complete; of no more than there are settings, importance is chance


class BestTrial(TypedDict):
    """The best trial of a search: its number, validation AUC, and settings by name."""

    trial: int
    val_auc: float
    settings: dict[str, Any]


class SearchReport(TypedDict):
    """The content of a search's report.json.

    trials: how many are in each of Optuna's states. best: None until a trial is complete.
    importance: fraction of the validation AUC's variance by setting; empty until `ENOUGH_TRIALS`
    are complete.
    """

    trials: dict[str, int]
    best: BestTrial | None
    importance: dict[str, float]


def write_report(study: optuna.Study, config: TrainingConfig, out: Path) -> SearchReport:
    """Write what a study has found so far.

    Args:
        study: with its trials.
        config: that they are variants of.
        out: folder of the search.

    Returns:
        The content of ``OUT/report.json``.

    Raises:
        RunError: a file cannot be written.
    """
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
        write_json(out / "best.json", config.with_settings(best.params, preset=TUNED).to_json())
    if len(finished) >= ENOUGH_TRIALS and len({trial.value for trial in finished}) > 1:
        importance = get_param_importances(
            study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=config.seed)
        )
        report["importance"] = {name: float(fraction) for name, fraction in importance.items()}
        plots.save(plots.importance(report["importance"]), out / "importance.png")
    else:
        (out / "importance.png").unlink(missing_ok=True)  # of an earlier version
    write_json(out / "report.json", report)
    return report
