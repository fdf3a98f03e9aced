"""Look for a better configuration by many short fits.

Trials of short fits on settings that Optuna proposes; those that do badly are ended early. Goes on
with the study that there is. Several processes may share one --storage.
"""

from __future__ import annotations

import argparse

from training.commands.options import (
    add_tensorboard_option,
    add_training_options,
    positive,
    read_config,
    read_outline_tables,
    tensorboard_callbacks,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add_training_options(parser, out="folder of the trials")
    how_many = parser.add_mutually_exclusive_group(required=True)
    how_many.add_argument("--trials", type=positive, help="to run in this process")
    how_many.add_argument(
        "--until", type=positive, metavar="TRIALS", help="to have ended, of all processes together"
    )
    parser.add_argument(
        "--storage", metavar="URL", help="database of the study, instead of OUT/study.db"
    )

    add_tensorboard_option(parser)


def run(options: argparse.Namespace) -> int:
    """Look for a better configuration."""
    from training.data.images import load_splits
    from training.fitting.tuning import tune

    config = read_config(options)
    splits = load_splits(
        config,
        options.data,
        outlines=read_outline_tables(options),
        skip_unreadable=options.skip_unreadable,
    )
    report = tune(
        config,
        splits,
        options.data,
        options.out,
        trials=options.trials,
        until=options.until,
        storage=options.storage,
        callbacks=lambda trial: tensorboard_callbacks(options, run=trial),
    )
    for name, share in report["importance"].items():
        print(f"{name:<28}{share:6.1%}")
    if report["best"]:
        best = options.out / "best.json"
        print(f"Best validation AUC: {report['best']['val_auc']:.4f}, too good by chance.")
        print(f"Measure it: python -m training cross-validate --preset {best} …")
    print(f"Report: {options.out / 'report.json'}")
    return 0
