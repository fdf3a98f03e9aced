"""Options that several commands share, and what they stand for."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from cxr.errors import RunError
from training.fitting.config import LAST, SELECTABLE, Balance, TrainingConfig
from training.fitting.presets import PRESETS, load_preset

if TYPE_CHECKING:
    from training.data.images import OutlineTables


def add_training_options(parser: argparse.ArgumentParser, *, out: str) -> None:
    """Add what every command takes that fits networks."""
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with train/NORMAL and train/PNEUMONIA"
    )
    parser.add_argument("--out", type=Path, required=True, help=out)
    parser.add_argument(
        "--preset",
        default="default",
        metavar="NAME | FILE",
        help=f"{', '.join(sorted(PRESETS))}, or a JSON file of one",
    )
    parser.add_argument(
        "--lungs",
        type=Path,
        nargs="+",
        default=(),
        metavar="TABLE",
        help="CSVs of image and lung_mask, outlines that people drew; also of images beyond DIR, "
        "normal where their label says so. Without them the gate outlines the lungs",
    )
    parser.add_argument(
        "--opacities",
        type=Path,
        nargs="+",
        default=(),
        metavar="TABLE",
        help="CSVs of image and opacity_mask, or of image, x, y, width and height: where disease "
        "is on images of DIR, beside the opacities that are planted",
    )
    parser.add_argument("--epochs", type=positive, help="instead of the preset's")
    parser.add_argument("--batch-size", type=positive, help="instead of the preset's")
    parser.add_argument("--learning-rate", type=rate, help="instead of the preset's")
    parser.add_argument("--seed", type=seed, help="instead of the preset's")
    parser.add_argument(
        "--balance", choices=get_args(Balance), help="of the classes, instead of the preset's"
    )
    parser.add_argument(
        "--select-by",
        choices=(LAST, *SELECTABLE),
        metavar="METRIC",
        help=f"keep the best epoch by this, instead of the preset's: {LAST}, "
        f"{', '.join(SELECTABLE)}",
    )
    parser.add_argument(
        "--skip-unreadable", action="store_true", help="leave damaged files out, listing them"
    )


def add_tensorboard_option(parser: argparse.ArgumentParser) -> None:
    """Add `--tensorboard`."""
    parser.add_argument(
        "--tensorboard", type=Path, metavar="DIR", help="log there for TensorBoard, too"
    )


def add_runs_option(parser: argparse.ArgumentParser) -> None:
    """Add `--runs`."""
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs: runs")


def add_measuring_options(parser: argparse.ArgumentParser, *, out: str) -> None:
    """Add the model, the labelled images and where figures go."""
    parser.add_argument("--model", type=Path, required=True, help="the bundle")
    parser.add_argument("--data", type=Path, required=True, help="labelled images")
    parser.add_argument("--out", type=Path, required=True, help=out)


def rate(text: str) -> float:
    """A number between 0 and 1."""
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"expected a number between 0 and 1, received {text}")
    return value


def seed(text: str) -> int:
    """A seed: a whole number of 32 bits."""
    value = int(text)
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 on, received {text}")
    return value


def fold_count(text: str) -> int:
    """A number of folds, from 2 on."""
    value = positive(text)
    if value < 2:
        raise argparse.ArgumentTypeError("expected 2 folds or more")
    return value


def positive(text: str) -> int:
    """A whole number above 0."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, received {text}")
    return value


def read_config(options: argparse.Namespace) -> TrainingConfig:
    """The preset, with what the command line changes of it."""
    config = load_preset(options.preset)
    changes = {
        field: value
        for field in ("epochs", "batch_size", "learning_rate", "seed", "balance", "select_by")
        if (value := getattr(options, field)) is not None
    }
    try:
        return dataclasses.replace(config, **changes)
    except ValueError as error:
        raise RunError(f"{options.preset}: cannot be changed so. {error}") from error


def read_outline_tables(options: argparse.Namespace) -> OutlineTables:
    """The tables of outlines that the command line names."""
    from training.data.images import OutlineTables

    return OutlineTables(lungs=tuple(options.lungs), opacities=tuple(options.opacities))


def with_all_images(config: TrainingConfig) -> TrainingConfig:
    """The configuration with no images held out, since a cross-validation measures it."""
    try:
        return dataclasses.replace(config, validation_fraction=0.0)
    except ValueError as error:
        raise RunError(str(error)) from error


def tensorboard_callbacks(options: argparse.Namespace, *, run: str) -> list[Any]:
    """The callback that logs a run for TensorBoard, if it is asked for."""
    if not options.tensorboard:
        return []
    from training.fitting.tensorboard import TensorBoardLog

    return [TensorBoardLog(options.tensorboard / run)]
