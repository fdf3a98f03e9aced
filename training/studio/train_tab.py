"""Train: settings, a preview of the augmentation, and the command that trains a network."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import numpy.typing as npt

from cxr.cases import read_cases
from cxr.errors import CXRError, DatasetError
from cxr.language import Language
from cxr.messages import Message, text
from cxr.reading.radiograph import Radiograph, read_radiograph
from training.data.dataset import FITTED, image_paths, present_splits
from training.fitting.augmentation import augment
from training.fitting.config import TrainingConfig
from training.fitting.runs import list_runs
from training.jobs.queue import JobQueue
from training.studio.data_tab import DataFolder, chosen_folder, folder_to_fit
from training.studio.html_parts import QUIET, create_command, images_html, shown_errors
from training.studio.preset_cards import create_preset_cards
from training.studio.settings import (
    AUGMENTATION,
    FOLDED,
    IMAGE_SIZE,
    MAIN,
    SETTINGS,
    changed,
    find_preset,
    offer_presets,
    preset_choices,
)
from training.studio.words import language_of, shown

_VARIANTS = 7  # shown beside the image itself
_FIRST_PRESET = "default"


@dataclass(frozen=True)
class TrainControls:
    """The controls of the tab that are kept over a reload.

    Attributes:
        preset: what the settings start from, of `preset_choices`.
        loaded: the preset that the settings were filled in from.
        settings: in the order of `SETTINGS`.
        outlines: tables of lungs, then of opacities.
        preview: how to show the preview: arguments of an event.
    """

    preset: gr.Dropdown
    loaded: gr.State
    settings: list[gr.components.Component]
    outlines: list[gr.Textbox]
    preview: dict[str, Any]


def create_train_tab(
    page: gr.Blocks, queue: JobQueue, data: DataFolder, run: gr.BrowserState
) -> TrainControls:
    """Create the tab.

    Args:
        page: the page.
        queue: of the jobs.
        data: the controls of the data folder.
        run: which one `runs_tab` shows; that which was queued last.
    """
    made = _lay_out(page, queue)
    preset, name, controls, outlines = made.preset, made.name, made.controls, made.outlines

    def queue_run(
        request: gr.Request,
        path: str | None,
        skip: bool,
        preset: str | None,
        name: str | None,
        lungs: str | None,
        opacities: str | None,
        *chosen: Any,
    ) -> tuple[Any, str, str]:
        """Queue a training; returns its command, a name for the next run, and its own."""
        with shown_errors(language_of(request)):
            config = changed(find_preset(queue.runs, preset), chosen)
            folder = folder_to_fit(path)
            name = (name or "").strip()
            options = ["--name", name, *(["--skip-unreadable"] if skip else [])]
            options += outline_options(lungs, opacities)
            job = queue.add("fit", name, config, folder, *options)
            queue.start_worker()
        gr.Info(html.escape(text("studio_queued", language_of(request), name=job.name)))
        return gr.Code(job.command, visible=True), free_name(queue, "run"), job.name

    def show_preset(name: str | None, loaded: str, request: gr.Request) -> list[Any]:
        """Updates of the controls; none if the list was opened and closed without a change."""
        if name == loaded:
            return [gr.skip()] * (len(SETTINGS) + 1)
        with shown_errors(language_of(request)):
            config = find_preset(queue.runs, name)
        return [*(setting.update(config) for setting in SETTINGS), name]

    def show_card(card: str) -> Callable[[str, gr.Request], list[Any]]:
        # Gradio does not find the request among the arguments of a partial function.
        def show(loaded: str, request: gr.Request) -> list[Any]:
            return show_preset(card, loaded, request)

        return show

    loaded = gr.State(_FIRST_PRESET)
    image_number = gr.Number(0, visible=False)
    seen = [data.path, image_number, preset, *controls]

    def show_preview(
        request: gr.Request, path: str | None, number: int, preset: str | None, *chosen: Any
    ) -> str:
        try:
            config = changed(find_preset(queue.runs, preset), chosen)
            return preview_html(config, _image(path, number), language_of(request))
        except CXRError as error:  # in place of the preview: a slider may still be moving
            return f'<p class="problem stops">{html.escape(error.say(language_of(request)))}</p>'

    made.start.click(
        queue_run,
        [data.path, data.skip_unreadable, preset, name, *outlines, *controls],
        [made.command, name, run],
        preprocess=False,  # `changed` checks the values, with better messages than Gradio's
        **QUIET,
    )
    show: dict[str, Any] = {"inputs": seen, "outputs": made.preview, "preprocess": False, **QUIET}
    preset.input(show_preset, [preset, loaded], [*controls, loaded], api_visibility="private").then(
        show_preview, **show
    )
    for card, button in made.cards.items():
        button.click(show_card(card), loaded, [*controls, loaded], api_visibility="private").then(
            lambda chosen=card: chosen, None, preset, **QUIET
        ).then(show_preview, **show)
    offer_presets(queue.runs, preset)
    made.another.click(lambda number: number + 1, image_number, image_number, **QUIET).then(
        show_preview, **show
    )
    seen_at_once = [
        controls[i] for i, s in enumerate(SETTINGS) if s in AUGMENTATION or s.name == IMAGE_SIZE
    ]
    moved = [control.input for control in seen_at_once]
    gr.on(moved, show_preview, trigger_mode="always_last", **show)
    gr.on(None, lambda: free_name(queue, "run"), None, name, **QUIET)  # when the page opens
    return TrainControls(preset, loaded, controls, outlines, {"fn": show_preview, **show})


@dataclass(frozen=True)
class _Layout:
    """What the tab shows, from top to bottom."""

    cards: dict[str, gr.Button]
    preset: gr.Dropdown
    name: gr.Textbox
    controls: list[gr.components.Component]
    another: gr.Button
    preview: gr.HTML
    outlines: list[gr.Textbox]
    start: gr.Button
    command: gr.Code


def _lay_out(page: gr.Blocks, queue: JobQueue) -> _Layout:
    begin = find_preset(queue.runs, _FIRST_PRESET)
    cards = create_preset_cards(page)
    with gr.Row():
        with gr.Column(scale=3, min_width=340):
            with gr.Row():
                preset = gr.Dropdown(
                    preset_choices(queue.runs, "en"),
                    value=_FIRST_PRESET,
                    label=shown("studio_start_from"),
                    elem_id="preset",
                )
                name = gr.Textbox(
                    free_name(queue, "run"), label=shown("studio_run_name"), elem_id="run-name"
                )
            controls = [setting.create(setting.value(begin)) for setting in MAIN]
        with gr.Column(scale=4, min_width=340):
            with gr.Row():
                gr.Markdown(shown("studio_preview"))
                another = gr.Button(
                    shown("studio_another"), size="sm", scale=0, min_width=140, elem_id="another"
                )
            gr.Markdown(shown("studio_preview_means"))
            preview = gr.HTML(elem_id="preview")
            for group, settings in FOLDED.items():
                with (
                    gr.Accordion(
                        shown(f"studio_group_{group}"), open=False, elem_id=f"group-{group}"
                    ),
                    gr.Row(),
                ):
                    controls += [setting.create(setting.value(begin)) for setting in settings]
            with gr.Accordion(shown("studio_outlines"), open=False):
                outlines = [
                    gr.Textbox(
                        label=shown(f"studio_outlines_{what}"),
                        info=shown(f"studio_outlines_{what}_means"),
                        lines=2,
                        elem_id=f"outlines-{what}",
                    )
                    for what in ("lungs", "opacities")
                ]
    start = gr.Button(shown("studio_queue"), variant="primary", elem_id="queue")
    command = create_command(shown("studio_run_command"), elem_id="queued-command")
    return _Layout(
        cards=cards,
        preset=preset,
        name=name,
        controls=controls,
        another=another,
        preview=preview,
        outlines=outlines,
        start=start,
        command=command,
    )


def outline_options(lungs: str | None, opacities: str | None) -> list[str]:
    """The options of `fit` for tables of outlines.

    Args:
        lungs: paths of tables, one a line, as in the text box.
        opacities: likewise.

    Raises:
        DatasetError: a table does not exist.
    """
    options: list[str] = []
    for option, lines in (("--lungs", lungs), ("--opacities", opacities)):
        written = [line for line in (lines or "").splitlines() if line.strip()]
        tables = [chosen_folder(line) for line in written]
        for table in tables:
            if not table.is_file():
                raise DatasetError(Message("studio_no_outlines", {"table": str(table)}))
        options += [option, *(str(table.resolve()) for table in tables)] if tables else []
    return options


def free_name(queue: JobQueue, stem: str) -> str:
    """A name that begins with this and that no job and no run has yet."""
    taken = {job.name for job in queue.jobs()} | {run.name for run in list_runs(queue.runs)}
    number = 1
    while f"{stem}-{number}" in taken or (queue.runs / f"{stem}-{number}").exists():
        number += 1
    return f"{stem}-{number}"


# --- The preview ----------------------------------------------------------------------------------


def preview_html(config: TrainingConfig, radiograph: Radiograph, language: Language) -> str:
    """An image as the network sees it, and augmented variants; equal settings give equal ones."""
    image = config.preprocessing.resize(radiograph)
    variants = [
        augment(image, config.augmentation, np.random.default_rng((config.seed, number)))
        for number in range(_VARIANTS)
    ]
    images: list[tuple[npt.NDArray[np.float32], str]] = [(image, text("studio_original", language))]
    images += [
        (variant, text("studio_variant", language, number=number))
        for number, variant in enumerate(variants, 1)
    ]
    return images_html(images)


def _image(path: str | None, number: int) -> Radiograph:
    """The radiograph of this number in the data folder, or an example if there is no folder."""
    try:
        folder = chosen_folder(path)
        splits = present_splits(folder, FITTED)
        files = [path for split in splits for path, _ in image_paths(folder / split)]
    except DatasetError:
        files = []
    files = files or [case.path for case in read_cases().radiographs]
    rng = np.random.default_rng(0)
    order: list[Path] = [files[i] for i in rng.permutation(len(files))]
    return read_radiograph(order[int(number) % len(order)])
