"""Put a bundle's heatmaps to the test.

Randomisation, deletion and insertion, and repeatability, for each heatmap method; and where the
heat lies, against outlines of lungs and opacities.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from training.commands.options import add_measuring_options, positive


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add_measuring_options(parser, out="folder of the figures")
    parser.add_argument("--images", type=positive, default=100, help="images with pneumonia")
    parser.add_argument(
        "--lungs",
        type=Path,
        nargs="+",
        default=(),
        metavar="TABLE",
        help="CSVs of image and lung_mask, of images of the data: heat in the lungs, and opacities "
        "planted in them",
    )
    parser.add_argument(
        "--opacities",
        type=Path,
        metavar="TABLE",
        help="a CSV of image, opacity_mask and lung_mask, of other images",
    )
    parser.add_argument(
        "--adults",
        type=Path,
        nargs="+",
        default=(),
        metavar="TABLE",
        help="CSVs of image and label, normal or a disease",
    )
    parser.add_argument(
        "--held-out",
        action="store_true",
        help="only patients that no fit learns from: those of training/data/held_out.txt",
    )


def run(options: argparse.Namespace) -> int:
    """Put a bundle's heatmaps to the test."""
    from cxr.model.bundle import load_bundle
    from training.validation.heatmaps import write_explanation_check

    document = write_explanation_check(
        load_bundle(options.model),
        options.data,
        options.out,
        most=options.images,
        lungs=tuple(options.lungs),
        opacities=options.opacities,
        adults=tuple(options.adults),
        held_out=options.held_out,
    )
    for method, figures in document["methods"].items():
        print(f"{method}: {figures}")
    print(f"Figures: {options.out / 'explanation.json'}")
    return 0
