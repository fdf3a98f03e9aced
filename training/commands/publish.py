"""Put a model on the Hugging Face Hub.

Sends the bundle with its card, evaluation results, plots and example radiographs in one commit, or
nothing. Log in first: hf auth login.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "run", type=Path, metavar="RUN", help="folder of a finished run, or of a bundle"
    )
    parser.add_argument("--repo", required=True, metavar="NAME/REPO", help="made if missing")
    parser.add_argument("--tag", help="tag for the commit, for example v1")
    parser.add_argument(
        "--private", action="store_true", help="if the repository is new, make it private"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show files, sizes and the card, and send nothing"
    )


def run(options: argparse.Namespace) -> int:
    """Publish the bundle, or show what would be sent."""
    from training.sharing.publish import describe, publish

    publication = publish(
        options.run,
        options.repo,
        tag=options.tag,
        private=options.private,
        dry_run=options.dry_run,
    )
    if options.dry_run:
        print(describe(publication))
        return 0
    print(f"Published: {publication.url}")
    print(f"Use it: python app.py --model {publication.repo}@{options.tag or publication.commit}")
    return 0
