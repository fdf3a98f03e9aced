"""The reader study: a reader's own readings, blinded, then with the model's answer, and figures.

Everything but the answers is the browser's: readings, labels and results never reach the server.
"""

from __future__ import annotations

import gradio as gr

import cxr
from cxr.classifier import Classifier
from cxr.page.answers import Answers
from cxr.page.desk import create_desk
from cxr.page.waiting_turns import Turns

_SCRIPTS = (
    "desk.js",
    "study.js",
    "study_labels.js",
    "study_marks.js",
    "radiograph.js",
    "heatmap.js",
    "stage.js",
    "pointers.js",
    "keyboard_pointer.js",
    "toolbar.js",
    "study_reading.js",
    "study_figures.js",
    "study_results.js",
    "study_begin.js",
)


def create_study(classifier: Classifier, *, turns: Turns, elem_id: str) -> gr.HTML:
    """The reader study, which is there once its view is opened.

    Args:
        classifier: answers.
        turns: how many radiographs are classified at a time.
        elem_id: of the component.
    """
    return create_desk(
        "study.html",
        answers=Answers(classifier, turns=turns),
        scripts=_SCRIPTS,
        styles=("viewer.css", "stage.css", "panel.css", "study.css"),
        elem_id=elem_id,
        when_opened="study",
        software=f"cxr {cxr.__version__}",  # stands in the tables beside the model
    )
