"""Put a run's bundle on the Hugging Face Hub, in one commit."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("run", type=Path, metavar="RUN", help="a finished run, or a bundle")
    parser.add_argument("--repo", required=True, metavar="NAME/REPO", help="made if missing")
    parser.add_argument("--tag", help="name for the commit, as v1")
    parser.add_argument("--private", action="store_true", help="make a new repository private")
    parser.add_argument(
        "--dry-run", action="store_true", help="list files, sizes and the card; send nothing"
    )


def run(options: argparse.Namespace) -> int:
    """Put a run's bundle on the Hub."""
    from training.sharing.publish import bundle_of, describe, publish

    publication = publish(
        options.run,
        options.repo,
        tag=options.tag,
        private=options.private,
        dry_run=options.dry_run,
    )
    if options.dry_run:
        card = (bundle_of(options.run) / "README.md").read_text(encoding="utf-8")
        print(describe(publication, card))
        return 0
    print(f"Published: {publication.url}")
    print(f"Use it: python app.py --model {publication.repo}@{options.tag or publication.commit}")
    return 0
