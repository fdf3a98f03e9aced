"""The page: python app.py [--share] [--port N] [--model MODEL] [--no-browser]."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

import gradio as gr

from cxr.bundle import load_bundle
from cxr.classifier import Classifier
from cxr.errors import CXRError, HubError
from cxr.hub import find_bundle
from cxr.page import LAUNCH_SETTINGS, build_page


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

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the folder below is removed
    with tempfile.TemporaryDirectory(prefix="cxr-uploads-", ignore_cleanup_errors=True) as uploads:
        os.environ["GRADIO_TEMP_DIR"] = uploads
        try:
            page = build_page(classifier, notice=notice, notes=options.notes)
        except CXRError as error:
            print(f"app: {error}", file=sys.stderr)
            return 2
        return _serve(page, classifier, options)


def _serve(page: gr.Blocks, classifier: Classifier, options: argparse.Namespace) -> int:
    # Behind a proxy, too, the page is asked for here and not there.
    os.environ["NO_PROXY"] = ",".join(
        filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1,localhost"])
    )
    try:
        # Gradio prints a page of advice where no share link can be made; one line of ours will do.
        with contextlib.redirect_stdout(io.StringIO()):
            _, local_url, share_url = page.launch(
                **LAUNCH_SETTINGS,
                server_port=options.port,
                share=options.share,
                inbrowser=not (options.no_browser or os.environ.get("SYSTEM") == "spaces"),
                prevent_thread_lock=True,
                quiet=True,
            )
    except Exception as error:  # a port in use, a proxy in between, no loopback, …
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
    parser.add_argument("--port", type=_port, help="instead of the first free one from 7860 on")
    parser.add_argument(
        "--model",
        metavar="FOLDER | NAME/REPO[@REVISION]",
        help="a bundle, or a model of the Hugging Face Hub, instead of the bundled one",
    )
    parser.add_argument(
        "--notes",
        type=Path,
        metavar="FOLDER",
        help="append what readers note on answers to FOLDER/notes.jsonl, without film and name",
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 < port < 65_536:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 65535, received {text}")
    return port


if __name__ == "__main__":
    sys.exit(main())
