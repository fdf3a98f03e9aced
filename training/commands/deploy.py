"""Put the page on a Hugging Face Space, with a model from the Hub.

The model is pinned to the commit that its branch or tag names now. Run the command again to update
the Space with another model or newer code. Files in the Space that no deployment wrote are kept.

What the Hub requires of the account (July 2026): a free account cannot make a Gradio Space on
cpu-basic (the Hub answers 402); an account older than 30 days may have two ZeroGPU Spaces
(--hardware zero); PRO and Team accounts can make both kinds. A Space without visitors sleeps after
48 hours.
"""

from __future__ import annotations

import argparse

_HUB_RULES = (__doc__ or "").rpartition("\n\n")[2].strip()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("--space", required=True, metavar="NAME/SPACE", help="made if missing")
    parser.add_argument(
        "--model",
        required=True,
        metavar="NAME/REPO@REVISION",
        help="a public model on the Hub; REVISION is a branch, tag or commit",
    )
    parser.add_argument(
        "--hardware",
        choices=("cpu", "zero"),
        default="cpu",
        help="cpu-basic or ZeroGPU (default: cpu)",
    )


def run(options: argparse.Namespace) -> int:
    """Put the page on a Space."""
    from training.sharing.deploy import deploy

    deployment = deploy(options.space, options.model, hardware=options.hardware)
    print(f"Space: {deployment.url}\nModel: {deployment.model}")
    print(f"{len(deployment.written)} files written, {len(deployment.deleted)} deleted.")
    print(_HUB_RULES)
    return 0
