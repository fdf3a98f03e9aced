"""Train a network, and write a model that the page and the command line can use.

To continue an interrupted training, run the same command again: it starts after the last finished
epoch. By default the images are split by patient, and thresholds and figures come from the
validation split. With --cross-validation, all images are trained on, and thresholds and figures are
those of the cross-validation.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from cxr import __version__
from cxr.errors import RunError
from training.commands.options import (
    add_learning_rate,
    add_select_by,
    add_tensorboard_option,
    add_training_options,
    read_config,
    read_outline_tables,
    tensorboard_callbacks,
    with_all_images,
)

if TYPE_CHECKING:
    import keras

    from training.data.images import Split
    from training.fitting.config import TrainingConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add_training_options(parser, out="folder of the run")
    add_learning_rate(parser)
    add_select_by(parser)
    parser.add_argument(
        "--cross-validation",
        type=Path,
        metavar="CV",
        help="folder of a finished cross-validation with the same settings: all images are "
        "trained on, and thresholds, calibration and figures are taken from it",
    )
    parser.add_argument(
        "--elsewhere",
        type=Path,
        metavar="CV",
        help="with --cross-validation: folder of another one, --by typicality or acquisition, "
        "whose held-out images stand for images from elsewhere. Thresholds and calibration are "
        "then chosen for the worst group of images in both",
    )
    add_tensorboard_option(parser)
    parser.add_argument("--credit", default="", help="who drew the outlines, for the model's card")
    parser.add_argument(
        "--name", default="cxr-cnn-lstm", help="name of the model (default: cxr-cnn-lstm)"
    )
    parser.add_argument(
        "--model-version",
        default=__version__,
        metavar="VERSION",
        help=f"version of the model (default: {__version__})",
    )


def run(options: argparse.Namespace) -> int:
    """Train, then write the bundle."""
    from training.fitting.loading import load_splits
    from training.fitting.run_folder import RunFolder

    config = read_config(options)
    if options.elsewhere and not options.cross_validation:
        raise RunError(
            "--elsewhere needs --cross-validation too: the folder of a cross-validation by patient."
        )
    if options.credit and not (options.lungs or options.opacities):
        raise RunError("--credit names who outlined lungs or opacities. Give their tables, too.")
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
            options.cross_validation, config, splits.train, elsewhere=options.elsewhere
        )
    # Keras takes seconds to import: what is wrong with the images or the options is said before.
    from training.fitting.fit import fit

    folder = RunFolder(options.out)
    folder.start(config, options.data, splits)
    callbacks = tensorboard_callbacks(options, run=options.out.name)
    network = fit(config, splits, folder, callbacks=callbacks)

    import keras

    if keras.backend.backend() != "tensorflow":
        print(
            f"Trained: {folder.weights}. Heatmaps need TensorFlow: run the same command again with "
            "KERAS_BACKEND=tensorflow to write the bundle."
        )
        return 0
    from training.sharing.bundle import write_bundle
    from training.sharing.model_figures import by_cross_validation, on_validation

    if config.network.architecture == "evidence":
        _check_heatmaps(network, config, options, splits.validation)
    if estimate:
        measured = by_cross_validation(estimate)
    else:
        measured = on_validation(config, splits.validation, network, folder)
    bundle = write_bundle(
        config,
        splits,
        network,
        folder,
        name=options.name,
        version=options.model_version,
        measured=measured,
        credit=options.credit,
    )
    if measured.log_odds is not None:
        from training.validation.mistakes import write_bundle_mistakes

        images = splits.validation.records
        write_bundle_mistakes(options.out, bundle, options.data, images, measured.log_odds)
    print((bundle.folder / "README.md").read_text(encoding="utf-8"))
    print(f"Bundle: {bundle.folder}")
    print(f"Try it: python app.py --model {shlex.quote(str(bundle.folder))}")
    return 0


def _check_heatmaps(
    network: keras.Model, config: TrainingConfig, options: argparse.Namespace, validation: Split
) -> None:
    """Measure heatmaps on images that were not trained on, before the bundle is written.

    If they fail, a model of all images is not written, since it is made to be used; one of a split
    is, with a warning.
    """
    from training.fitting.loading import load_reserved_with_lungs
    from training.validation.heatmap_floor import check_against_floor

    held_out: Split | None = validation.with_outlined_lungs()
    if options.cross_validation:
        held_out = load_reserved_with_lungs(
            config,
            options.data,
            outlines=read_outline_tables(options),
            skip_unreadable=options.skip_unreadable,
        )
    if held_out is None or set(held_out.labels) != {0, 1}:
        print(
            "The heatmaps were not checked: this training leaves out no images of both classes "
            "whose lungs are outlined."
        )
        return
    print(check_against_floor(network, config, held_out, required=bool(options.cross_validation)))
