"""The page: python app.py [--share] [--port N] [--model MODEL] [--no-browser]."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cxr.arguments import port
from cxr.classifier import Classifier
from cxr.errors import CXRError, HubError, PageError
from cxr.model.bundle import load_bundle
from cxr.model.hub import find_bundle
from cxr.page import LAUNCH_SETTINGS, build_page
from cxr.page.serving import launch, on_a_space, private_uploads


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the page until interrupted, and return the exit status."""
    options = _parser().parse_args(arguments)
    notice = ""
    try:
        bundle = find_bundle(options.model)
    except HubError as error:
        # People were given a link: the page answers with the model that it brings, and says so.
        print(f"app: {error} The bundled model is used instead.", file=sys.stderr)
        bundle, notice = load_bundle(), str(error)
    except CXRError as error:
        print(f"app: {error}", file=sys.stderr)
        return 2
    classifier = Classifier(bundle)

    with private_uploads():
        try:
            page = build_page(classifier, notice=notice, notes=options.notes)
            share_url = launch(page, _settings(options))
        except PageError as error:
            print(f"app: {error}", file=sys.stderr)
            return 1
        except CXRError as error:
            print(f"app: {error}", file=sys.stderr)
            return 2
        _announce(share_url, options)
        # After the launch, so that the page answers while TensorFlow is being imported.
        threading.Thread(target=_warm_up, args=(classifier,), daemon=True).start()
        page.block_thread()
        return 0


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    return {
        **LAUNCH_SETTINGS,
        "server_port": options.port,
        "share": options.share,
        "inbrowser": not (options.no_browser or on_a_space()),
    }


def _announce(share_url: str | None, options: argparse.Namespace) -> None:
    if share_url:
        print(f"Share link: {share_url}", flush=True)
    elif options.share:
        print("No share link could be made (no connection?); the local page works.", flush=True)


def _warm_up(classifier: Classifier) -> None:
    try:
        classifier.warm_up()
    except CXRError as error:  # the page says it too, to whoever opens it
        print(f"app: {error}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python app.py", description="Serve the page.")
    parser.add_argument("--share", action="store_true", help="make a public link, for 1 week")
    parser.add_argument("--port", type=port, help="instead of the first free one from 7860 on")
    parser.add_argument(
        "--model",
        metavar="FOLDER | NAME/REPO[@REVISION]",
        help="a bundle, or a model of the Hugging Face Hub, instead of the bundled one",
    )
    parser.add_argument(
        "--notes",
        type=Path,
        metavar="FOLDER",
        help=(
            "append what readers note on answers to FOLDER/notes.jsonl, without radiograph and name"
        ),
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    return parser


if __name__ == "__main__":
    sys.exit(main())
