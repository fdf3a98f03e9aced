"""Make the gate, which tells frontal chest radiographs from other pictures.

Fit the lung network, score every picture by one that never saw it, set the limits by that, and
write the gate. Goes on where it stopped.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from training.commands.options import fold_count, positive


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with train/NORMAL and train/PNEUMONIA"
    )
    parser.add_argument(
        "--lungs", type=Path, required=True, help="a CSV of image and lung_mask, of adults' images"
    )
    parser.add_argument(
        "--others", type=Path, required=True, help="a CSV of path: pictures of anything else"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of networks and figures")
    parser.add_argument("--folds", type=fold_count, default=4)
    parser.add_argument(
        "--epochs", type=positive, nargs=2, default=(7, 9), help="of the two rounds of a fit"
    )


def run(options: argparse.Namespace) -> int:
    """Make the gate."""
    from training.gate.make import GatePlan, make_gate

    plan = GatePlan(folds=options.folds, epochs=tuple(options.epochs))
    document = make_gate(options.data, options.lungs, options.others, options.out, plan)
    figures = document["figures"]
    for name, row in figures["refused"].items():
        print(f"{name:<10} refused {row['refused']} of {row['pictures']:,}")
    print(f"Lungs of adults: Dice {figures['dice']['mean']:.3f}")
    print(f"Gate: {options.out / 'gate'}")
    return 0
