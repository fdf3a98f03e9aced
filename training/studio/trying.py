"""Tries a finished run on one radiograph, with gate and checks, as the page would answer."""

from __future__ import annotations

import html
from functools import lru_cache
from pathlib import Path

import gradio as gr

from cxr.classifier import Classifier, Prediction
from cxr.language import Language, format_probability, format_threshold
from cxr.messages import sentences, text
from cxr.model.bundle import MANIFEST, load_bundle
from cxr.outcome import answer_file
from cxr.output.overlay import draw_overlay, shrink
from cxr.page.pictures import grey_data_uri, picture_data_uri
from cxr.reading.radiograph import Radiograph
from training.fitting.runs import list_runs, read_run
from training.jobs.queue import JobQueue
from training.studio.html_parts import QUIET, RunChoice, as_message, shown_errors
from training.studio.words import language_of, shown

_SIDE = 640  # pixels, of the pictures at most


def create_trying(queue: JobQueue) -> gr.Dropdown:
    """Create the controls; returns the choice of a run, for the tab to fill."""
    gr.Markdown(shown("studio_try"))
    gr.Markdown(shown("studio_try_means"))
    with gr.Row():
        run = RunChoice([], label=shown("studio_try_run"), elem_id="tried-run", scale=1)
        file = gr.File(
            label=shown("studio_try_file"),
            type="filepath",
            height=120,
            elem_id="tried-file",
            scale=2,
        )
    go = gr.Button(shown("studio_try_go"), variant="primary", elem_id="try")
    answer = gr.HTML(elem_id="tried")

    def classify(name: str | None, path: str | None, request: gr.Request) -> str:
        language = language_of(request)
        found = read_run(queue.runs / name) if name in finished_runs(queue) and name else None
        if found is None or found.bundle is None:
            raise as_message(text("studio_try_no_run", language))
        if not path:
            raise as_message(text("studio_try_no_file", language))
        with shown_errors(language):
            manifest = (found.bundle / MANIFEST).stat()
            classifier = _classifier(found.bundle, manifest.st_mtime_ns)
            return _answer_html(Path(path), classifier, language)

    go.click(classify, [run, file], answer, concurrency_limit=1, api_visibility="private")
    # Clear the result when another radiograph or run is chosen.
    gr.on([file.change, run.input], lambda: "", None, answer, **QUIET)
    return run


def finished_runs(queue: JobQueue) -> list[str]:
    """Names of the runs that have a model, the newest first."""
    runs = [run for run in list_runs(queue.runs) if run.bundle]
    runs.sort(key=lambda run: run.folder.stat().st_mtime, reverse=True)
    return [run.name for run in runs]


@lru_cache(maxsize=2)
def _classifier(bundle: Path, _changed: int) -> Classifier:
    return Classifier(load_bundle(bundle))


def _answer_html(path: Path, classifier: Classifier, language: Language) -> str:
    outcome = answer_file(path, classifier, file=path.name)
    if outcome.answer is None:
        why = sentences(outcome.why, language)
        return (
            f'<p class="problem stops"><strong>'
            f"{html.escape(text('studio_try_refused', language))}</strong> {html.escape(why)}</p>"
        )
    radiograph, prediction = outcome.answer
    points = prediction.operating_points
    said = text(
        "studio_try_probability",
        language,
        probability=format_probability(prediction.probability, language),
        threshold=format_threshold(points.threshold, language),
    )
    verdict = text(f"verdict_{prediction.shown_verdict()}", language)
    remarks = sentences([*prediction.warnings, *prediction.remarks()], language)
    return (
        f'<p class="verdict"><strong>{html.escape(verdict)}</strong> {html.escape(said)}.</p>'
        f"<p>{html.escape(remarks)}</p>{_pictures(radiograph, prediction, language)}"
    )


def _pictures(radiograph: Radiograph, prediction: Prediction, language: Language) -> str:
    overlay = draw_overlay(radiograph, prediction.heatmap)
    figures = "".join(
        f'<figure><img src="{uri}" alt=""><figcaption>{html.escape(caption)}</figcaption></figure>'
        for uri, caption in (
            (
                grey_data_uri(shrink(radiograph.pixels, _SIDE)),
                text("studio_try_plain", language),
            ),
            (picture_data_uri(shrink(overlay, _SIDE)), text("studio_try_heatmap", language)),
        )
    )
    return f'<div class="mistakes">{figures}</div>'
