"""Look: the worst mistakes of a run, of a cross-validation or of a report, and a run to try."""

from __future__ import annotations

import base64
import html
from pathlib import Path
from typing import Any

import gradio as gr

from cxr.language import Language, format_percent, format_probability, format_threshold
from cxr.messages import text
from training.jobs.queue import JobQueue
from training.studio.html_parts import QUIET, RunChoice
from training.studio.trying import create_trying, finished_runs
from training.studio.words import language_of, shown
from training.validation.folds_folder import FoldsFolder
from training.validation.mistakes import PICTURES, TABLE, Mistake, read_mistakes


def create_look_tab(tab: gr.Tab, queue: JobQueue) -> gr.Dropdown:
    """Create the tab. It reads the runs when it is opened; returns the choice of a source."""
    gr.Markdown(shown("studio_look_intro"))
    source = RunChoice([], label=shown("studio_look_at"), elem_id="look-at")
    mistakes = gr.HTML(elem_id="mistakes")
    run = create_trying(queue)

    def look(name: str | None, tried: str | None, request: gr.Request) -> list[Any]:
        language = language_of(request)
        found = _sources(queue, language)
        names = [path for _, path in found]
        name = name if name in names else next(iter(names), None)
        runs = finished_runs(queue)
        tried = tried if tried in runs else next(iter(runs), None)
        return [
            gr.Dropdown(found, value=name),
            _mistakes_html(queue, name, language),
            gr.Dropdown(runs, value=tried),
        ]

    def show(name: str | None, request: gr.Request) -> str:
        return _mistakes_html(queue, name, language_of(request))

    tab.select(look, [source, run], [source, mistakes, run], **QUIET)
    source.input(show, source, mistakes, **QUIET)
    return source


def _sources(queue: JobQueue, language: Language) -> list[tuple[str, str]]:
    """Folders with mistakes, the newest first: what each is called, and its path in the runs."""
    found: list[tuple[float, str, str]] = []
    for path in queue.runs.glob(f"*/{TABLE}"):
        folds = FoldsFolder(path.parent).result.exists()
        name = text(
            "studio_look_folds" if folds else "studio_look_run", language, name=path.parent.name
        )
        found.append((path.stat().st_mtime, name, path.parent.name))
    for path in queue.reports.glob(f"*/{TABLE}"):
        name = text("studio_look_report", language, name=path.parent.name)
        folder = path.parent.relative_to(queue.runs).as_posix()
        found.append((path.stat().st_mtime, name, folder))
    return [(name, folder) for _, name, folder in sorted(found, reverse=True)]


def _mistakes_html(queue: JobQueue, name: str | None, language: Language) -> str:
    if name is None or name not in {path for _, path in _sources(queue, language)}:
        return f"<p>{html.escape(text('studio_look_none', language))}</p>"
    folder = queue.runs / name
    try:
        mistakes = read_mistakes(folder)
    except ValueError as error:
        return f'<p class="problem stops">{html.escape(str(error))}</p>'
    if not mistakes:
        return f"<p>{html.escape(text('studio_look_faultless', language))}</p>"
    parts = []
    for label, heading in (
        (1, text("studio_false_negatives", language)),
        (0, text("studio_false_positives", language)),
    ):
        figures = [
            _figure(mistake, folder, language) for mistake in mistakes if mistake.label == label
        ]
        none = f"<p>{html.escape(text('studio_no_such_mistakes', language))}</p>"
        shown_figures = f'<div class="mistakes">{"".join(figures)}</div>' if figures else none
        parts.append(f"<h3>{html.escape(heading)}</h3>{shown_figures}")
    return "".join(parts)


def _figure(mistake: Mistake, folder: Path, language: Language) -> str:
    said = text(
        "studio_mistake",
        language,
        probability=format_probability(mistake.probability, language),
        threshold=format_threshold(mistake.threshold, language),
        kind=text(f"studio_kind_{mistake.kind}", language),
    )
    where = text("studio_mistake_no_lungs", language)
    if mistake.in_lungs is not None:
        percent = format_percent(mistake.in_lungs, language, digits=0)
        where = text("studio_mistake_in_lungs", language, percent=percent)
    name = html.escape(mistake.path)
    return (
        f'<figure><img src="{_data_uri(folder / PICTURES / mistake.picture)}" alt="{name}" '
        f'loading="lazy"><figcaption><strong>{html.escape(said)}</strong>'
        f"<span>{html.escape(where)}</span><code>{name}</code></figcaption></figure>"
    )


def _data_uri(picture: Path) -> str:
    try:
        content = picture.read_bytes()
    except OSError:  # another process is replacing it
        return ""
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"
