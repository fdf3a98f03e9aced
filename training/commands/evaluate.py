"""Measure a model on labelled images, and write a report.

The report has every figure with a 95 % interval by patient, plots, and the worst mistakes; with
--against, also the differences to a second model with intervals, and paired tests if each patient
has one image.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from cxr.language import LANGUAGES
from training.commands.options import add_measuring_options
from training.commands.printing import print_comparison


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add_measuring_options(parser, out="folder of the report")
    parser.add_argument(
        "--against", type=Path, metavar="MODEL", help="bundle to compare with, on the same images"
    )
    parser.add_argument(
        "--positive",
        metavar="LABEL",
        help="label in the CSV that counts as pneumonia (default: PNEUMONIA, or 1)",
    )
    parser.add_argument(
        "--skip-unreadable",
        action="store_true",
        help="leave out files that cannot be read, and list them",
    )
    parser.add_argument(
        "--language",
        choices=LANGUAGES,
        default="en",
        help="language of the report and its plots (default: en)",
    )


def run(options: argparse.Namespace) -> int:
    """Measure the model, and print its figures."""
    from cxr.model.bundle import load_bundle
    from training.validation.report import write_report

    document = write_report(
        load_bundle(options.model),
        options.data,
        options.out,
        against=load_bundle(options.against) if options.against else None,
        positive=options.positive,
        skip_unreadable=options.skip_unreadable,
        language=options.language,
    )
    for name, value in document["metrics"].items():
        bounds = document["intervals"].get(name)
        interval = f"  ({bounds[0]:.4f} to {bounds[1]:.4f})" if bounds else ""
        print(f"{name.replace('_', ' '):<20}{value:8.4f}{interval}")
    if other := document.get("against"):
        print_comparison(other["comparison"])
    if known := document["data"]["trained_on"]:
        print(f"The model was trained on {known:,} of these images: its figures are too good.")
    if chosen := document["data"]["chosen_on"]:
        print(f"Its thresholds were chosen on {chosen:,} of these images: rates are too good.")
    print(f"Report: {options.out / 'report.html'}")
    return 0
