"""Train a network and write its bundle.

Train a network. An interrupted fit goes on where it stopped when the same command is given again.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cxr import __version__
from cxr.errors import RunError
from training.commands.options import (
    add_tensorboard_option,
    add_training_options,
    read_config,
    read_outline_tables,
    tensorboard_callbacks,
    with_all_images,
)

if TYPE_CHECKING:
    import keras

    from training.fitting.config import TrainingConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add_training_options(parser, out="folder of the run")
    parser.add_argument(
        "--cross-validation",
        type=Path,
        metavar="CV",
        help="folder of a cross-validation of the same settings: all images are trained on, and "
        "thresholds, calibration and figures come from there",
    )
    parser.add_argument(
        "--elsewhere",
        type=Path,
        metavar="CV",
        help="with --cross-validation: folder of another one --by typicality or acquisition, whose "
        "held-out images stand for images taken otherwise. Thresholds and calibration hold for "
        "both",
    )
    add_tensorboard_option(parser)
    parser.add_argument(
        "--credit", default="", help="who drew the outlines, as the model's card has to say"
    )
    parser.add_argument("--name", default="cxr-cnn-lstm", help="name of the model")
    parser.add_argument("--model-version", default=__version__, help="version of the model")


def run(options: argparse.Namespace) -> int:
    """Fit, then write the bundle."""
    from training.data.images import load_splits
    from training.fitting.fit import fit
    from training.fitting.run_folder import RunFolder

    config = read_config(options)
    if options.elsewhere and not options.cross_validation:
        raise RunError("--elsewhere goes with --cross-validation, by patient, of all images.")
    if options.cross_validation:
        config = with_all_images(config)
    splits = load_splits(
        config,
        options.data,
        outlines=read_outline_tables(options),
        skip_unreadable=options.skip_unreadable,
    )
    estimate = None
    if options.cross_validation:
        from training.validation.estimate import read_estimate

        estimate = read_estimate(
            options.cross_validation, config, splits.train.records, elsewhere=options.elsewhere
        )
    folder = RunFolder(options.out)
    folder.start(config, options.data, splits)
    callbacks = tensorboard_callbacks(options, run=options.out.name)
    network = fit(config, splits, folder, callbacks=callbacks)

    import keras

    if keras.backend.backend() != "tensorflow":
        print(
            f"Trained: {folder.weights}. Heatmaps need TensorFlow: run the same command with "
            "KERAS_BACKEND=tensorflow to write the bundle."
        )
        return 0
    from training.sharing.bundle import export

    if options.cross_validation and config.network.architecture == "evidence":
        _require_heat(network, config, options)
    bundle = export(
        config,
        splits,
        network,
        folder,
        name=options.name,
        version=options.model_version,
        credit=options.credit,
        estimate=estimate,
    )
    print((bundle.folder / "README.md").read_text(encoding="utf-8"))
    print(f"Bundle: {bundle.folder}\nTry it: python app.py --model {bundle.folder}")
    return 0


def _require_heat(
    network: keras.Model, config: TrainingConfig, options: argparse.Namespace
) -> None:
    """Stop before a model is written whose heatmaps fail on images that it has not learned from."""
    from training.data.images import load_held_out
    from training.validation.localization_check import require_heat

    held_out = load_held_out(
        config,
        options.data,
        outlines=read_outline_tables(options),
        skip_unreadable=options.skip_unreadable,
    )
    if held_out is None:
        print("No images are held out of this data: its heatmaps were not checked.")
        return
    reached = require_heat(network, config, held_out)
    print("Heatmaps: " + ", ".join(f"{name} {value:.2f}" for name, value in reached.items()))
