"""What the studio keeps over a reload, in the browser: the tab, the folder and the settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from cxr.errors import RunError
from training.jobs.queue import JobQueue
from training.studio.data_tab import DataFolder
from training.studio.html_parts import QUIET
from training.studio.settings import SETTINGS, changed, find_preset, preset_choices
from training.studio.train_tab import TrainControls
from training.studio.words import language_of


def remembered(name: str) -> gr.BrowserState:
    """A value that stays in the browser's storage, None at first."""
    # Gradio encrypts it with a secret, which it would draw anew each time the studio starts.
    return gr.BrowserState(None, storage_key=f"cxr-studio-{name}", secret="cxr-studio")  # noqa: S106


def keep_over_reloads(
    page: gr.Blocks,
    tabs: gr.Tabs,
    tab_of: Mapping[str, gr.Tab],
    queue: JobQueue,
    data: DataFolder,
    train: TrainControls,
    *,
    given: str,
) -> None:
    """Keep the open tab, the data folder and all settings, and show them when the page opens.

    A folder that was kept is not shown where the studio was started with another one since.

    Args:
        page: the page.
        tabs: all tabs.
        tab_of: each tab by its id.
        queue: for the presets there are.
        data: the controls of the data folder.
        train: the controls of the settings.
        given: the data folder that the studio was started with; empty if with none.
    """
    tab, settings = remembered("tab"), remembered("settings")
    for name, one in tab_of.items():
        one.select(lambda chosen=name: chosen, None, tab, **QUIET)
    page.load(
        lambda name: gr.Tabs(selected=name) if name in tab_of else gr.skip(), tab, tabs, **QUIET
    )

    texts = [data.path, *train.outlines]
    kept = [data.path, data.skip_unreadable, *train.outlines, train.loaded, *train.settings]

    def keep(*values: Any) -> list[Any]:
        return [given, *values]

    def show(values: list[Any] | None, request: gr.Request) -> list[Any]:
        """Updates of the controls; none if nothing was kept, or it fits no more."""
        try:
            before, path, skip, *outlines, preset, chosen = _parts(values, len(train.outlines))
        except ValueError:
            return [gr.skip()] * (len(kept) + 1)
        of_folder = [path if path and before == given else gr.skip(), bool(skip), *outlines]
        try:
            choices = preset_choices(queue.runs, language_of(request))
            if preset not in [value for _, value in choices]:
                raise ValueError(preset)
            config = changed(find_preset(queue.runs, preset), chosen)
        except (RunError, ValueError, TypeError):  # the run that they began with is gone
            return [*of_folder, *[gr.skip()] * (len(kept) + 1 - len(of_folder))]
        updates = [setting.update(config) for setting in SETTINGS]
        return [*of_folder, preset, *updates, gr.Dropdown(choices, value=preset)]

    keeping: dict[str, Any] = {"inputs": kept, "outputs": settings, "preprocess": False, **QUIET}
    # What is pasted into a text is a change of it, and no input.
    written = [part.change for part in (*texts, train.loaded)]
    chosen = [part.input for part in (data.skip_unreadable, *train.settings)]
    gr.on([*written, *chosen], keep, trigger_mode="always_last", **keeping)
    page.load(show, settings, [*kept, train.preset], **QUIET).then(**train.preview)


def _parts(values: Any, outlines: int) -> list[Any]:
    """What was kept: two folders, switch, outlines, preset, and all settings in a list.

    Raises:
        ValueError: it is something else, as an earlier version kept it.
    """
    if not isinstance(values, list) or len(values) != 4 + outlines + len(SETTINGS):
        raise ValueError("kept by an earlier version")
    return [*values[: 4 + outlines], values[4 + outlines :]]
