"""The Gradio Blocks page: build_page(classifier) -> Blocks, started with LAUNCH_SETTINGS."""

from __future__ import annotations

from cxr.page import gradio_without_stubs  # noqa: F401

# isort: split
import json
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from cxr.cases import read_cases
from cxr.classifier import Classifier
from cxr.errors import CXRError
from cxr.language import LANGUAGES
from cxr.messages import page_texts, text
from cxr.page.about import create_about
from cxr.page.api import create_api, fetch_nothing
from cxr.page.cases import create_cases, create_guide
from cxr.page.components import (
    Line,
    create_api_button,
    create_choose_button,
    create_header,
    create_line,
    model_line,
)
from cxr.page.endpoint_queue import guard_queue
from cxr.page.many import create_many, create_walk
from cxr.page.notes import note_keeper
from cxr.page.preview import LinkPreview
from cxr.page.routes import Routes
from cxr.page.serving import BASE_SETTINGS
from cxr.page.study import create_study
from cxr.page.viewer import create_viewer
from cxr.page.waiting_turns import Turns
from cxr.reading.radiograph import MAX_BYTES

_FOLDER = Path(__file__).parent
# What components say, in every language; within a script, nothing may look like its end.
_TEXTS = json.dumps(page_texts(), ensure_ascii=False).replace("<", "\\u003c")
# Scripts that all components use; each may use those before it, and the texts.
_HEAD = (
    "rules.js",
    "page.js",
    "cases.js",
    "files.js",
    "zip.js",
    "store.js",
    "tabs.js",
    "worklist.js",
    "statistics.js",
)

# Arguments of Gradio's `launch` for this page.
LAUNCH_SETTINGS: dict[str, Any] = {
    **BASE_SETTINGS,
    # Gradio's page on the API explains how to turn its own tools on, which are not used here.
    "css": ".api-docs .snippets .snippet:last-child { display: none; }",
    "css_paths": [_FOLDER / "page.css", _FOLDER / "cases.css"],
    "favicon_path": _FOLDER / "icon.svg",
    "footer_links": ["api"],
    "pwa": True,
    "head": "".join(
        f"<script>{script}</script>"
        for script in (
            f"window.cxrTexts = {_TEXTS};",
            *((_FOLDER / name).read_text(encoding="utf-8") for name in _HEAD),
        )
    ),
    "max_file_size": MAX_BYTES,
    "app_kwargs": {"middleware": [Middleware(LinkPreview), Middleware(Routes)]},
    "state_session_capacity": 1000,  # sessions, of which nothing is kept
}
_MAX_WAITING = 200  # requests in the queue


def build_page(
    classifier: Classifier,
    *,
    turns: Turns | None = None,
    notice: CXRError | None = None,
    notes: Path | None = None,
    flag_to: str = "",
) -> gr.Blocks:
    """The page of one model.

    Args:
        classifier: answers.
        turns: how many radiographs are classified at a time; `AT_ONCE` by default.
        notice: why another model than the one asked for answers, if so.
        notes: folder for readers' comments on answers; by default they stay in the browsers.
        flag_to: a dataset on the Hub, which readers' disagreements are sent to; empty for none.

    Raises:
        CXRError: the folder for notes or the dataset cannot be made, or the cases are damaged.
    """
    turns = turns or Turns()
    cases = read_cases()
    keep_note = note_keeper(notes, model=classifier.bundle.sha256) if notes else None
    with gr.Blocks(title=text("title", "en"), analytics_enabled=False, fill_width=True) as page:
        create_header(elem_id="header")
        if notice:
            detail = {language: notice.say(language) for language in LANGUAGES}
            create_line({"text": "model_bundled", "detail": detail}, elem_id="fallback")
        with gr.Row(elem_id="one-view"):
            with gr.Column(scale=1, min_width=180, elem_id="sources"):
                create_choose_button(elem_id="choose")
                create_cases(cases, elem_id="cases")
            with gr.Column(scale=7, min_width=320):
                create_guide(cases, elem_id="guide")
                create_walk(elem_id="walk")
                create_viewer(
                    classifier,
                    cases={name: case.path for name, case in cases.by_name.items()},
                    turns=turns,
                    elem_id="viewer",
                    keep_note=keep_note,
                    flag_to=flag_to,
                )
        with gr.Column(elem_id="many-view"):
            create_many(classifier, turns=turns, elem_id="many")
        with gr.Column(elem_id="study-view"):
            create_study(classifier, turns=turns, elem_id="study")
        with gr.Column(elem_id="about-view"):
            create_about(classifier.bundle)
        with gr.Column(elem_id="footer"):
            create_line(model_line(classifier.bundle), elem_id="status")
            create_line(_privacy_line(notes, flag_to), elem_id="privacy")
            create_api_button(elem_id="api")
        create_api(page, classifier, turns=turns)
    fetch_nothing(page)
    page.queue(max_size=_MAX_WAITING, api_open=False)
    guard_queue(page)
    return page


def _privacy_line(notes: Path | None, flag_to: str) -> Line:
    if flag_to:
        return {"text": "privacy_flags", "values": {"dataset": flag_to}}
    return {"text": "privacy_notes" if notes else "privacy"}
