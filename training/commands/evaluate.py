"""Measure a bundle on labelled images and write a report.

Measure a bundle on a folder that holds NORMAL and PNEUMONIA, or on a CSV of path and label.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from training.commands.options import add_measuring_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add_measuring_options(parser, out="folder of the report")
    parser.add_argument("--against", type=Path, help="another bundle, on the same images")
    parser.add_argument("--positive", help="the label of a CSV that counts as pneumonia")
    parser.add_argument("--skip-unreadable", action="store_true")


def run(options: argparse.Namespace) -> int:
    """Measure a bundle on labelled images."""
    from cxr.model.bundle import load_bundle
    from training.validation.report import write_report

    document = write_report(
        load_bundle(options.model),
        options.data,
        options.out,
        against=load_bundle(options.against) if options.against else None,
        positive=options.positive,
        skip_unreadable=options.skip_unreadable,
    )
    for name, value in document["metrics"].items():
        low, high = document["intervals"][name]
        print(f"{name.replace('_', ' '):<20}{value:8.4f}  ({low:.4f} to {high:.4f})")
    if other := document.get("against"):
        test = other["comparison"]
        for name, value in test["difference"].items():
            low, high = test["intervals"][name]
            print(f"{name} less the other's: {value:+.4f}  ({low:+.4f} to {high:+.4f})")
        print(f"By chance alone? AUC, DeLong: p = {test['delong_p']:.2g}; ", end="")
        print(f"calls, McNemar: p = {test['mcnemar']['p']:.2g}")
    if known := document["data"]["trained_on"]:
        print(f"The model was trained on {known:,} of these images, and remembers them.")
    print(f"Report: {options.out / 'report.html'}")
    return 0
