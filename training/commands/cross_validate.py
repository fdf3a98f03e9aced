"""Estimate how well a configuration does, by cross-validation.

For each fold, a network is trained on the other folds and scores the images of this one, none of
whose patients it has seen; patients whom no training includes (training/data/reserved.txt) are
scored, too. It also scores a sample under perturbations: gamma, contrast, blur, borders and so on.
To continue an interrupted cross-validation, run the same command again. With --workers, several
folds are trained at a time; the results are the same.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from cxr.arguments import fold_count, positive, seed
from training.commands.options import (
    add_learning_rate,
    add_spreading_options,
    add_training_options,
    read_config,
    read_outline_tables,
    read_spreading,
    with_all_images,
)

if TYPE_CHECKING:
    from training.validation.folds import Plan

_FOLDS_SEED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add_training_options(parser, out="folder of the cross-validation")
    add_learning_rate(parser)
    parser.add_argument(
        "--by",
        choices=("patient", "acquisition", "typicality"),
        default="patient",
        help="how images are divided into folds: at random by patient (default); by acquisition, "
        "into groups of images that were acquired alike; by typicality, from the images acquired "
        "least like the rest of their class (fold 1) to the most typical",
    )
    parser.add_argument("--folds", type=fold_count, default=5, help="number of folds (default: 5)")
    parser.add_argument(
        "--only",
        type=positive,
        nargs="+",
        metavar="FOLD",
        help="train for these folds only, counted from 1 (default: all)",
    )
    parser.add_argument(
        "--perturbed-images",
        type=positive,
        default=1000,
        metavar="N",
        help="how many images are scored under each perturbation, half of each class and in all "
        "folds together (default: 1000)",
    )
    parser.add_argument(
        "--folds-seed",
        type=seed,
        default=_FOLDS_SEED,
        metavar="SEED",
        help="seed of the folds; --seed is that of the trainings, so that two of them can be "
        f"compared on the same folds (default: {_FOLDS_SEED})",
    )
    add_spreading_options(parser, what="folds")


def read_plan(options: argparse.Namespace) -> Plan:
    """How the command line divides images into folds."""
    from training.validation.folds import Plan

    return Plan(
        by=options.by,
        folds=options.folds,
        perturbed_images=options.perturbed_images,
        seed=options.folds_seed,
    )


def run(options: argparse.Namespace) -> int:
    """Train a network for each fold, and score the images that it has not seen."""
    from training.fitting.loading import load_reserved, load_whole
    from training.validation.cross_validation import cross_validate
    from training.validation.folds import divide
    from training.validation.folds_folder import FoldsFolder
    from training.validation.mistakes import SHEET

    config = with_all_images(read_config(options))
    spreading = read_spreading(options)
    whole, _ = load_whole(
        config,
        options.data,
        outlines=read_outline_tables(options),
        skip_unreadable=options.skip_unreadable,
    )
    reserved = load_reserved(config, options.data, skip_unreadable=options.skip_unreadable)
    document = cross_validate(
        config,
        divide(whole, reserved, options.data, read_plan(options)),
        options.data,
        options.out,
        only=options.only,
        spreading=spreading,
    )
    metrics = document["result"]["metrics"]
    print(f"{document['source']}: AUC {metrics['auc']:.4f}")
    worst = min(document["perturbations"][1:], key=lambda row: row["auc"], default=None)
    if worst:
        print(f"Worst perturbation: {worst['name']} {worst['strength']}, AUC {worst['auc']:.4f}")
    print(f"Figures: {FoldsFolder(options.out).result}")
    if (options.out / SHEET).exists():
        print(f"The worst mistakes: {options.out / SHEET}")
    return 0
