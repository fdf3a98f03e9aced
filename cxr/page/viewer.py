"""The viewer. The server answers a file or says why not; everything after that runs in the browser.

The browser sends a file and gets the value of one state (`cxr.page.answer_values`); tools,
thresholds and what-ifs need no further request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from cxr.classifier import Classifier
from cxr.errors import RadiographError
from cxr.page.answer_values import message_values
from cxr.page.answers import Answers
from cxr.page.desk import create_desk
from cxr.page.downloads import make_file
from cxr.page.failures import log_failure
from cxr.page.flags import flag_sender
from cxr.page.sent_values import KeptFile, NotKept
from cxr.page.waiting_turns import Busy, Turns

_SCRIPTS = (
    "desk.js",
    "viewer.js",
    "radiograph.js",
    "heatmap.js",
    "stage.js",
    "pointers.js",
    "keyboard_pointer.js",
    "toolbar.js",
    "whatif.js",
    "answer.js",
    "cost.js",
    "flag.js",
    "case_text.js",
    "own_reading.js",
    "viewer_begin.js",
)


def create_viewer(
    classifier: Classifier,
    *,
    cases: Mapping[str, Path],
    turns: Turns,
    elem_id: str,
    keep_note: Callable[[Any], None] | None = None,
    flag_to: str = "",
) -> gr.HTML:
    """The viewer of one radiograph.

    Args:
        classifier: answers.
        cases: files that the browser may ask for by their name.
        turns: how many radiographs are classified at a time.
        elem_id: of the component.
        keep_note: stores a reader's comment on an answer, if the operator of the page wants them.
        flag_to: a dataset on the Hub that disagreements are sent to; empty for none.

    Raises:
        HubError: the dataset cannot be made.
    """
    answers = Answers(classifier, turns=turns, cases=cases)

    flag = None
    if flag_to:
        flag = flag_sender(
            flag_to,
            answers.source_of,
            accepts=lambda radiograph: classifier.gate.check(radiograph).accepted,
            turns=turns,
            model=classifier.bundle.sha256,
        )

    def keep_file(asked: Any) -> KeptFile | NotKept:
        """A file for the reader, or why there is none."""
        try:
            asked = asked if isinstance(asked, dict) else {}
            path, name = answers.source_of(asked)
            with answers.turns.take():
                return make_file(path, name, classifier, asked)
        except Busy:
            return {"problem": "busy"}
        except RadiographError as error:
            return {"problem": "not_kept", "reasons": message_values([error.message])}
        except Exception as error:
            log_failure("a file for the reader was not made", error)
            return {"problem": "failed"}

    return create_desk(
        "viewer.html",
        answers=answers,
        scripts=_SCRIPTS,
        styles=("viewer.css", "stage.css", "case_text.css", "panel.css"),
        elem_id=elem_id,
        server_functions=[keep_file, *filter(None, (keep_note, flag))],
        keeps_notes=keep_note is not None,
        flags_to=flag_to,
    )
