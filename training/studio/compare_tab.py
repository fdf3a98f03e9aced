"""Compare: a table of the runs, their curves in one plot, and two models on the same images."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import gradio as gr
import pandas as pd

from cxr.errors import RunError
from cxr.model.bundle import BUNDLED_MODEL, load_bundle
from training.files import write_text
from training.fitting.config import LAST, SELECTABLE, TrainingConfig
from training.fitting.runs import Run, images_to_compare_on, list_runs, read_run
from training.metrics import plots
from training.metrics.documents import BundleEvaluation
from training.studio.commands import run_command
from training.studio.data_tab import chosen_folder
from training.studio.jobs import JobQueue
from training.studio.parts import QUIET, plot_or_nothing, shown_errors, table

BUNDLED = "the bundled model"
_FIGURES = ("auc", "accuracy", "sensitivity", "specificity")
_COLUMNS = ["loss", "accuracy", *SELECTABLE, "learning_rate"]


def create_compare_tab(tab: gr.Tab, queue: JobQueue) -> None:
    """Create the tab. It reads the runs when it is opened."""
    overview = gr.HTML(elem_id="overview")
    with gr.Row():
        chosen = gr.Dropdown(
            [], multiselect=True, label="Runs in the plot", scale=3, elem_id="overlaid"
        )
        column = gr.Dropdown(
            [(_column_title(name), name) for name in _COLUMNS],
            value="val_auc",
            label="Metric",
            scale=1,
        )
    curves = gr.Plot(show_label=False, visible=False, elem_id="compared-curves")
    gr.Markdown(
        "### Two models on the same images\nBy default on the first model's validation images that "
        "the second was not trained on, if there are any. Paired tests tell whether a difference "
        "is more than chance."
    )
    with gr.Row():
        first = gr.Dropdown([], label="Model", scale=2, elem_id="first")
        second = gr.Dropdown([], label="Against", scale=2, elem_id="second")
        images = gr.Textbox(
            label="Other labelled images",
            info="A folder with NORMAL and PNEUMONIA, or a CSV file with the columns path and "
            "label.",
            scale=3,
        )
    measure = gr.Button("Measure", variant="primary", elem_id="measure")
    said = gr.Textbox(label="Output", lines=4, max_lines=14, visible=False, elem_id="measured")
    report = gr.HTML(elem_id="report")

    def look(names: list[str] | None) -> list[Any]:
        runs = list_runs(queue.runs)
        models = [run.name for run in runs if run.bundle]
        every = [run.name for run in runs if run.history]
        kept = [name for name in names or [] if name in every] or every[-4:]
        return [
            _overview_html(runs),
            gr.Dropdown(every, value=kept),
            gr.Dropdown(models),
            gr.Dropdown([("no other model", ""), BUNDLED, *models]),
        ]

    def draw(names: list[str], column: str) -> Any:
        runs = {name: run for name in names or [] if (run := read_run(queue.runs / name))}
        histories = {name: run.history for name, run in runs.items()}
        return plot_or_nothing(plots.compared_curves(histories, column) if histories else None)

    def compare(first: str | None, second: str | None, images: str) -> Iterator[tuple[Any, Any]]:
        """Run the evaluation, and show its report when it has ended."""
        with shown_errors():
            arguments, out = _evaluation(queue, first, second, images.strip())
        for text, status in run_command(queue, *arguments):
            yield gr.Textbox(text, visible=True), _report_html(out) if status == 0 else ""

    event = tab.select(look, chosen, [overview, chosen, first, second], **QUIET)
    event.then(draw, [chosen, column], curves, **QUIET)
    gr.on(
        [chosen.input, column.input],
        draw,
        [chosen, column],
        curves,
        trigger_mode="always_last",
        **QUIET,
    )
    measure.click(
        compare,
        [first, second, images],
        [said, report],
        concurrency_limit=1,
        show_progress_on=said,
        api_visibility="private",
    )


def _column_title(name: str) -> str:
    title = plots.metric_title(name.removeprefix("val_"))
    return f"{title}, validation" if name.startswith("val_") else title


# --- The table ------------------------------------------------------------------------------------


def _overview_html(runs: list[Run]) -> str:
    headers = (
        *("run", "preset", "image size", "epochs", "class balance"),
        *map(plots.metric_title, _FIGURES),
        "measured on",
    )
    bundled = load_bundle(BUNDLED_MODEL)
    config = TrainingConfig.from_json(bundled.config["training"])
    rows = [_row(run.name, run.config, len(run.history), run.evaluation) for run in runs]
    evaluation = cast(BundleEvaluation, bundled.evaluation)
    rows.append(_row(BUNDLED, config, config.epochs, evaluation))
    return table(headers, rows)


def _row(
    name: str, config: TrainingConfig, epochs: int, evaluation: BundleEvaluation | None
) -> tuple[object, ...]:
    result = evaluation["result"] if evaluation else None
    figures = [result["metrics"][figure] if result else None for figure in _FIGURES]
    on = "not finished"
    if evaluation and result:
        on = (
            f"{result['images']:,} images, "
            f"{'cross-validation' if 'folds' in evaluation else 'validation split'}"
        )
    size, of = config.network.input_size, f"{epochs} of {config.epochs}"
    return name, config.preset, size, of, config.balance, *figures, on


# --- Two models -----------------------------------------------------------------------------------


def _evaluation(
    queue: JobQueue, first: str | None, second: str | None, images: str
) -> tuple[list[str], Path]:
    """Arguments of the command, and the folder of its report.

    Raises:
        RunError: no run was chosen, or a run is compared with itself.
        DatasetError: there are no images to measure on.
    """
    run = read_run(queue.runs / first) if first else None
    if run is None or run.bundle is None:
        raise RunError("Choose a finished run to measure.")
    if first == second:
        raise RunError(f"{first}: choose another model to compare it with.")
    arguments = ["evaluate", "--model", str(run.bundle.resolve())]
    if second:
        other = BUNDLED_MODEL if second == BUNDLED else queue.runs / second / "bundle"
        arguments += ["--against", str(other)]
    out = queue.runs / ".studio" / "reports" / f"{run.name} against {second or 'nothing'}"
    out.mkdir(parents=True, exist_ok=True)
    data = chosen_folder(images).resolve() if images else out / "images.csv"
    if not images:
        others = [load_bundle(other)] if second else []
        rows, learned = images_to_compare_on(run, others)
        write_text(data, pd.DataFrame(rows).to_csv(index=False))
        if run.config.select_by != LAST:
            gr.Warning(f"{first}'s epoch was chosen on these images: its figures are too good.")
        if learned:
            gr.Warning(f"{second} was trained on {learned:,} of these {len(rows):,} images.")
    return [*arguments, "--data", str(data), "--out", str(out)], out


def _report_html(folder: Path) -> str:
    """The report in a sandboxed frame, in which no script can run."""
    page = html.escape((folder / "report.html").read_text(encoding="utf-8"))
    return (
        f'<iframe sandbox srcdoc="{page}" title="Report"></iframe><p>{html.escape(str(folder))}</p>'
    )
