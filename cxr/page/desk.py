"""The desk on which a radiograph is looked at: what the viewer and the reader study share.

Each is a component of its own, with its own template and scripts; `desk.html` and the scripts here
show the radiograph, its heatmap and the tools in both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from cxr.model.heatmap import MIN_SHOWN
from cxr.output.overlay import FULL, colour_table
from cxr.page.answers import Answers
from cxr.page.sent_values import ViewerState
from cxr.reading.radiograph import MAX_BYTES

_FOLDER = Path(__file__).parent


def create_desk(
    template: str,
    *,
    answers: Answers,
    scripts: Sequence[str],
    styles: Sequence[str],
    elem_id: str,
    server_functions: Sequence[Callable[[Any], Any]] = (),
    when_opened: str = "",
    **props: Any,
) -> gr.HTML:
    """A component with a desk.

    Args:
        template: file of its HTML, in which a comment names `desk.html`.
        answers: of the radiographs that the browser sends.
        scripts: files of JavaScript, in the order in which they are read; one scope holds them.
        styles: files of CSS.
        elem_id: of the component.
        server_functions: that the browser may call, besides the one that answers.
        when_opened: the view in which it is. If given, nothing of it is there until that view is
            opened for the first time.
        props: more values for the scripts.
    """

    def answer_one(asked: Any) -> ViewerState:  # Gradio takes functions, no methods
        return answers.answer_one(asked)

    html = _read(template).replace("<!-- desk.html -->", _read("desk.html"))
    script = "".join(_read(name) for name in scripts)
    if when_opened:
        html = f"<template>{html}</template>"
        script = _WHEN_OPENED.replace("VIEW", when_opened).replace("SCRIPT", script)
    return gr.HTML(
        html_template=html,
        css_template="".join(_read(name) for name in styles),
        js_on_load=script,
        apply_default_css=False,
        elem_id=elem_id,
        colours=colour_table().tolist(),
        least=MIN_SHOWN,
        ramp=FULL - MIN_SHOWN,
        max_bytes=MAX_BYTES,
        server_functions=[answer_one, *server_functions],
        **props,
    )


_WHEN_OPENED = """
const begin = () => {
element.replaceChildren(element.querySelector("template").content);
SCRIPT
};
let begun = false;
window.cxr.onChange(() => {
  if (begun || document.body.dataset.view !== "VIEW") return;
  begun = true;
  begin();
});
"""


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
