"""Starts the page: python app.py [options]; --help lists them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr.arguments import port
from cxr.errors import CXRError, HubError, PageError, for_terminal

if TYPE_CHECKING:
    from cxr.classifier import Classifier


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the page until interrupted, and return the exit status."""
    options = _parser().parse_args(arguments)
    from cxr.page import build_page  # after what is wrong with the command, since it takes seconds
    from cxr.page.mcp_server import mcp_settings
    from cxr.page.serving import private_uploads, served, share_free_memory, wait_for_the_end
    from cxr.page.waiting_turns import Turns

    share_free_memory()
    try:
        classifier, notice = _load(options.model)
    except CXRError as error:
        print(for_terminal(f"app: {error}"), file=sys.stderr)
        return 2
    try:
        with private_uploads():
            turns = Turns()
            page = build_page(
                classifier,
                turns=turns,
                notice=notice,
                notes=options.notes,
                flag_to=options.flag_to,
            )
            hosts = tuple(options.host)
            tools = mcp_settings(classifier, turns=turns) if options.mcp else {}
            with served(page, _settings(options, tools), host_names=hosts) as share_url:
                _announce(share_url, options)
                wait_for_the_end()
    except KeyboardInterrupt:  # a second one, while it was ending
        return 130
    except PageError as error:
        print(for_terminal(f"app: {error}"), file=sys.stderr)
        return 1
    except CXRError as error:
        print(for_terminal(f"app: {error}"), file=sys.stderr)
        return 2
    return 0


def _load(model: str | None) -> tuple[Classifier, HubError | None]:
    """The classifier, and why it is not of the model that was asked for, if it is not."""
    from cxr.classifier import Classifier
    from cxr.model.bundle import load_bundle
    from cxr.model.hub import find_bundle

    try:
        return Classifier(find_bundle(model)), None
    except HubError as error:
        # People may have the link to this page already, so it answers with the bundled model and
        # says so.
        print(for_terminal(f"app: {error} The bundled model is used instead."), file=sys.stderr)
        return Classifier(load_bundle()), error


def _settings(options: argparse.Namespace, tools: dict[str, Any]) -> dict[str, Any]:
    from cxr.page import LAUNCH_SETTINGS
    from cxr.page.defences import on_a_space

    return {
        **LAUNCH_SETTINGS,
        "css": None if tools else LAUNCH_SETTINGS["css"],  # the API page shows the tools there are
        "app_kwargs": {**LAUNCH_SETTINGS["app_kwargs"], **tools},
        "server_port": options.port,
        "share": options.share,
        "inbrowser": not (options.no_browser or on_a_space()),
    }


def _announce(share_url: str | None, options: argparse.Namespace) -> None:
    if share_url:
        print(f"Share link: {share_url}", flush=True)
    elif options.share:
        print("No share link could be made (no connection?); the local page works.", flush=True)


def _host_name(text: str) -> str:
    """For ``type=`` of the parser: a name without a port, under which any port is accepted."""
    if ":" in text:
        raise argparse.ArgumentTypeError(
            f"expected a name without a port, received {text}. Requests to any port are accepted"
        )
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python app.py", description="Serve the page that classifies chest radiographs."
    )
    parser.add_argument(
        "--share", action="store_true", help="also make a public link, valid for 1 week"
    )
    parser.add_argument("--port", type=port, help="port (default: the first free one from 7860)")
    parser.add_argument(
        "--host",
        type=_host_name,
        metavar="NAME",
        action="append",
        default=[],
        help="also accept requests for this host name, as a reverse proxy forwards them",
    )
    parser.add_argument(
        "--model",
        metavar="FOLDER | NAME/REPO[@REVISION]",
        help="folder of a model, or a model on the Hugging Face Hub (default: what CXR_MODEL "
        "names, else what python -m training use chose, else the bundled model)",
    )
    parser.add_argument(
        "--notes",
        type=Path,
        metavar="FOLDER",
        help=(
            "append what readers note about answers to FOLDER/notes.jsonl, without radiograph and "
            "name"
        ),
    )
    parser.add_argument(
        "--flag-to",
        default="",
        metavar="NAME/DATASET",
        help="send readers' disagreements to a private dataset of yours on the Hugging Face Hub; "
        "the radiograph only if the reader consents each time",
    )
    parser.add_argument(
        "--mcp",
        action="store_true",
        help="also offer the endpoints as tools of the Model Context Protocol, at "
        "/gradio_api/mcp; needs the packages of requirements-mcp.txt",
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    return parser


if __name__ == "__main__":
    sys.exit(main())
