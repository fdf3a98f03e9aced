"""The Gradio Blocks page: build_page(classifier) -> Blocks, started with LAUNCH_SETTINGS."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from cxr.classifier import Classifier
from cxr.errors import CXRError
from cxr.page import texts
from cxr.page.examples import create_examples, list_examples
from cxr.page.viewer import create_viewer, film_value
from cxr.radiograph import read_radiograph

# What `launch` takes since Gradio 6, and what keeps films private.
LAUNCH_SETTINGS: dict[str, Any] = {
    "theme": gr.themes.Base(
        primary_hue="slate",
        neutral_hue="slate",
        font=["system-ui", "sans-serif"],  # no font is fetched from another host
        font_mono=["ui-monospace", "monospace"],
    ),
    "css_paths": Path(__file__).parent / "page.css",
    "run_history": False,
    "enable_monitoring": False,
    "max_file_size": "100mb",
    "footer_links": [],
    "ssr_mode": False,
}
_DELETE_UPLOADS = (30, 300)  # look every 30 s, delete what is older than 300 s


def build_page(classifier: Classifier, *, notice: str = "") -> gr.Blocks:
    """The page of one model.

    Args:
        classifier: may still be loading; a film that comes before is answered when it has loaded.
        notice: why it is not the model that was asked for, if it is not.
    """

    def classify(path: str | None) -> tuple[Any, str]:
        """Viewer value and notice; on an error the film that was shown stays."""
        if path is None:
            return gr.skip(), ""
        try:
            radiograph = read_radiograph(path)
            return film_value(radiograph, classifier.predict(radiograph)), ""
        except CXRError as error:
            return gr.skip(), escape(str(error))
        except Exception:
            logging.exception("a film was not classified")
            return gr.skip(), escape(texts.FAILED)

    def classify_example(event: gr.EventData) -> tuple[Any, str]:
        return classify(str(example_paths[event.index]))

    def model_status() -> Iterator[str]:
        if not classifier.ready:
            yield escape(texts.MODEL_LOADING)
        yield escape(_model_line(classifier))

    example_paths = list_examples()
    with gr.Blocks(
        title=texts.TITLE, analytics_enabled=False, delete_cache=_DELETE_UPLOADS
    ) as page:
        gr.Markdown(f"# {texts.TITLE}", elem_id="title")
        gr.Markdown(texts.DISCLAIMER, elem_id="disclaimer")
        if notice:
            gr.HTML(escape(texts.FALLBACK.format(reason=notice)), elem_id="fallback")
        with gr.Row():
            with gr.Column(scale=1, min_width=240):
                with gr.Column(elem_id="upload"):
                    upload = gr.UploadButton(texts.CHOOSE, variant="primary", type="filepath")
                problem = gr.HTML(
                    "", html_template='<p role="alert">${value}</p>', elem_id="notice"
                )
                examples = create_examples(example_paths, label=texts.EXAMPLES, elem_id="examples")
            with gr.Column(scale=4, min_width=320):
                viewer = create_viewer(upload_selector="#upload input[type=file]", elem_id="viewer")
        with gr.Column(elem_id="footer"):
            status = gr.HTML("", elem_id="status")
            gr.HTML(escape(texts.PRIVACY), elem_id="privacy")

        answer: dict[str, Any] = {
            "outputs": [viewer, problem],
            "api_visibility": "private",
            # One at a time and in order: the film that was chosen last is the one that is shown.
            "concurrency_limit": 1,
            "concurrency_id": "classify",
            "trigger_mode": "always_last",
        }
        upload.upload(classify, upload, **answer)
        examples.select(classify_example, None, **answer)
        page.load(model_status, None, status, api_visibility="private", concurrency_limit=None)
    return page


def _model_line(classifier: Classifier) -> str:
    """Which model answers, once it does."""
    try:
        classifier.warm_up()
    except CXRError as error:
        return texts.MODEL_FAILED.format(error=error)
    bundle = classifier.bundle
    return texts.MODEL_READY.format(
        name=bundle.name,
        version=bundle.version,
        sha256=bundle.sha256[:12],
        origin=f" from {bundle.origin}" if bundle.origin else "",
        population=bundle.config["trained_on"].get("population", "films not recorded"),
    )
