"""Score every image with a network that never saw its patient.

Fit a network for each fold, score the images that it was not shown, and a sample of them under
perturbations of gamma, contrast, blur and so on. Goes on where it stopped.
"""

from __future__ import annotations

import argparse

from training.commands.options import (
    add_training_options,
    positive,
    read_config,
    read_outline_tables,
    with_all_images,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add_training_options(parser, out="folder of the cross-validation")
    parser.add_argument(
        "--by",
        choices=("patient", "acquisition", "typicality"),
        default="patient",
        help="how images are parted: at random by patient, into groups that were taken alike, or "
        "from the least to the most typical of how their class was taken",
    )
    parser.add_argument("--folds", type=positive, default=5)
    parser.add_argument("--only", type=positive, nargs="+", help="numbers of the folds to fit")
    parser.add_argument(
        "--perturbed-images",
        type=positive,
        default=1000,
        help="images scored under each perturbation",
    )


def run(options: argparse.Namespace) -> int:
    """Fit a network for each fold, and score the images that it never saw."""
    from training.data.images import load_whole
    from training.validation.cross_validation import Plan, cross_validate

    config = with_all_images(read_config(options))
    whole, _ = load_whole(
        config,
        options.data,
        outlines=read_outline_tables(options),
        skip_unreadable=options.skip_unreadable,
    )
    plan = Plan(
        by=options.by,
        folds=options.folds,
        perturbed_images=options.perturbed_images,
        seed=config.seed,
    )
    document = cross_validate(config, whole, options.data, options.out, plan, only=options.only)
    metrics = document["result"]["metrics"]
    print(f"{document['source']}: AUC {metrics['auc']:.4f}")
    worst = min(document["perturbations"][1:], key=lambda row: row["auc"], default=None)
    if worst:
        print(f"Worst perturbation: {worst['name']} {worst['strength']}, AUC {worst['auc']:.4f}")
    print(f"Figures: {options.out / 'cross_validation.json'}")
    return 0
