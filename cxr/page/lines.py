"""The page's small components: lines of text in the reader's language, and buttons.

Each is a template whose elements name their texts (`data-t`); the browser fills them in.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from cxr.errors import CXRError, NotAChestRadiograph
from cxr.model.bundle import Bundle
from cxr.page.texts import LANGUAGES
from cxr.page.viewer import message_values

_HEADER = """
<header>
  <div>
    <h1 data-t="title"></h1>
    <p data-t="disclaimer" id="disclaimer"></p>
    <nav data-t-label="views">
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
cxr.onLanguage(() => {
  cxr.translate(element, props.texts[cxr.language]);
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
cxr.onLanguage(() => cxr.translate(element, props.texts[cxr.language]));
element.addEventListener("click", () => document.querySelector(props.upload_selector)?.click());
"""

_NOTICE = '<div role="alert"><p class="said"></p><p class="detail" lang="en"></p></div>'
_NOTICE_SCRIPT = """
const { cxr } = window;
const show = () => {
  const problem = props.value;
  const texts = props.texts[cxr.language];
  const [said, detail] = element.querySelectorAll("p");
  said.textContent = "";
  detail.textContent = problem?.detail ?? "";
  if (!problem) return;
  const reasons = (problem.reasons ?? [])
    .map(({ code, values }) => cxr.fill(texts.messages[code], values));
  const end = reasons.length ? "." : "";
  said.textContent =
    cxr.fill(texts[problem.text], { ...problem.values, reasons: reasons.join("; ") }) + end;
};
watch("value", show);
cxr.onLanguage(show);
"""

_LINE = "<p></p>"
_LINE_SCRIPT = """
const { cxr } = window;
const show = () => {
  const line = props.value;
  const texts = props.texts[cxr.language];
  const values = { ...line?.values };
  for (const [name, key] of Object.entries(line?.parts ?? {})) {
    values[name] = values[name] ? cxr.fill(texts[key], values) : "";
  }
  element.querySelector("p").textContent = line ? cxr.fill(texts[line.text], values) : "";
};
watch("value", show);
cxr.onLanguage(show);
"""

Line = dict[str, Any]  # text: key of the texts; values: what it names


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
    """Why a radiograph has no answer; its value is what `problem_value` gives, or None."""
    return _component(None, _NOTICE, _NOTICE_SCRIPT, elem_id=elem_id)


def create_line(value: Line | None, *, elem_id: str) -> gr.HTML:
    """One line of text."""
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
        texts=LANGUAGES,
        **props,
    )


def problem_value(error: CXRError | None) -> Line:
    """What the notice says of an error; None is one that nobody foresaw."""
    if error is None:
        return {"text": "failed"}
    if isinstance(error, NotAChestRadiograph):
        return {
            "text": "refused",
            "values": {"name": error.name},
            "reasons": message_values(error.gate_result.reasons),
        }
    return {"text": "unread", "detail": str(error)}


def model_line(bundle: Bundle) -> Line:
    """Which model answers."""
    return {
        "text": "model_ready",
        "values": {
            "name": bundle.name,
            "version": bundle.version,
            "sha256": bundle.sha256[:12],
            "origin": bundle.origin or "",
            "population": bundle.config["trained_on"].get("population", "–"),
        },
        "parts": {"origin": "model_origin"},
    }
