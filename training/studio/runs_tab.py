"""Runs: the queue, and the progress and figures of each run."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from cxr.language import Language, format_decimal
from cxr.messages import text
from training.fitting.config import LAST
from training.fitting.runs import Run, list_runs, read_run, unreadable_runs
from training.jobs.queue import Job, JobQueue
from training.metrics.documents import WATCHED
from training.studio.charts import chart_html, charts_html, confusion_html, metric_chart, points_of
from training.studio.html_parts import (
    QUIET,
    RunChoice,
    create_command,
    duration,
    joined,
    shown_errors,
    table,
)
from training.studio.words import language_of, metric_choices, metric_name, shown

_INTERVAL = 2.0  # seconds between two updates
_SHOWN = list(WATCHED)  # at first


def create_runs_tab(page: gr.Blocks, tab: gr.Tab, queue: JobQueue, memory: gr.BrowserState) -> None:
    """Create the tab. It reads the runs every few seconds.

    Args:
        page: the page.
        tab: the tab.
        queue: of the jobs.
        memory: the run that is looked at, which a new one takes the place of.
    """
    made = _lay_out()
    known = gr.State()  # what is said; it is updated only when that changes
    drawn = gr.State()  # what the curves show; they are drawn again only when that changes

    def look(name: str | None, known: Any, before: str | None, request: gr.Request) -> list[Any]:
        """Updates of what has changed about the jobs and the chosen run.

        The rest is not updated, so that a command can be selected and copied during a run.
        """
        queue.start_worker()
        names = _names(queue)
        name = name or before  # that was shown before the page was loaded again, or queued since
        if name not in names:
            name = names[0] if names else None
        now = {"choice": [names, name], **_seen_of(queue, name, language_of(request))}
        updates = {
            "jobs": now["jobs"],
            "choice": gr.Dropdown(names, value=name),
            "about": now["about"],
            "log": gr.Textbox(now["log"], visible=now["log"] is not None),
            "command": gr.Code(now["command"], visible=now["command"] is not None),
            **{name: gr.Button(interactive=now[name]) for name in ("stop", "resume", "forget")},
        }
        changed = [
            gr.skip() if known and known[key] == now[key] else update
            for key, update in updates.items()
        ]
        return [*changed, now]

    def draw(
        name: str | None, watch: list[str], drawn: Any, request: gr.Request
    ) -> tuple[Any, Any]:
        """Curves and confusion matrix of the chosen run, if they have changed."""
        run = read_run(queue.runs / name) if name else None
        now = [name, watch, len(run.history) if run else 0, bool(run and run.bundle)]
        if now == drawn:
            return gr.skip(), gr.skip()
        return _charts_html(run, watch, language_of(request)) if run else "", now

    def act(how: Callable[[str], None]) -> Callable[[gr.Request, str | None], None]:
        def do(request: gr.Request, name: str | None) -> None:
            with shown_errors(language_of(request)):
                if name:
                    how(name)

        return do

    details = [
        *(made.jobs, made.chosen, made.about, made.log, made.command),
        *(made.stop, made.resume, made.forget, known),
    ]
    plotted = [made.chosen, made.watch, drawn]
    timer = gr.Timer(_INTERVAL)
    # Who opens the tab sees what was queued last, or looked at.
    looks = [(event, made.chosen) for event in (timer.tick, page.load, made.chosen.input)]
    for event, name in (*looks, (tab.select, memory)):
        event(look, [name, known, memory], details, trigger_mode="always_last", **QUIET).then(
            draw, plotted, [made.curves, drawn], **QUIET
        )
    made.chosen.input(lambda name: name, made.chosen, memory, **QUIET)
    made.watch.input(draw, plotted, [made.curves, drawn], trigger_mode="always_last", **QUIET)
    actions = {made.stop: queue.stop, made.resume: queue.resume, made.forget: queue.remove}
    for button, how in actions.items():
        button.click(act(how), made.chosen, None, **QUIET).then(
            look, [made.chosen, known, memory], details, **QUIET
        )


@dataclass(frozen=True)
class _Layout:
    """What the tab shows, from top to bottom."""

    jobs: gr.HTML
    chosen: gr.Dropdown
    about: gr.HTML
    stop: gr.Button
    resume: gr.Button
    forget: gr.Button
    watch: gr.CheckboxGroup
    curves: gr.HTML
    log: gr.Textbox
    command: gr.Code


def _lay_out() -> _Layout:
    jobs = gr.HTML(elem_id="jobs")
    chosen = RunChoice([], label=shown("studio_run"), elem_id="run")
    about = gr.HTML(elem_id="about-run")
    with gr.Row():
        stop = gr.Button(shown("studio_stop"), size="sm", elem_id="stop")
        resume = gr.Button(shown("studio_resume"), size="sm", elem_id="resume")
        forget = gr.Button(shown("studio_forget"), size="sm", elem_id="forget")
    watch = gr.CheckboxGroup(
        metric_choices(), value=_SHOWN, label=shown("studio_metrics"), elem_id="watch"
    )
    curves = gr.HTML(elem_id="curves")
    gr.Markdown(shown("studio_curves_mean"))
    log = gr.Textbox(
        label=shown("studio_output"), lines=4, max_lines=12, visible=False, elem_id="log"
    )
    command = create_command(shown("studio_command"), elem_id="command")
    return _Layout(jobs, chosen, about, stop, resume, forget, watch, curves, log, command)


def _seen_of(queue: JobQueue, name: str | None, language: Language) -> dict[str, Any]:
    """What is shown of the jobs and of one of them, and which buttons can be pressed."""
    job = queue.job(name) if name else None
    run = read_run(queue.runs / name) if name else None
    state = job.state if job else None
    return {
        "jobs": _jobs_html(queue, language),
        "about": _about_html(job, run, language),
        "log": queue.log(job.name) if job else None,
        "command": job.command if job else None,
        "stop": state in ("queued", "running"),
        "resume": state in ("stopped", "failed"),
        # What has been trained can be resumed as long as it is in the list.
        "forget": state == "finished"
        or (state in ("stopped", "failed") and not (run and run.history)),
    }


def _names(queue: JobQueue) -> list[str]:
    """Names of the jobs, newest first, then of runs that were not started here."""
    jobs = [job.name for job in reversed(queue.jobs())]
    return [*jobs, *(run.name for run in list_runs(queue.runs) if run.name not in jobs)]


def _jobs_html(queue: JobQueue, language: Language) -> str:
    jobs = queue.jobs()
    unreadable = ""
    if names := unreadable_runs(queue.runs):
        listed = html.escape(", ".join(names))
        said = text("runs_unreadable", language, name=listed, count=len(names))
        unreadable = f'<p class="problem warns">{said}</p>'
    if not jobs:
        return f"<p>{text('runs_none', language)}</p>{unreadable}"
    headers = (
        text("runs_name", language),
        text("runs_type", language),
        text("runs_state", language),
        text("runs_epoch", language),
        text("runs_auc", language),
        text("runs_left", language),
    )
    rows = [_job_row(job, read_run(queue.runs / job.name), language) for job in jobs]
    return table(headers, rows, language) + unreadable


def _job_row(job: Job, run: Run | None, language: Language) -> tuple[object, ...]:
    start = (
        job.name,
        text("runs_search" if job.arguments[0] == "tune" else "runs_training", language),
        text(f"runs_state_{job.state}", language),
    )
    if run is None:
        return *start, None, None, None
    kept = run.config.best_epoch(run.history)
    auc = next((row.get("val_auc") for row in run.history if row["epoch"] == kept), None)
    unfinished = job.state in ("running", "queued") and len(run.history) < run.config.epochs
    left = duration(run.seconds_left()) if unfinished else None
    return *start, _progress(run, language), auc, left


def _progress(run: Run, language: Language) -> str:
    return text("runs_progress", language, done=len(run.history), epochs=run.config.epochs)


def _about_html(job: Job | None, run: Run | None, language: Language) -> str:
    """Progress and figures of a run: a line of text and a bar."""
    if run is None:
        return f"<p>{_about_job(job, language)}</p>" if job else ""
    done, epochs = len(run.history), run.config.epochs
    state = job.state if job else ("finished" if run.bundle else "unfinished")
    progress = _progress(run, language)
    parts = [
        f"<strong>{text(f'runs_state_{state}', language).capitalize()}</strong>",
        text("runs_epochs", language, progress=progress),
    ]
    if job and job.state == "running":
        left = run.seconds_left()
        if done == epochs:
            parts.append(text("runs_writing", language))
        elif left is not None:
            parts.append(text("runs_time_left", language, time=duration(left)))
    kept = run.config.best_epoch(run.history)
    if kept and run.config.select_by != LAST:
        metric = metric_name(run.config.select_by, language)
        named: dict[str, str | int] = {"epoch": kept, "metric": metric}
        parts.append(text("runs_kept" if run.bundle else "runs_best", language, **named))
    if evaluation := run.evaluation:
        result = evaluation["result"]
        figures = [
            f"{metric_name(name, language)} "
            f"{format_decimal(result['metrics'][name], language, digits=4)}"
            for name in ("auc", "accuracy", "sensitivity", "specificity")
        ]
        said = ", ".join(figures)
        parts.append(text("runs_measured", language, count=result["images"], figures=said))
    line = joined(parts, language)
    return f'<p>{line}.</p><progress value="{done}" max="{epochs}">{progress}</progress>'


def _about_job(job: Job, language: Language) -> str:
    """A search, or a training that has no run yet."""
    if job.arguments[0] == "tune":
        return text("runs_see_search", language)
    if job.state in ("queued", "running"):
        return text("runs_waiting" if job.state == "queued" else "runs_reading", language)
    return text(f"runs_state_{job.state}", language).capitalize() + "."


def _charts_html(run: Run, watch: list[str], language: Language) -> str:
    """A chart for each metric that was measured, and the confusion matrix beside them."""
    kept = run.config.best_epoch(run.history) if run.config.select_by != LAST else None
    figures = [
        chart_html(
            metric_chart(
                name,
                metric_name(name, language),
                {
                    text("studio_training", language): points_of(run.history, name),
                    text("studio_validation", language): points_of(run.history, f"val_{name}"),
                },
                kept=kept,
            ),
            language,
        )
        for name in watch
    ]
    counts = run.confusion()
    if counts is not None:
        evaluation = run.evaluation
        caption = text("studio_at_half", language)
        if evaluation:
            threshold = format_decimal(evaluation["result"]["threshold"], language)
            caption = text("studio_at_threshold", language, threshold=threshold)
        figures.append(confusion_html(counts, caption, language))
    return charts_html([figure for figure in figures if figure])
