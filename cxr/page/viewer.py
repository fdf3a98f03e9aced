"""The viewer: a file becomes an answer, or is told why not; everything after that is the browser's.

The browser sends a file and gets the value of one state (`cxr.page.values`); tools, thresholds and
what-ifs need no further request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from cxr.classifier import Classifier
from cxr.errors import RadiographError
from cxr.messages import all_texts
from cxr.model.heatmap import LEAST_SHOWN
from cxr.outcome import answer_file
from cxr.output.overlay import FULL, colour_table
from cxr.page.downloads import make_file
from cxr.page.failures import log_failure
from cxr.page.turns import Busy, Turns
from cxr.page.uploads import asked_name, uploaded_file
from cxr.page.values import message_values, outcome_value
from cxr.reading.radiograph import MAX_BYTES

_FOLDER = Path(__file__).parent
_SCRIPTS = (
    "viewer.js",
    "radiograph.js",
    "heat.js",
    "stage.js",
    "tools.js",
    "whatif.js",
    "answer.js",
    "reading.js",
)


def create_viewer(
    classifier: Classifier,
    *,
    cases: Mapping[str, Path],
    at_once: int,
    elem_id: str,
    keep_note: Callable[[Any], None] | None = None,
) -> gr.HTML:
    """The viewer of one radiograph.

    Args:
        classifier: answers.
        cases: files that the browser may ask for by their name.
        at_once: how many radiographs are classified at a time.
        elem_id: of the component.
        keep_note: stores a reader's comment on an answer, if the operator of the page wants them.
    """
    turns = Turns(at_once)

    def source_of(asked: dict[str, Any]) -> tuple[Path, str]:
        """The file that the browser means: an upload, or a case by its name."""
        case = asked.get("case")
        if isinstance(case, str) and case in cases:
            return cases[case], cases[case].name
        name = asked_name(asked)
        return uploaded_file(str(asked.get("path")), name=name), name

    def answer_one(asked: Any) -> dict[str, Any]:
        """The state that a file leads to, with all that the browser needs to show it."""
        try:
            path, name = source_of(asked if isinstance(asked, dict) else {})
            with turns.take():
                return outcome_value(answer_file(path, classifier, file=name), classifier.bundle)
        except Busy:
            return {"kind": "busy"}
        except RadiographError as error:
            return {"kind": "unreadable", "reasons": message_values([error.message])}
        except Exception as error:
            log_failure("a radiograph was not classified", error)
            return {"kind": "failed"}

    def keep_file(asked: Any) -> dict[str, Any]:
        """A file for the reader, or why there is none."""
        try:
            asked = asked if isinstance(asked, dict) else {}
            path, name = source_of(asked)
            with turns.take():
                return make_file(path, name, classifier, asked)
        except Busy:
            return {"problem": "busy"}
        except RadiographError as error:
            return {"problem": "not_kept", "reasons": message_values([error.message])}
        except Exception as error:
            log_failure("a file for the reader was not made", error)
            return {"problem": "failed"}

    return gr.HTML(
        html_template=(_FOLDER / "viewer.html").read_text(encoding="utf-8"),
        css_template="".join(
            (_FOLDER / name).read_text(encoding="utf-8")
            for name in ("viewer.css", "stage.css", "panel.css")
        ),
        js_on_load="".join((_FOLDER / name).read_text(encoding="utf-8") for name in _SCRIPTS),
        apply_default_css=False,
        elem_id=elem_id,
        texts=all_texts(),
        colours=colour_table().tolist(),
        least=LEAST_SHOWN,
        ramp=FULL - LEAST_SHOWN,
        max_bytes=MAX_BYTES,
        server_functions=[answer_one, keep_file, *([keep_note] if keep_note else [])],
        keeps_notes=keep_note is not None,
    )
