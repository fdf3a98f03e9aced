"""Search settings: many short trainings, their results, and how much each setting matters."""

from __future__ import annotations

import csv
import html
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from cxr.errors import RunError
from cxr.language import Language, format_decimal, format_number
from cxr.messages import Message, text
from training.jobs.queue import JobQueue, State
from training.studio.charts import bars_html, charts_html
from training.studio.data_tab import DataFolder, folder_to_fit
from training.studio.html_parts import QUIET, RunChoice, joined, shown_errors, table
from training.studio.settings import SETTINGS, find_preset, offer_presets, preset_choices
from training.studio.train_tab import free_name, outline_options
from training.studio.words import language_of, shown

_INTERVAL = 5.0  # seconds between two updates
_MAX_ROWS = 12  # trials shown, best first


def create_tune_tab(
    tab: gr.Tab, queue: JobQueue, data: DataFolder, outlines: Sequence[gr.Textbox]
) -> None:
    """Create the tab. It reads the searches every few seconds.

    Args:
        tab: the tab.
        queue: of the jobs.
        data: the controls of the data folder.
        outlines: those of the tables that `train_tab` asks for, which hold for a search, too.
    """
    made = _lay_out(queue)
    drawn = gr.State()  # what is shown; it is drawn again only when that changes

    def queue_search(
        path: str | None,
        skip: bool,
        preset: str | None,
        name: str | None,
        trials: float | None,
        epochs: float | None,
        lungs: str | None,
        opacities: str | None,
        request: gr.Request,
    ) -> tuple[gr.Dropdown, str]:
        with shown_errors(language_of(request)):
            config = find_preset(queue.runs, preset)
            folder = folder_to_fit(path)
            if not trials or not epochs or trials != int(trials) or epochs != int(epochs):
                raise RunError(Message("studio_needs_trials"))
            options = ["--until", str(int(trials)), "--epochs", str(int(epochs))]
            options += ["--skip-unreadable"] if skip else []
            options += outline_options(lungs, opacities)
            job = queue.add("tune", (name or "").strip(), config, folder, *options)
            queue.start_worker()
        gr.Info(html.escape(text("studio_queued", language_of(request), name=job.name)))
        return gr.Dropdown(_searches(queue), value=job.name), free_name(queue, "search")

    def look(name: str | None, drawn: Any, request: gr.Request) -> tuple[Any, Any, Any, Any]:
        """Updates of the list of searches, the table of trials and the plot, if they changed."""
        names = _searches(queue)
        if name not in names:
            name = names[0] if names else None
        job = queue.job(name) if name else None
        folder = queue.runs / (name or "")
        now = [names, name, job.state if job else None, _trials_ended(folder)]
        if now == drawn:
            return gr.skip(), gr.skip(), gr.skip(), gr.skip()
        language = language_of(request)
        found = _trials_html(folder, job.state, language) if job else ""
        bars = _importance_html(folder, language) if job else ""
        return gr.Dropdown(names, value=name), found, bars, now

    inputs = [data.path, data.skip_unreadable, made.preset, made.name, made.trials, made.epochs]
    looked_at = [made.chosen, drawn]
    updated = [made.chosen, made.found, made.importance, drawn]
    made.start.click(
        queue_search,
        [*inputs, *outlines],
        [made.chosen, made.name],
        preprocess=False,
        api_visibility="private",
    ).success(look, looked_at, updated, **QUIET)
    timer = gr.Timer(_INTERVAL)
    gr.on(
        [tab.select, made.chosen.input, timer.tick],
        look,
        looked_at,
        updated,
        trigger_mode="always_last",
        **QUIET,
    )
    offer_presets(queue.runs, made.preset)
    gr.on(None, lambda: free_name(queue, "search"), None, made.name, **QUIET)  # as the page opens


@dataclass(frozen=True)
class _Layout:
    """What the tab shows, from top to bottom."""

    preset: gr.Dropdown
    name: gr.Textbox
    trials: gr.Slider
    epochs: gr.Slider
    start: gr.Button
    chosen: gr.Dropdown
    found: gr.HTML
    importance: gr.HTML


def _lay_out(queue: JobQueue) -> _Layout:
    gr.Markdown(shown("studio_tune_means"))
    with gr.Row():
        preset = gr.Dropdown(
            preset_choices(queue.runs, "en"),
            value="default",
            label=shown("studio_start_from"),
            scale=2,
        )
        name = gr.Textbox(
            free_name(queue, "search"),
            label=shown("studio_search_name"),
            scale=2,
            elem_id="search-name",
        )
        trials = gr.Slider(
            1, 200, 20, step=1, label=shown("studio_trials"), scale=2, elem_id="trials", buttons=[]
        )
        epochs = gr.Slider(
            1,
            50,
            10,
            step=1,
            label=shown("studio_trial_epochs"),
            scale=2,
            elem_id="trial-epochs",
            buttons=[],
        )
    start = gr.Button(shown("studio_queue_search"), variant="primary", elem_id="queue-search")
    chosen = RunChoice(
        [], label=shown("studio_search"), info=shown("studio_search_means"), elem_id="search"
    )
    found = gr.HTML(elem_id="trials-found")
    importance = gr.HTML(elem_id="importance")
    return _Layout(preset, name, trials, epochs, start, chosen, found, importance)


def _searches(queue: JobQueue) -> list[str]:
    """Names of the searches, newest first."""
    return [job.name for job in reversed(queue.jobs()) if job.arguments[0] == "tune"]


def _trials_ended(folder: Path) -> dict[str, int]:
    """Numbers of trials by how they ended, from the search's report."""
    try:
        document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    counts: dict[str, int] = document["trials"]
    return counts


def _trials_html(folder: Path, state: State, language: Language) -> str:
    """State of the search, and a table of its trials, the best first."""
    said = f"<strong>{text(f'runs_state_{state}', language).capitalize()}</strong>"
    path = folder / "trials.csv"
    if not path.exists():
        return f"<p>{joined([said, text('trials_none', language)], language)}</p>"
    with path.open(newline="", encoding="utf-8") as file:
        trials = sorted(csv.DictReader(file), key=lambda row: -float(row["value"] or 0))
    settings = [name for name in trials[0] if name.startswith("params_")]
    headers = (
        text("trials_number", language),
        text("runs_state", language),
        text("runs_auc", language),
        *(_setting_name(name.removeprefix("params_"), language) for name in settings),
    )
    rows = [
        (
            int(row["number"]),
            _state(row["state"], language),
            float(row["value"]) if row["value"] else None,
            *(_setting_value(row[name], language) for name in settings),
        )
        for row in trials[:_MAX_ROWS]
    ]
    return f"<p>{said}</p>{table(headers, rows, language)}"


def _state(name: str, language: Language) -> str:
    """How a trial ended, from Optuna's word for it."""
    return text(f"trials_state_{name.lower()}", language)


def _setting_name(name: str, language: Language) -> str:
    """What a setting is called on the page."""
    known = name in {setting.name for setting in SETTINGS}
    return text(f"setting_{name.replace('.', '_')}", language) if known else name


def _setting_value(written: str, language: Language) -> str | None:
    """A setting of a trial with three digits that count; whole numbers as they are."""
    if not written:
        return None
    value = float(written)
    if value == int(value):
        return format_number(int(value), language)
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return format_decimal(value, language, digits=min(digits, 9))


def _importance_html(folder: Path, language: Language) -> str:
    """A bar for each setting, the most important first; empty before there is a report."""
    path = folder / "report.json"
    importance = json.loads(path.read_text(encoding="utf-8"))["importance"] if path.exists() else {}
    bars = {_setting_name(name, language): part for name, part in importance.items()}
    title, caption = text("trials_importance", language), text("trials_importance_mean", language)
    return charts_html([bars_html(title, bars, caption, language)]) if bars else ""
