"""The Gradio Blocks page: build_page(classifier) -> Blocks, started with LAUNCH_SETTINGS."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import gradio as gr

from cxr.cases import read_cases
from cxr.classifier import Classifier
from cxr.errors import CXRError
from cxr.messages import text
from cxr.outcome import answer_file
from cxr.page.about import card_text, create_curves
from cxr.page.api import create_api
from cxr.page.cases import create_case_text, create_cases, create_guide, opened
from cxr.page.downloads import ASKED, Shown, create_download, dicom_value, for_report, report_value
from cxr.page.lines import (
    Line,
    create_choose_button,
    create_header,
    create_line,
    create_notice,
    model_line,
    outcome_line,
    problem_line,
)
from cxr.page.many import create_many
from cxr.page.notes import note_keeper
from cxr.page.serving import BASE_SETTINGS
from cxr.page.viewer import create_viewer, image_value

_FOLDER = Path(__file__).parent

# Arguments of Gradio's `launch` for this page.
LAUNCH_SETTINGS: dict[str, Any] = {
    **BASE_SETTINGS,
    "css_paths": [_FOLDER / "page.css", _FOLDER / "cases.css"],
    "head": "".join(
        f"<script>{(_FOLDER / name).read_text(encoding='utf-8')}</script>"
        for name in ("rules.js", "page.js", "cases.js", "files.js", "zip.js")
    ),
    "max_file_size": "100mb",
}
_DELETE_UPLOADS = (30, 300)  # seconds: every 30 s, those older than 300 s
_AT_ONCE = 2  # radiographs that are classified at a time, of the list and of the API each
_MAX_WAITING = 200  # requests in the queue; the page says that it is busy to any more
_UPLOAD = "#upload input[type=file]"


def build_page(classifier: Classifier, *, notice: str = "", notes: Path | None = None) -> gr.Blocks:
    """The page of one model.

    Args:
        classifier: may still be loading; a radiograph that is chosen before then is answered as
            soon as it has loaded.
        notice: why another model than the one asked for answers, if so.
        notes: folder for readers' comments on answers; by default they stay in the browsers.

    Raises:
        CXRError: the folder for notes cannot be made, or the cases are damaged.
    """

    def answer_upload(path: str | None) -> tuple[Any, Line | None, Any]:
        """Viewer value, notice and what a report needs; after an error the viewer is unchanged."""
        if path is None:
            return gr.skip(), None, gr.skip()
        try:
            outcome = answer_file(path, classifier, file=Path(path).name)
            if outcome.answer is None:
                return gr.skip(), outcome_line(outcome), gr.skip()
            value = image_value(*outcome.answer, classifier.bundle)
            return value, None, for_report(*outcome.answer, path)
        except CXRError as error:
            return gr.skip(), problem_line(error), gr.skip()
        except Exception:
            logging.exception("a radiograph was not classified")
            return gr.skip(), problem_line(None), gr.skip()

    def answer_chosen(path: str | None) -> tuple[Any, ...]:
        """The answer, and that it is no case's; an error leaves what the case's text says."""
        answered = answer_upload(path)
        return *answered, gr.skip() if path is None or answered[1] else None

    def answer_case(event: gr.EventData) -> tuple[Any, ...]:
        """The answer, and the name of the case, also if it is refused."""
        case = cases.by_name.get(str(getattr(event, "case", None)))
        if case is None:  # not of this page
            return gr.skip(), {"text": "failed"}, gr.skip(), gr.skip()
        return *answer_upload(str(case.path)), opened(case)

    def keep(shown: Shown | None, event: gr.EventData) -> tuple[Any, Line | None]:
        """A file for the reader, or why there is none."""
        if shown is None:
            return gr.skip(), {"text": "expired"}
        asked = {name: getattr(event, name, None) for name in ASKED}
        try:
            if asked.get("kind") == "dicom":
                return dicom_value(shown, classifier, asked), None
            return report_value(shown, classifier.bundle, asked), None
        except CXRError as error:
            return gr.skip(), problem_line(error)
        except Exception:
            logging.exception("a file for the reader was not made")
            return gr.skip(), problem_line(None)

    cases = read_cases()
    keep_note = note_keeper(notes, model=classifier.bundle.sha256) if notes else None
    with gr.Blocks(
        title=text("title", "en"), analytics_enabled=False, delete_cache=_DELETE_UPLOADS
    ) as page:
        create_header(elem_id="header")
        if notice:
            create_line({"text": "model_bundled", "detail": notice}, elem_id="fallback")
        with gr.Row(elem_id="one-view"):
            with gr.Column(scale=1, min_width=180):
                create_choose_button(upload_selector=_UPLOAD, elem_id="choose")
                with gr.Column(elem_id="upload"):  # hidden: the button above opens it
                    upload = gr.UploadButton(type="filepath")
                problem = create_notice(elem_id="notice")
                case_list = create_cases(cases, elem_id="cases")
            with gr.Column(scale=6, min_width=320):
                create_guide(cases, elem_id="guide")
                viewer = create_viewer(
                    upload_selector=_UPLOAD, elem_id="viewer", keep_note=keep_note
                )
                case_text = create_case_text(cases, elem_id="case")
        with gr.Column(elem_id="many-view"):
            create_many(classifier, at_once=_AT_ONCE, elem_id="many")
        with gr.Column(elem_id="about-view"):
            create_curves(classifier.bundle, elem_id="curves")
            gr.Markdown(card_text(classifier.bundle), elem_id="card")
        with gr.Column(elem_id="footer"):
            create_line(model_line(classifier.bundle), elem_id="status")
            create_line({"text": "privacy_notes" if notes else "privacy"}, elem_id="privacy")

        shown = gr.State(time_to_live=_DELETE_UPLOADS[1])
        download = create_download(elem_id="download")
        answer: dict[str, Any] = {
            "outputs": [viewer, problem, shown, case_text],
            "api_visibility": "private",
            # One at a time and in order, so that the radiograph chosen last is the one shown.
            "concurrency_limit": 1,
            "concurrency_id": "classify",
            "trigger_mode": "always_last",
        }
        upload.upload(answer_chosen, upload, **answer)
        # Each in turn: a deferred request would be sent with the name of the case before.
        case_list.select(answer_case, None, **{**answer, "trigger_mode": "multiple"})
        viewer.submit(keep, shown, [download, problem], api_visibility="private")
        create_api(classifier, at_once=_AT_ONCE)
    return page.queue(max_size=_MAX_WAITING, api_open=True)
