"""Compare: a table of the runs, their curves in one plot, and two models on the same images."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import gradio as gr
import pandas as pd

from cxr.errors import RunError
from cxr.language import Language
from cxr.messages import Message, text
from cxr.model.bundle import BUNDLED_MODEL, load_bundle
from training.files import write_text
from training.fitting.config import LAST, TrainingConfig
from training.fitting.run_folder import RunFolder
from training.fitting.runs import Run, images_to_compare_on, list_runs, read_run
from training.jobs.queue import JobQueue
from training.metrics.documents import BundleEvaluation
from training.studio.charts import chart_html, charts_html, metric_chart, points_of
from training.studio.commands import run_command
from training.studio.data_tab import chosen_folder, require_labelled
from training.studio.html_parts import QUIET, RunChoice, shown_errors, table
from training.studio.trying import finished_runs
from training.studio.words import language_of, metric_choices, metric_name, shown
from training.validation.report_page import report_body

FittedOn = Literal["first", "alone", "both"]
_BUNDLED = "bundled:"  # no name of a run
_FIGURES = ("auc", "accuracy", "sensitivity", "specificity")


def create_compare_tab(tab: gr.Tab, queue: JobQueue) -> None:
    """Create the tab. It reads the runs when it is opened."""
    made = _lay_out()
    asked = [made.first, made.second, made.images]
    locked = [*asked, made.measure]

    def look(
        names: list[str] | None, of_first: str | None, of_second: str | None, request: gr.Request
    ) -> list[Any]:
        language = language_of(request)
        runs = list_runs(queue.runs)
        models = [run.name for run in runs if run.bundle]
        every = [run.name for run in runs if run.history]
        kept = [name for name in names or [] if name in every] or every[-4:]
        newest = next(iter(finished_runs(queue)), None)
        return [
            _overview_html(runs, language),
            gr.Dropdown(every, value=kept),
            gr.Dropdown(models, value=of_first if of_first in models else newest),
            gr.Dropdown(
                [
                    (text("compare_none", language), ""),
                    (text("compare_bundled", language), _BUNDLED),
                    *models,
                ],
                value=of_second if of_second in (_BUNDLED, *models) else "",
            ),
        ]

    def draw(names: list[str], where: str, metric: str, request: gr.Request) -> str:
        language = language_of(request)
        column = f"{where}{metric}"
        runs = {name: run for name in names or [] if (run := read_run(queue.runs / name))}
        lines = {name: points_of(run.history, column) for name, run in runs.items()}
        chart = metric_chart(column, metric_name(column, language), lines)
        return charts_html([chart_html(chart, language)])

    def compare(
        first: str | None, second: str | None, images: str, request: gr.Request
    ) -> Iterator[list[Any]]:
        """Run the evaluation, and show its report when it has ended.

        The choices are locked from its first line on: what is wrong with them is said before.
        """
        language = language_of(request)
        with shown_errors(language):
            arguments, out = _evaluation(queue, first, second, images.strip(), language)
        for printed, status in run_command(queue, *arguments):
            shown_report = _report_html(out, language) if status == 0 else ""
            able = gr.update(interactive=status is not None)
            yield [gr.Textbox(printed, visible=True), shown_report, *[able] * len(locked)]

    choices = [made.overlaid, made.first, made.second]
    plotted = [made.overlaid, made.where, made.metric]
    tab.select(look, choices, [made.overview, *choices], **QUIET).then(
        draw, plotted, made.curves, **QUIET
    )
    gr.on(
        [control.input for control in plotted],
        draw,
        plotted,
        made.curves,
        trigger_mode="always_last",
        **QUIET,
    )
    # Clear the result when another choice is made.
    gr.on(
        [control.input for control in asked],
        lambda: (gr.Textbox(visible=False), ""),
        None,
        [made.printed, made.report],
        **QUIET,
    )

    made.measure.click(
        compare,
        asked,
        [made.printed, made.report, *locked],
        concurrency_limit=1,
        show_progress_on=made.printed,
        api_visibility="private",
    )


@dataclass(frozen=True)
class _Layout:
    """What the tab shows, from top to bottom."""

    overview: gr.HTML
    overlaid: gr.Dropdown
    where: gr.Radio
    metric: gr.Dropdown
    curves: gr.HTML
    first: gr.Dropdown
    second: gr.Dropdown
    images: gr.Textbox
    measure: gr.Button
    printed: gr.Textbox
    report: gr.HTML


def _lay_out() -> _Layout:
    overview = gr.HTML(elem_id="overview")
    with gr.Row():
        overlaid = RunChoice(
            [], multiselect=True, label=shown("studio_overlaid"), scale=3, elem_id="overlaid"
        )
        where = gr.Radio(
            [(shown("studio_validation"), "val_"), (shown("studio_training"), "")],
            value="val_",
            label=shown("studio_curve_of"),
            elem_id="compared-where",
            scale=1,
        )
        metric = gr.Dropdown(metric_choices(), value="auc", label=shown("studio_metric"), scale=1)
    curves = gr.HTML(elem_id="compared-curves")
    gr.Markdown(shown("studio_two_models"))
    gr.Markdown(shown("studio_two_models_mean"))
    with gr.Row():
        first = RunChoice([], label=shown("studio_model"), scale=2, elem_id="first")
        second = RunChoice([], label=shown("studio_against"), scale=2, elem_id="second")
        images = gr.Textbox(
            label=shown("studio_other_images"), info=shown("studio_other_images_mean"), scale=3
        )
    measure = gr.Button(shown("studio_measure"), variant="primary", elem_id="measure")
    printed = gr.Textbox(
        label=shown("studio_output"), lines=4, max_lines=14, visible=False, elem_id="measured"
    )
    report = gr.HTML(elem_id="report")
    return _Layout(
        overview, overlaid, where, metric, curves, first, second, images, measure, printed, report
    )


# --- The table ------------------------------------------------------------------------------------


def _overview_html(runs: list[Run], language: Language) -> str:
    headers = (
        text("studio_run", language),
        text("compare_preset", language),
        text("setting_network_input_size", language),
        text("setting_epochs", language),
        text("setting_balance", language),
        *(metric_name(figure, language) for figure in _FIGURES),
        text("compare_measured_on", language),
    )
    bundled = load_bundle(BUNDLED_MODEL)
    config = TrainingConfig.from_json(bundled.config["training"])
    splits = _splits(runs)
    rows = [
        _row(
            run.name,
            run.config,
            len(run.history),
            run.evaluation,
            language,
            splits.get(run.split_digests),
        )
        for run in runs
    ]
    evaluation = cast(BundleEvaluation, bundled.evaluation)
    name = text("compare_bundled", language)
    rows.append(_row(name, config, config.epochs, evaluation, language))
    note = f"<p>{text('compare_not_alike', language)}</p>" if splits else ""
    return table(headers, rows, language) + note


def _splits(runs: list[Run]) -> dict[tuple[str, str], int]:
    """A number for each way in which the images of measured runs were divided."""
    by_split = (run for run in runs if run.evaluation and "folds" not in run.evaluation)
    different = dict.fromkeys(run.split_digests for run in by_split if all(run.split_digests))
    return {split: number for number, split in enumerate(different, 1)}


def _row(
    name: str,
    config: TrainingConfig,
    epochs: int,
    evaluation: BundleEvaluation | None,
    language: Language,
    split: int | None = None,
) -> tuple[object, ...]:
    result = evaluation["result"] if evaluation else None
    figures = [result["metrics"][figure] if result else None for figure in _FIGURES]
    on = text("runs_state_unfinished", language)
    if evaluation and result:
        count = result["images"]
        if "folds" in evaluation:
            on = text("compare_folds", language, count=count)
        else:
            on = text("compare_split", language, count=count, split=split or "?")
    of = text("runs_progress", language, done=epochs, epochs=config.epochs)
    balance = text(f"balance_{config.balance}", language)
    return name, config.preset, config.network.input_size, of, balance, *figures, on


# --- Two models -----------------------------------------------------------------------------------


def _evaluation(
    queue: JobQueue, first: str | None, second: str | None, images: str, language: Language
) -> tuple[list[str], Path]:
    """Arguments of the command, and the folder of its report.

    Raises:
        RunError: no run was chosen, or a run is compared with itself.
        DatasetError: there are no images to measure on.
    """
    run = read_run(queue.runs / first) if first else None
    if run is None or run.bundle is None:
        raise RunError(Message("studio_measure_none"))
    if first == second:
        raise RunError(Message("studio_same_model", {"name": str(first)}))
    arguments = ["evaluate", "--model", str(run.bundle.resolve()), "--language", language]
    if second:
        other = BUNDLED_MODEL if second == _BUNDLED else RunFolder(queue.runs / second).bundle
        arguments += ["--against", str(other)]
    called = text("compare_bundled", language) if second == _BUNDLED else second
    of = {"name": run.name, "other": called or ""}
    report = text("studio_report_against" if called else "studio_report_alone", language, **of)
    if images:
        named = {"report": report, "images": chosen_folder(images).name}
        report = text("studio_report_on", language, **named)
    if images:
        require_labelled(chosen_folder(images))
    out = queue.reports / report
    out.mkdir(parents=True, exist_ok=True)
    data = chosen_folder(images).resolve() if images else out / "images.csv"
    if not images:
        others = [load_bundle(other)] if second else []
        rows, learned = images_to_compare_on(run, others)
        write_text(data, pd.DataFrame(rows).to_csv(index=False))
        whose = _fitted_on(run, read_run(queue.runs / second) if second else None, learned)
        gr.Warning(html.escape(text(f"studio_fitted_on_{whose}", language, name=run.name)))
        if run.config.select_by != LAST:
            gr.Warning(html.escape(text("studio_chosen_on", language, name=run.name)))
        if any(not len(each.trained_fingerprints) for each in others):
            gr.Warning(html.escape(text("studio_not_recorded", language, name=called or "")))
        if learned:
            known: dict[str, str | int] = {"seen": learned, "count": len(rows)}
            known["name"] = called or ""
            gr.Warning(html.escape(text("studio_trained_on", language, **known)))
    return [*arguments, "--data", str(data), "--out", str(out)], out


def _fitted_on(run: Run, other: Run | None, learned: int) -> FittedOn:
    """Which message tells whose thresholds were chosen on the images that a run held out."""
    if other and other.split_digests == run.split_digests and other.validation():
        return "both"
    return "alone" if learned else "first"


def _report_html(folder: Path, language: Language) -> str:
    """The report as a part of this page."""
    where = html.escape(text("studio_report", language, folder=str(folder)))
    return f"<article>{report_body(folder, language)}</article><p>{where}</p>"
