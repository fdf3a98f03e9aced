"""Train the gate, which refuses what is not a frontal chest radiograph.

Trains the network that outlines the lungs, by cross-validation: each image is scored by a network
that has not seen it, and the limits are set from these scores. To continue an interrupted training,
run the same command again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from cxr.arguments import fold_count, positive


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with train/NORMAL and train/PNEUMONIA"
    )
    parser.add_argument(
        "--lungs",
        type=Path,
        required=True,
        nargs="+",
        metavar="TABLE",
        help="CSV files with the columns image and lung_mask. Images in the data folder are "
        "children's, all others adults'",
    )
    parser.add_argument(
        "--others",
        type=Path,
        required=True,
        metavar="TABLE",
        help="CSV file with the column path: images of anything else, to be refused",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for networks and figures")
    parser.add_argument("--folds", type=fold_count, default=4, help="number of folds (default: 4)")
    parser.add_argument(
        "--epochs",
        type=positive,
        nargs=2,
        default=(7, 9),
        metavar=("FIRST", "SECOND"),
        help="epochs of the two rounds of training (default: 7 9)",
    )


def run(options: argparse.Namespace) -> int:
    """Train the gate, and print what it refuses."""
    from training.gate.make import GatePlan, make_gate

    plan = GatePlan(folds=options.folds, epochs=tuple(options.epochs))
    gate = make_gate(options.data, options.lungs, options.others, options.out, plan)
    for name, row in gate.evaluation["refused"].items():
        print(f"{name:<10} refused {row['refused']} of {row['images']:,}")
    for group, dice in gate.evaluation["dice"].items():
        print(f"Lung outlines of {group}: Dice {dice['mean']:.3f}")
    print(f"Gate: {gate.folder}")
    return 0
