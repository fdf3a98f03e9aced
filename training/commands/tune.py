"""Search for better settings with many short trainings.

Optuna proposes the settings of each trial; trials that do badly end early. The first one has the
settings that it starts from, as far as they lie in the ranges that are searched. To add trials, run
the same command again. Several processes can share one study through --storage. The best settings
are written to OUT/best.json, a preset for the other commands.
"""

from __future__ import annotations

import argparse
import shlex

from cxr.arguments import positive
from training.commands.options import (
    add_select_by,
    add_spreading_options,
    add_tensorboard_option,
    add_training_options,
    read_config,
    read_outline_tables,
    read_spreading,
    tensorboard_callbacks,
)
from training.fitting.presets import load_preset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add_training_options(parser, out="folder of the trials")
    add_select_by(parser)
    how_many = parser.add_mutually_exclusive_group(required=True)
    how_many.add_argument("--trials", type=positive, metavar="N", help="run this many trials")
    how_many.add_argument(
        "--until",
        type=positive,
        metavar="N",
        help="run until this many trials have ended, in all processes together",
    )
    parser.add_argument(
        "--storage", metavar="URL", help="database of the study (default: OUT/study.db)"
    )
    add_spreading_options(parser, what="trials")
    add_tensorboard_option(parser)


def run(options: argparse.Namespace) -> int:
    """Run the trials, and print what they found."""
    from training.fitting.loading import load_splits
    from training.fitting.tuning import tune

    config = read_config(options)
    spreading = read_spreading(options)
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
        spreading=spreading,
    )
    for name, fraction in report["importance"].items():
        print(f"{name:<28}{fraction:6.1%}")
    if report["best"]:
        best = options.out / "best.json"
        print(f"Best validation AUC: {report['best']['val_auc']:.4f}")
        print("The best of many trials looks better than it is. Measure it on its own:")
        # The trials may be shorter than a training.
        epochs = load_preset(options.preset).epochs
        longer = f" --epochs {epochs}" if epochs != config.epochs else ""
        print(f"  python -m training cross-validate --preset {shlex.quote(str(best))}{longer} …")
    print(f"Report: {options.out / 'report.json'}")
    return 0
