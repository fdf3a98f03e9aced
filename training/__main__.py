"""Train a network and write its bundle: python -m training fit --data DIR --out RUN."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from cxr import __version__
from cxr.errors import CXRError
from training.config import PRESETS, TrainingConfig


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        return _COMMANDS[options.command](options)
    except CXRError as error:
        print(f"training: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted. The same command goes on after the last epoch.", file=sys.stderr)
        return 130


def run_fit(options: argparse.Namespace) -> int:
    """Fit, then write the bundle."""
    from training.films import load_parts
    from training.fit import fit
    from training.run_folder import RunFolder

    config = _config(options)
    run = RunFolder(options.out)
    parts = load_parts(config, options.data, skip_unreadable=options.skip_unreadable)
    run.start(config, options.data, parts)
    network = fit(config, parts, run)

    import keras

    if keras.backend.backend() != "tensorflow":
        print(
            f"Trained: {run.weights}. Heatmaps need TensorFlow: run the same command with "
            "KERAS_BACKEND=tensorflow to write the bundle."
        )
        return 0
    from training.export import export

    bundle = export(config, parts, network, run, name=options.name, version=options.model_version)
    print((bundle.folder / "README.md").read_text(encoding="utf-8"))
    print(f"Bundle: {bundle.folder}\nTry it: python app.py --model {bundle.folder}")
    return 0


def run_composites(options: argparse.Namespace) -> int:
    """Write the example radiographs."""
    from training.composites import write_composites

    for path in write_composites(options.data, options.out):
        print(path)
    return 0


_COMMANDS = {"fit": run_fit, "composites": run_composites}


def _config(options: argparse.Namespace) -> TrainingConfig:
    """The preset, with what the command line changes of it."""
    config = PRESETS[options.preset]()
    changes = {
        field: value
        for field in ("epochs", "batch_size", "learning_rate", "seed")
        if (value := getattr(options, field)) is not None
    }
    return dataclasses.replace(config, **changes)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training", description="Train and measure models."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    fit = commands.add_parser(
        "fit",
        help="train a network and write its bundle",
        description="Train a network. An interrupted fit goes on where it stopped when the same "
        "command is given again.",
    )
    fit.add_argument(
        "--data", type=Path, required=True, help="folder with train/NORMAL and train/PNEUMONIA"
    )
    fit.add_argument("--out", type=Path, required=True, help="folder of the run")
    fit.add_argument("--preset", choices=sorted(PRESETS), default="default")
    fit.add_argument("--epochs", type=_positive, help="instead of the preset's")
    fit.add_argument("--batch-size", type=_positive, help="instead of the preset's")
    fit.add_argument("--learning-rate", type=_rate, help="instead of the preset's")
    fit.add_argument("--seed", type=_seed, help="instead of the preset's")
    fit.add_argument(
        "--skip-unreadable", action="store_true", help="leave damaged files out, listing them"
    )
    fit.add_argument("--name", default="cxr-cnn-lstm", help="name of the model")
    fit.add_argument("--model-version", default=__version__, help="version of the model")

    composites = commands.add_parser(
        "composites", help="make the example radiographs from a data folder"
    )
    composites.add_argument("--data", type=Path, required=True)
    composites.add_argument("--out", type=Path, required=True)
    return parser


def _rate(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"expected a number between 0 and 1, received {text}")
    return value


def _seed(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 on, received {text}")
    return value


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, received {text}")
    return value


if __name__ == "__main__":
    sys.exit(main())
