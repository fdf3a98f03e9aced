"""The studio: a page on one's own machine to check data, train, tune, compare and publish.

The page keeps no state: everything is in the folder of runs, but for what the browser remembers
over a reload (`training.studio.memory`). Whatever takes long is a command of `python -m training`
in a process of its own (`training.jobs.queue`), so that it continues when the tab is closed or the
page crashes.
"""

from __future__ import annotations

from cxr.page import gradio_without_stubs  # noqa: F401

# isort: split
import html
import json
import os
import secrets
from pathlib import Path
from typing import Any

import gradio as gr

from cxr.errors import RunError
from cxr.language import LANGUAGES
from cxr.messages import text
from cxr.page.defences import LOOPBACK, listens_here, on_a_space
from cxr.page.serving import BASE_SETTINGS, private_uploads, served, wait_for_the_end
from cxr.reading.radiograph import MAX_BYTES
from training.files import make_folder
from training.jobs.queue import JobQueue
from training.studio.compare_tab import create_compare_tab
from training.studio.data_tab import create_data_tab
from training.studio.html_parts import QUIET
from training.studio.look_tab import create_look_tab
from training.studio.memory import keep_over_reloads, remembered
from training.studio.runs_tab import create_runs_tab
from training.studio.share_tab import create_share_tab
from training.studio.train_tab import create_train_tab
from training.studio.tune_tab import create_tune_tab
from training.studio.words import I18N, shown

LAUNCH_SETTINGS: dict[str, Any] = {
    **BASE_SETTINGS,
    "max_file_size": MAX_BYTES,  # a radiograph to try a run on
    "css_paths": Path(__file__).parent / "studio.css",
    "i18n": I18N,
}


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
    with gr.Blocks(title=text("studio_tab_title", "en"), analytics_enabled=False) as page:
        gr.Markdown(shown("studio_title"), elem_id="header")
        gr.Markdown(shown("studio_intro"))
        gr.HTML(f"<p><code>{html.escape(str(_short(queue.runs)))}</code></p>")
        # Outside the tabs: within one, it would be there only once that was opened.
        run = remembered("run")
        with gr.Tabs() as tabs:
            tab_of = {}
            with gr.Tab(shown("studio_tab_data"), id="data") as tab_of["data"]:
                data_folder = create_data_tab(data)
            with gr.Tab(shown("studio_tab_train"), id="train") as tab_of["train"]:
                train = create_train_tab(page, queue, data_folder, run)
            with gr.Tab(shown("studio_tab_runs"), id="runs") as tab_of["runs"]:
                create_runs_tab(page, tab_of["runs"], queue, run)
            with gr.Tab(shown("studio_tab_look"), id="look") as tab_of["look"]:
                create_look_tab(tab_of["look"], queue)
            with gr.Tab(shown("studio_tab_compare"), id="compare") as tab_of["compare"]:
                create_compare_tab(tab_of["compare"], queue)
            with gr.Tab(shown("studio_tab_share"), id="share") as tab_of["share"]:
                create_share_tab(tab_of["share"], queue)
            with gr.Tab(shown("studio_tab_tune"), id="tune") as tab_of["tune"]:
                create_tune_tab(tab_of["tune"], queue, data_folder, train.outlines)
        given = str(data) if data else ""
        keep_over_reloads(page, tabs, tab_of, queue, data_folder, train, given=given)
        page.load(None, None, None, js=_name_the_browser_tab(), **QUIET)
    queue.start_worker()  # continues with what was queued when the page was closed
    return page


def _name_the_browser_tab() -> str:
    """A script that gives the browser's tab its title in the language of the browser."""
    titles = {language: text("studio_tab_title", language) for language in LANGUAGES}
    known = json.dumps(titles)
    return (
        f"() => {{ document.title = {known}[navigator.language.slice(0, 2)] ?? document.title; }}"
    )


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
    if not listens_here(settings):
        password = secrets.token_urlsafe(12)
        settings["auth"] = ("studio", password)
        print(f"To log in, use the name studio and the password {password}", flush=True)
    os.environ.pop("GRADIO_SHARE", None)
    with private_uploads():
        page = build_studio(runs, data)
        with served(page, settings):
            wait_for_the_end()
