"""The page's small components: header, buttons and lines of text.

Each is a template whose elements name their texts by `data-t`, a key of `cxr/messages.toml`; the
browser fills them in and changes them with the language.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

import gradio as gr

from cxr.errors import CXRError, RadiographError
from cxr.messages import all_texts
from cxr.model.bundle import Bundle
from cxr.outcome import Outcome
from cxr.page.viewer import MessageValue, message_values

_HEADER = """
<header>
  <div>
    <h1 data-t="title"></h1>
    <p data-t="disclaimer" id="disclaimer"></p>
    <nav data-t-label="sections">
      <button type="button" data-view="one" data-t="view_one"></button>
      <button type="button" data-view="many" data-t="view_many"></button>
      <button type="button" data-view="about" data-t="view_about"></button>
    </nav>
  </div>
  <div class="switches">
    <button type="button" class="language" data-t="other_language"></button>
    <button type="button" class="theme" data-t-label="theme">◐</button>
  </div>
</header>
"""
_HEADER_STYLE = """
header { display: flex; gap: 1.5rem; justify-content: space-between; align-items: start; }
@media (max-width: 40rem) { header { flex-direction: column-reverse; gap: 0.5rem; } }
h1 { font-size: 1.3rem; margin: 0; color: var(--body-text-color); }
p { margin: 0.25rem 0 0; font-size: 0.85rem; line-height: 1.4; color: var(--quiet); }
nav { display: flex; gap: 1.2rem; margin-top: 0.5rem; }
nav button {
  padding: 0.15rem 0 !important;
  border: 0 !important;
  border-bottom: 3px solid transparent !important;
  border-radius: 0 !important;
  font-size: 0.95rem !important;
}
nav button[aria-current="page"] { border-color: #475569 !important; font-weight: 650; }
.switches { display: flex; gap: 0.4rem; flex: none; }
button {
  padding: 0.25rem 0.7rem;
  border: 1px solid var(--border-color-primary);
  border-radius: 5px;
  background: none;
  color: var(--body-text-color);
  font: inherit;
  font-size: 0.85rem;
  cursor: pointer;
}
"""
_HEADER_SCRIPT = """
const { cxr } = window;
const say = cxr.speaker(props.texts);
cxr.onChange(() => {
  cxr.translate(element, say);
  for (const button of element.querySelectorAll("[data-view]")) {
    const current = button.dataset.view === (document.body.dataset.view ?? "one");
    button.setAttribute("aria-current", current ? "page" : "false");
  }
});
element.addEventListener("click", (event) => {
  const view = event.target.closest("[data-view]")?.dataset.view;
  if (view) cxr.setView(view);
  if (event.target.closest(".language")) cxr.setLanguage(cxr.language === "fr" ? "en" : "fr");
  if (event.target.closest(".theme")) cxr.setDark(!cxr.dark);
});
"""

_CHOOSE = '<button type="button" data-t="choose"></button>'
_CHOOSE_STYLE = """
button {
  width: 100%;
  padding: 0.6rem 1rem;
  border: 0;
  border-radius: 6px;
  background: #475569;
  color: #fff;
  font: inherit;
  font-weight: 600;
  cursor: pointer;
}
button:hover { background: #334155; }
"""
_CHOOSE_SCRIPT = """
const { cxr } = window;
const say = cxr.speaker(props.texts);
cxr.onChange(() => cxr.translate(element, say));
element.addEventListener("click", () => document.querySelector(props.upload_selector)?.click());
"""

_LINE = '<div><p class="said"></p><p class="detail" lang="en"></p></div>'
_NOTICE = _LINE.replace("<div>", '<div role="alert">')
_LINE_SCRIPT = """
const { cxr } = window;
const say = cxr.speaker(props.texts);
const show = () => {
  const line = props.value;
  const reasons = cxr.sentences(line?.reasons ?? [], say);
  const [said, detail] = element.querySelectorAll("p");
  said.textContent = line ? `${say(line.text, line.values)} ${reasons}`.trim() : "";
  detail.textContent = line?.detail ?? "";
};
watch("value", show);
cxr.onChange(show);
"""


class Line(TypedDict):
    """A line of text, said by the browser in the reader's language.

    Keys:
        text: its key in `cxr/messages.toml`.
        values: what its sentence names in braces.
        reasons: messages that are said after it.
        detail: an error's own words, in English, shown below it.
    """

    text: str
    values: NotRequired[dict[str, str]]
    reasons: NotRequired[list[MessageValue]]
    detail: NotRequired[str]


def create_header(*, elem_id: str) -> gr.HTML:
    """Title, disclaimer, and switches of language and theme."""
    return _component(None, _HEADER, _HEADER_SCRIPT, style=_HEADER_STYLE, elem_id=elem_id)


def create_choose_button(*, upload_selector: str, elem_id: str) -> gr.HTML:
    """A button that opens the file dialogue of the ``<input type=file>`` of this selector."""
    return _component(
        None,
        _CHOOSE,
        _CHOOSE_SCRIPT,
        style=_CHOOSE_STYLE,
        elem_id=elem_id,
        upload_selector=upload_selector,
    )


def create_notice(*, elem_id: str) -> gr.HTML:
    """A line that is read out as soon as it appears: why a radiograph has no answer."""
    return _component(None, _NOTICE, _LINE_SCRIPT, elem_id=elem_id)


def create_line(value: Line | None, *, elem_id: str) -> gr.HTML:
    """A line of text."""
    return _component(value, _LINE, _LINE_SCRIPT, elem_id=elem_id)


def _component(
    value: Line | None, template: str, script: str, *, style: str = "", elem_id: str, **props: Any
) -> gr.HTML:
    return gr.HTML(
        value,
        html_template=template,
        css_template=style,
        js_on_load=script,
        apply_default_css=False,
        elem_id=elem_id,
        texts=all_texts(),
        **props,
    )


def outcome_line(outcome: Outcome) -> Line:
    """What the notice says of a file that was not answered."""
    if outcome.reasons:
        return {
            "text": "refused",
            "values": {"name": outcome.file},
            "reasons": message_values(outcome.reasons),
        }
    return {"text": "unread", "detail": outcome.detail}


def problem_line(error: CXRError | None) -> Line:
    """What the notice says of an error; None stands for one of no known kind."""
    if error is None:
        return {"text": "failed"}
    unread = isinstance(error, RadiographError)
    return {"text": "unread" if unread else "model_failed", "detail": str(error)}


def model_line(bundle: Bundle) -> Line:
    """Which model answers, and from where it was fetched if it does not come with the code."""
    values = {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256[:12]}
    if bundle.origin:
        return {"text": "model_ready_from", "values": {**values, "origin": bundle.origin}}
    return {"text": "model_ready", "values": values}
