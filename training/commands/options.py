"""Options that several commands share, and how they are read."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from cxr.arguments import positive, rate, seed
from cxr.errors import RunError
from cxr.ray_processes import Spreading, require_packages
from training.fitting.config import LAST, SELECTABLE, Balance, TrainingConfig
from training.fitting.presets import PRESETS, load_preset

if TYPE_CHECKING:
    from training.fitting.loading import OutlineTables


def add_training_options(parser: argparse.ArgumentParser, *, out: str) -> None:
    """Add the options of every command that trains networks.

    Those of one setting alone are `add_learning_rate` and `add_select_by`.
    """
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with train/NORMAL and train/PNEUMONIA"
    )
    parser.add_argument("--out", type=Path, required=True, help=out)
    parser.add_argument(
        "--preset",
        default="default",
        metavar="NAME | FILE",
        help=f"settings to start from: {', '.join(sorted(PRESETS))}, or a JSON file "
        "(default: default); the options below change single ones",
    )
    parser.add_argument(
        "--lungs",
        type=Path,
        nargs="+",
        default=(),
        metavar="TABLE",
        help="CSV files with the columns image and lung_mask: lungs that people outlined, also on "
        "images outside the data folder (a column label says which of those are normal). Without "
        "them, the gate outlines the lungs",
    )
    parser.add_argument(
        "--opacities",
        type=Path,
        nargs="+",
        default=(),
        metavar="TABLE",
        help="CSV files with the columns image and opacity_mask, or image, x, y, width and height: "
        "where the disease is, on images of the data folder",
    )
    parser.add_argument("--epochs", type=positive, metavar="N", help="number of epochs")
    parser.add_argument("--batch-size", type=positive, metavar="N", help="images in a batch")
    parser.add_argument("--seed", type=seed, help="seed of everything random")
    parser.add_argument("--balance", choices=get_args(Balance), help="how the classes are balanced")
    parser.add_argument(
        "--skip-unreadable",
        action="store_true",
        help="leave out files that cannot be read, and list them",
    )


def add_learning_rate(parser: argparse.ArgumentParser) -> None:
    """Add `--learning-rate`, where it is not searched."""
    parser.add_argument("--learning-rate", type=rate, metavar="RATE", help="highest learning rate")


def add_select_by(parser: argparse.ArgumentParser) -> None:
    """Add `--select-by`, where images are held out to select by."""
    parser.add_argument(
        "--select-by",
        choices=(LAST, *SELECTABLE),
        metavar="METRIC",
        help=f"which epoch is kept: {LAST}, or the best by {', '.join(SELECTABLE)} on the "
        "validation images, where there are some",
    )


def add_spreading_options(parser: argparse.ArgumentParser, *, what: str) -> None:
    """Add `--workers` and `--address`.

    Args:
        parser: of the command.
        what: is fitted in each process, in the plural.
    """
    parser.add_argument(
        "--workers",
        type=positive,
        metavar="N",
        help=f"fit N {what} at a time, each in a process of Ray (default: one after the other, "
        "here). Needs the packages of requirements-archive.txt",
    )
    parser.add_argument(
        "--address",
        metavar="ADDRESS",
        help="with --workers: a Ray cluster that is running, such as ray://host:10001. Its "
        "machines must have this code, and share the folders that are named here",
    )


def add_tensorboard_option(parser: argparse.ArgumentParser) -> None:
    """Add `--tensorboard`."""
    parser.add_argument(
        "--tensorboard",
        type=Path,
        metavar="DIR",
        help="also write logs for TensorBoard to this folder",
    )


def add_runs_option(parser: argparse.ArgumentParser) -> None:
    """Add `--runs`."""
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), help="folder of the runs (default: runs)"
    )


def add_measuring_options(parser: argparse.ArgumentParser, *, out: str) -> None:
    """Add the model, the labelled images and the folder for results."""
    parser.add_argument("--model", type=Path, required=True, help="bundle to measure")
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="folder with NORMAL and PNEUMONIA, or CSV file with the columns path and label",
    )
    parser.add_argument("--out", type=Path, required=True, help=out)


def read_config(options: argparse.Namespace) -> TrainingConfig:
    """The preset, with the changes that the command line makes to it."""
    config = load_preset(options.preset)
    changes = {
        field: value
        for field in ("epochs", "batch_size", "learning_rate", "seed", "balance", "select_by")
        if (value := getattr(options, field, None)) is not None
    }
    try:
        return dataclasses.replace(config, **changes)
    except ValueError as error:
        raise RunError(f"{options.preset}: these options do not fit it. {error}") from error


def read_outline_tables(options: argparse.Namespace) -> OutlineTables:
    """The tables of outlines that the command line names."""
    from training.fitting.loading import OutlineTables

    return OutlineTables(lungs=tuple(options.lungs), opacities=tuple(options.opacities))


def read_spreading(options: argparse.Namespace) -> Spreading | None:
    """Over which processes the command line spreads the fits; None where it does not."""
    if options.workers is None:
        if options.address:
            raise RunError("--address needs --workers too: how many processes fit at a time.")
        return None
    require_packages()
    return Spreading(workers=options.workers, address=options.address)


def with_all_images(config: TrainingConfig) -> TrainingConfig:
    """The configuration without a validation split, for where a cross-validation measures it."""
    try:
        return dataclasses.replace(config, validation_fraction=0.0)
    except ValueError as error:
        raise RunError(str(error)) from error


def tensorboard_callbacks(options: argparse.Namespace, *, run: str) -> list[Any]:
    """The callback that logs a run for TensorBoard, if the command line asks for it."""
    if not options.tensorboard:
        return []
    from training.fitting.tensorboard import TensorBoardLog

    return [TensorBoardLog(options.tensorboard / run)]
