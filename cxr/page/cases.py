"""The cases on the page: thumbnails, a quiz and a guided tour.

Two components and the viewer, which says what a case teaches, share what `cases.js` keeps in the
browser: which case is open, which have been answered, the quiz and the tour. Their texts of each
case come from `examples/cases.toml`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import gradio as gr
import numpy as np

from cxr.cases import Case, Cases
from cxr.page.pictures import thumbnail
from cxr.page.sent_values import CaseValue
from cxr.reading.radiograph import read_radiograph

_FOLDER = Path(__file__).parent
_THUMBNAIL_SIDE = 220

_LIST = """
<button type="button" class="open-drawer" aria-expanded="false" data-t="cases_drawer"></button>
<div class="drawer">
<p data-t="cases"></p>
<div class="actions">
  <button type="button" data-do="tour" aria-pressed="false" data-t="tour"></button>
  <button type="button" data-do="quiz" aria-pressed="false" data-t="quiz"></button>
</div>
<ul class="thumbnails">
  {{#each value}}
  <li>
    <button type="button" data-case="{{this.name}}">
      <img src="{{this.thumbnail}}" alt="">
      <span class="title"></span>
      <span class="label"></span>
    </button>
  </li>
  {{/each}}
</ul>
</div>
"""

_GUIDE = """
<section data-t-label="guide" hidden>
  <p class="said" role="status"></p>
  <div class="actions">
    <span class="choices" role="group" data-t-label="quiz_question">
      <button type="button" data-choice="PNEUMONIA" data-t="verdict_PNEUMONIA"></button>
      <button type="button" data-choice="NORMAL" data-t="verdict_NORMAL"></button>
      <button type="button" data-choice="UNSURE" data-t="unsure"></button>
    </span>
    <button type="button" data-do="back" data-t="tour_back"></button>
    <button type="button" data-do="next"></button>
    <button type="button" data-do="again" data-t="quiz_again"></button>
    <button type="button" data-do="end"></button>
    <span class="score"></span>
  </div>
</section>
"""


def create_cases(cases: Cases, *, elem_id: str) -> gr.HTML:
    """Thumbnails with titles; a click on one opens it in the viewer."""
    thumbnails = [{"name": case.name, "thumbnail": _thumbnail(case)} for case in cases.cases]
    return _component(thumbnails, _LIST, "case_list.js", cases, elem_id=elem_id)


def create_guide(cases: Cases, *, elem_id: str) -> gr.HTML:
    """The question of the quiz and the sentence of the tour, where one of them is on."""
    return _component(None, _GUIDE, "case_guide.js", cases, elem_id=elem_id)


def _component(value: Any, template: str, script: str, cases: Cases, *, elem_id: str) -> gr.HTML:
    return gr.HTML(
        value,
        html_template=template,
        js_on_load=(_FOLDER / script).read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id=elem_id,
        visible=bool(cases.cases),
        cases={case.name: _to_json(case) for case in cases.cases},
        tour=[{"case": step.case, "say": step.say} for step in cases.tour],
    )


def _to_json(case: Case) -> CaseValue:
    """What the browser needs of a case."""
    return {
        "title": case.title,
        "look": case.look,
        "label": case.label,
        "expected": case.expected,
        "in_quiz": case.in_quiz,
        "radiograph": case.label != "none",
        "verdict": case.answer.verdict,
        "probability": case.answer.probability,
        "reasons": [{"code": code, "values": {}} for code in case.answer.reasons],
        "comparison": case.comparison,
    }


def _thumbnail(case: Case) -> str:
    """A small JPEG as a data URI, in the proportions of the radiograph."""
    # Half the radiograph's size is decoded where the format allows it, which is much quicker.
    half = cv2.imread(str(case.path), cv2.IMREAD_REDUCED_GRAYSCALE_2)
    if half is None:
        pixels = read_radiograph(case.path).pixels
    else:
        pixels = half.astype(np.float32) / np.float32(255)
    return thumbnail(pixels, _THUMBNAIL_SIDE)
