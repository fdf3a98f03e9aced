"""The studio: a page on one's own machine to check data, train, tune, compare and publish.

The page keeps no state: everything is in the folder of runs. Whatever takes long is a command of
`python -m training` in a process of its own (`training.studio.jobs`), so that it continues when the
tab is closed or the page crashes.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from cxr.errors import RunError
from cxr.page.serving import BASE_SETTINGS, launch, on_a_space, private_uploads
from training.files import make_folder
from training.studio.compare_tab import create_compare_tab
from training.studio.data_tab import create_data_tab
from training.studio.jobs import JobQueue
from training.studio.runs_tab import create_runs_tab
from training.studio.share_tab import create_share_tab
from training.studio.train_tab import create_train_tab
from training.studio.tune_tab import create_tune_tab

LOOPBACK = "127.0.0.1"
LAUNCH_SETTINGS: dict[str, Any] = {
    **BASE_SETTINGS,
    "css_paths": Path(__file__).parent / "studio.css",
}
_DELETE_FILES = (60, 600)  # every 60 s, delete uploads that are older than 600 s


def build_studio(runs: Path, data: Path | None = None) -> gr.Blocks:
    """Build the page.

    Args:
        runs: folder of the runs; new ones are written to it.
        data: data folder to start with.

    Raises:
        RunError: the folder of runs cannot be made.
    """
    make_folder(runs)
    queue = JobQueue(runs)
    with gr.Blocks(
        title="Training studio", analytics_enabled=False, delete_cache=_DELETE_FILES
    ) as page:
        gr.Markdown(
            "# Training studio\nTrain a network on chest radiographs, follow its progress, and "
            f"compare it with others. Runs are stored in `{_short(queue.runs)}`.",
            elem_id="header",
        )
        with gr.Tabs():
            with gr.Tab("1 Data", id="data"):
                data_folder = create_data_tab(data)
            with gr.Tab("2 Train", id="train"):
                create_train_tab(queue, data_folder)
            with gr.Tab("3 Runs", id="runs"):
                create_runs_tab(page, queue)
            with gr.Tab("4 Compare", id="compare") as tab:
                create_compare_tab(tab, queue)
            with gr.Tab("5 Use and publish", id="share") as tab:
                create_share_tab(tab, queue)
            with gr.Tab("Search settings", id="tune") as tab:
                create_tune_tab(tab, queue, data_folder)
    queue.start_worker()  # continues with what was queued when the page was closed
    return page


def _short(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def serve_studio(
    runs: Path,
    data: Path | None,
    *,
    port: int | None = None,
    listen: str = LOOPBACK,
    browser: bool = True,
) -> None:
    """Serve the page until interrupted.

    Args:
        runs: folder of the runs.
        data: data folder to start with.
        port: port to listen on; None for the first free one from 7860.
        listen: address to listen on. If others can reach it, the page asks for a password, which
            is printed: with it, one can read folders and run trainings on this machine.
        browser: whether to open a browser.

    Raises:
        RunError: this is a Space, or the folder of runs cannot be made.
        PageError: the page cannot be served.
    """
    if on_a_space():
        raise RunError(
            "The studio does not run on a Space: it reads folders and runs commands, which every "
            "visitor could then do. Run it on your own machine."
        )
    settings: dict[str, Any] = {
        **LAUNCH_SETTINGS,
        "server_name": listen,
        "server_port": port,
        "share": False,  # even if GRADIO_SHARE is set
        "inbrowser": browser,
    }
    if listen in (LOOPBACK, "localhost"):
        # Refuses requests for other host names, against DNS rebinding from a foreign web page.
        here = Middleware(TrustedHostMiddleware, allowed_hosts=[LOOPBACK, "localhost"])
        settings["app_kwargs"] = {"middleware": [here]}
    else:
        password = secrets.token_urlsafe(12)
        settings["auth"] = ("studio", password)
        print(f"To log in, use the name studio and the password {password}", flush=True)
    os.environ.pop("GRADIO_SHARE", None)
    with private_uploads():
        page = build_studio(runs, data)
        launch(page, settings)
        page.block_thread()
