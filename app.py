"""The page: python app.py [--share] [--port N] [--model FOLDER] [--no-browser]."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import threading
from collections.abc import Sequence

from cxr.bundle import BUNDLED_MODEL
from cxr.classifier import Classifier
from cxr.errors import CXRError
from cxr.page import LAUNCH_SETTINGS, build_page


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the page until interrupted, and return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        classifier = Classifier.load(options.model or BUNDLED_MODEL)
    except CXRError as error:
        print(f"app: {error}", file=sys.stderr)
        return 2

    on_a_space = os.environ.get("SYSTEM") == "spaces"
    page = build_page(classifier)
    try:
        # Gradio prints a page of advice where no share link can be made; one line of ours will do.
        with contextlib.redirect_stdout(io.StringIO()):
            _, local_url, share_url = page.launch(
                **LAUNCH_SETTINGS,
                server_port=options.port,
                share=options.share,
                inbrowser=not (options.no_browser or on_a_space),
                prevent_thread_lock=True,
                quiet=True,
            )
    except OSError as error:
        print(f"app: the page cannot be served ({error}).", file=sys.stderr)
        return 1
    print(f"Page: {local_url}", flush=True)
    if share_url:
        print(f"Share link: {share_url}", flush=True)
    elif options.share:
        print("No share link could be made (no connection?); the local page works.", flush=True)

    # After the launch, so that the page answers while TensorFlow is being imported.
    threading.Thread(target=_warm_up, args=(classifier,), daemon=True).start()
    page.block_thread()
    return 0


def _warm_up(classifier: Classifier) -> None:
    try:
        classifier.warm_up()
    except CXRError as error:  # the page says it too, to whoever opens it
        print(f"app: {error}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python app.py", description="Serve the page.")
    parser.add_argument("--share", action="store_true", help="make a public link, for 1 week")
    parser.add_argument("--port", type=int, help="instead of the first free one from 7860 on")
    parser.add_argument("--model", metavar="FOLDER", help="a model bundle, not the bundled one")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    return parser


if __name__ == "__main__":
    sys.exit(main())
