"""Put the page on a Hugging Face Space, with one model pinned to a commit.

Again with another model or another version of the code: the Space is brought up to date; files that
are not of an earlier deployment stay.

What the Hub asks of the account (July 2026): a free account cannot make a Gradio Space on
cpu-basic (it answers 402); an account older than 30 days has two ZeroGPU Spaces (--hardware zero);
PRO and Team accounts can make both. A Space sleeps after 48 hours without a visitor.
"""

from __future__ import annotations

import argparse

_HUB_RULES = (__doc__ or "").rpartition("\n\n")[2].strip()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("--space", required=True, metavar="NAME/SPACE", help="made if missing")
    parser.add_argument("--model", required=True, metavar="NAME/REPO@REVISION")
    parser.add_argument("--hardware", choices=("cpu", "zero"), default="cpu")


def run(options: argparse.Namespace) -> int:
    """Put the page on a Space."""
    from training.sharing.deploy import deploy

    deployment = deploy(options.space, options.model, hardware=options.hardware)
    print(f"Space: {deployment.url}\nModel: {deployment.model}")
    print(f"{len(deployment.written)} files written, {len(deployment.deleted)} deleted.")
    print(_HUB_RULES)
    return 0
