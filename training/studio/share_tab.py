"""Use and publish: makes a run this machine's model, or a model on the Hugging Face Hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from cxr.errors import BundleError, RunError
from cxr.language import Language
from cxr.messages import Message, text
from cxr.model.bundle import load_bundle
from training.jobs.queue import JobQueue
from training.sharing.local_model import chosen as chosen_model
from training.sharing.local_model import use, use_bundled
from training.sharing.publish import bundle_of
from training.studio.commands import run_command
from training.studio.html_parts import QUIET, RunChoice, shown_errors
from training.studio.trying import finished_runs
from training.studio.words import language_of, shown


def create_share_tab(tab: gr.Tab, queue: JobQueue) -> None:
    """Create the tab. It reads the runs when it is opened."""
    chosen = RunChoice([], label=shown("studio_try_run"), elem_id="shared-run")
    gr.Markdown(shown("studio_here"))
    gr.Markdown(shown("studio_here_means"))
    local = gr.Markdown(elem_id="local-model")
    with gr.Row():
        take = gr.Button(shown("studio_use"), variant="primary", elem_id="use")
        back = gr.Button(shown("studio_use_bundled"), elem_id="use-bundled")
    gr.Markdown(shown("studio_hub"))
    gr.Markdown(shown("studio_hub_means"))
    with gr.Row():
        repo = gr.Textbox(label=shown("studio_repo"), placeholder="me/chest-x-rays", elem_id="repo")
        tag = gr.Textbox(label=shown("studio_tag"), placeholder="v1", elem_id="tag")
        private = gr.Checkbox(False, label=shown("studio_private"))
    with gr.Row():
        preview = gr.Button(shown("studio_dry_run"), elem_id="dry-run")
        publish = gr.Button(shown("studio_publish"), variant="primary", elem_id="publish")
    said = gr.Textbox(
        label=shown("studio_output"),
        lines=4,
        max_lines=24,
        autoscroll=False,
        visible=False,
        elem_id="published",
    )

    def look(name: str | None, request: gr.Request) -> tuple[Any, str]:
        names = finished_runs(queue)
        value = name if name in names else next(iter(names), None)
        return gr.Dropdown(names, value=value), _local_line(language_of(request))

    def take_run(name: str | None, request: gr.Request) -> str:
        with shown_errors(language_of(request)):
            use(queue.runs / _required(name))
        return _local_line(language_of(request))

    def take_bundled(request: gr.Request) -> str:
        with shown_errors(language_of(request)):
            use_bundled()
        return _local_line(language_of(request))

    def arguments_of(name: str | None, repo: str, tag: str, private: bool) -> list[str]:
        if not repo.strip():
            raise RunError(Message("studio_needs_repo"))
        arguments = ["publish", str(queue.runs / _required(name)), "--repo", repo.strip()]
        arguments += ["--tag", tag.strip()] if tag.strip() else []
        return [*arguments, *(["--private"] if private else [])]

    def look_first(request: gr.Request, *asked: Any) -> Iterator[tuple[Any, Any]]:
        """Show what would be sent, and remember which command and model that was."""
        with shown_errors(language_of(request)):
            arguments = arguments_of(*asked)
            of_model = _model_of(arguments)
        for printed, status in run_command(queue, *arguments, "--dry-run"):
            seen = [arguments, of_model] if status == 0 else None
            yield gr.Textbox(printed, visible=True), seen

    def send(request: gr.Request, seen: Any, *asked: Any) -> Iterator[Any]:
        """Publish, but only the command and the model that were looked at."""
        with shown_errors(language_of(request)):
            arguments = arguments_of(*asked)
            if seen != [arguments, _model_of(arguments)]:
                raise RunError(Message("studio_look_first"))
        for printed, _ in run_command(queue, *arguments):
            yield gr.Textbox(printed, visible=True)

    asked = [chosen, repo, tag, private]
    seen = gr.State()  # the command and the model that were shown
    tab.select(look, chosen, [chosen, local], **QUIET)
    take.click(take_run, chosen, local, api_visibility="private")
    back.click(take_bundled, None, local, api_visibility="private")
    sending: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "publish"}
    sending["api_visibility"] = "private"
    preview.click(look_first, asked, [said, seen], **sending)
    publish.click(send, [seen, *asked], said, **sending)


def _model_of(arguments: list[str]) -> str:
    """Digest of the model that a command would publish."""
    return load_bundle(bundle_of(Path(arguments[1]))).sha256


def _required(name: str | None) -> str:
    if not name:
        raise RunError(Message("studio_try_no_run"))
    return name


def _local_line(language: Language) -> str:
    try:
        local = chosen_model()
    except BundleError as error:
        return text("studio_local_broken", language, error=error.say(language))
    bundle = local or load_bundle()
    named = {"name": bundle.name, "version": bundle.version, "digest": bundle.sha256[:12]}
    return text("studio_local_run" if local else "studio_local_bundled", language, **named)
