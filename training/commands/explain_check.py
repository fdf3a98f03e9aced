"""Test whether a model's heatmaps can be trusted.

For each heatmap method: deletion and insertion, randomised layers, and repeatability on mirrored
and shifted images. With tables of outlines: how much of the evidence lies in the lungs, and whether
its strongest place lies in an opacity. Also draws a sheet of example heatmaps.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from cxr.arguments import positive
from training.commands.options import add_measuring_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add_measuring_options(parser, out="folder of the figures")
    parser.add_argument(
        "--images",
        type=positive,
        default=100,
        metavar="N",
        help="how many images with pneumonia to compare the heatmap methods on (default: 100)",
    )
    parser.add_argument(
        "--lungs",
        type=Path,
        nargs="+",
        default=(),
        metavar="TABLE",
        help="CSV files with the columns image and lung_mask, for images in --data: measures the "
        "evidence in the lungs, and finds opacities that are planted in normal ones",
    )
    parser.add_argument(
        "--opacities",
        type=Path,
        metavar="TABLE",
        help="CSV file with the columns image, opacity_mask and lung_mask, for other images: "
        "measures the evidence in outlined opacities",
    )
    parser.add_argument(
        "--adults",
        type=Path,
        nargs="+",
        default=(),
        metavar="TABLE",
        help="CSV files with the columns image and label (normal, or a disease): measures the AUC "
        "on adults",
    )
    parser.add_argument(
        "--reserved",
        action="store_true",
        help="use only the patients in training/data/reserved.txt, whom no training includes",
    )


def run(options: argparse.Namespace) -> int:
    """Test the heatmaps, and print the figures."""
    from cxr.model.bundle import load_bundle
    from training.validation.heatmaps import summary, write_heatmap_report
    from training.validation.localization_check import HeatmapTables

    tables = HeatmapTables(
        lungs=tuple(options.lungs), opacities=options.opacities, adults=tuple(options.adults)
    )
    document = write_heatmap_report(
        load_bundle(options.model),
        options.data,
        options.out,
        max_images=options.images,
        tables=tables,
        reserved=options.reserved,
    )
    for line in summary(document):
        print(line)
    print(f"Figures: {options.out / 'explanation.json'}")
    return 0
