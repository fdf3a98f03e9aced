"""The page's small components: header, buttons and lines of text.

Buttons on a radiograph are in `toolbar.js`, those of the list and the study in their own templates.

Each is a template whose elements name their texts by `data-t`, a key of `cxr/messages.toml`; the
browser fills them in and changes them with the language.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict

import gradio as gr

from cxr.language import Language
from cxr.model.bundle import Bundle

_HEADER = """
<header>
  <button type="button" class="skip" data-t="skip"></button>
  <div>
    <h1 data-t="title"></h1>
    <p id="disclaimer" tabindex="-1">
      <span data-t="disclaimer"></span>
      <span class="more" data-t="gate_can_be_wrong"></span>
    </p>
    <nav data-t-label="sections">
      <button type="button" data-view="one" data-t="view_one"></button>
      <button type="button" data-view="many" data-t="view_many"></button>
      <button type="button" data-view="study" data-t="view_study"></button>
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
.skip { position: absolute; left: -99rem; z-index: 10; background: var(--background-fill-primary); }
.skip:focus { left: 0.5rem; }
@media (max-width: 60rem) {
  h1 { font-size: 1.05rem; }
  header { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 0.3rem 0.5rem; }
  header > div:first-of-type { display: contents; }
  .switches { grid-area: 1 / 2; }
  #disclaimer, nav { grid-column: 1 / -1; margin: 0; min-width: 0; }
  nav { gap: 0.9rem; overflow-x: auto; }
  nav[data-more~="after"] { mask-image: linear-gradient(to left, transparent, #000 3rem); }
  nav[data-more~="before"] { mask-image: linear-gradient(to right, transparent, #000 3rem); }
  nav[data-more="before after"] {
    --seen: #000 3rem, #000 calc(100% - 3rem);
    mask-image: linear-gradient(to right, transparent, var(--seen), transparent);
  }
  .switches button { min-width: 44px; min-height: 44px; }
  nav button { min-height: 44px; font-size: 0.85rem !important; white-space: nowrap; }
  /* Beside a radiograph its first sentences, with the ages; a touch shows the rest. */
  body[data-shown] & #disclaimer:not(:focus) .more { display: none; }
}
@media (forced-colors: active) {
  nav button:not([aria-current="page"]) { border-color: Canvas !important; }
}
"""
_HEADER_SCRIPT = """
const { cxr } = window;
const { say } = cxr;
const nav = element.querySelector("nav");
cxr.sayMore(nav);
cxr.onChange(() => {
  cxr.translate(element, say);
  document.title = say("title");
  for (const button of element.querySelectorAll("[data-view]")) {
    const current = button.dataset.view === (document.body.dataset.view ?? "one");
    button.setAttribute("aria-current", current ? "page" : "false");
    // On a phone it may be out of sight; it is shown beside the edge that fades.
    if (current) nav.scrollLeft = button.offsetLeft - nav.offsetLeft - 56;
  }
});
element.addEventListener("click", (event) => {
  const view = event.target.closest("[data-view]")?.dataset.view;
  if (view) cxr.setView(view);
  if (event.target.closest(".skip")) {
    cxr.setView("one");
    document.querySelector("#viewer .stage").focus();
  }
  if (event.target.closest(".language")) cxr.setLanguage(cxr.language === "fr" ? "en" : "fr");
  if (event.target.closest(".theme")) cxr.setDark(!cxr.dark);
});
"""

_CHOOSE = """
<button type="button" data-t="choose"></button>
<label><input type="checkbox" class="read-first"><span data-t="read_first"></span></label>
"""
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
label {
  display: flex;
  gap: 0.4rem;
  align-items: center;
  margin-top: 0.5rem;
  font-size: 0.82rem;
  line-height: 1.3;
}
input { appearance: auto; flex: none; accent-color: var(--accent); }
@media (max-width: 60rem) {
  button, label { min-height: 44px; }
  /* Beside a radiograph there is room for it only where it changes what is shown. */
  body[data-shown] & label:not(:has(:checked)) { display: none; }
}
"""
_CHOOSE_SCRIPT = """
const { cxr } = window;
const { say } = cxr;
const first = element.querySelector(".read-first");
cxr.onChange(() => {
  cxr.translate(element, say);
  first.checked = cxr.readFirst;
});
element.addEventListener("change", () => cxr.setReadFirst(first.checked));
element.addEventListener("click", (event) => {
  if (event.target.closest("button")) document.dispatchEvent(new CustomEvent("cxr:choose"));
});
"""

# Gradio's own link, at the page's end, is in the browser's language, not in the reader's.
_API = '<button type="button" data-t="use_api"></button>'
_API_STYLE = """
button {
  padding: 0;
  border: 0;
  background: none;
  color: var(--quiet);
  font: inherit;
  font-size: 0.8rem;
  text-decoration: underline;
  cursor: pointer;
}
@media (max-width: 60rem) { button { min-height: 44px; } }
"""
_API_SCRIPT = """
const { cxr } = window;
const { say } = cxr;
cxr.onChange(() => cxr.translate(element, say));
element.addEventListener("click", () => document.querySelector("footer button").click());
"""

_LINE = '<div><p class="said"></p><p class="detail"></p></div>'
_LINE_SCRIPT = """
const { cxr } = window;
const { say } = cxr;
const show = () => {
  const { text, values, detail } = props.value;
  element.querySelector(".said").textContent = say(text, values);
  element.querySelector(".detail").textContent = detail?.[cxr.language] ?? "";
};
cxr.onChange(show);
"""


class Line(TypedDict):
    """A line of text, said by the browser in the reader's language.

    Keys:
        text: its key in `cxr/messages.toml`.
        values: what its sentence names in braces.
        detail: an error's own words in each language, shown below it.
    """

    text: str
    values: NotRequired[dict[str, str]]
    detail: NotRequired[dict[Language, str]]


def create_header(*, elem_id: str) -> gr.HTML:
    """Title, disclaimer, and switches of language and theme."""
    return _component(None, _HEADER, _HEADER_SCRIPT, style=_HEADER_STYLE, elem_id=elem_id)


def create_choose_button(*, elem_id: str) -> gr.HTML:
    """A button that opens the viewer's file dialogue."""
    return _component(None, _CHOOSE, _CHOOSE_SCRIPT, style=_CHOOSE_STYLE, elem_id=elem_id)


def create_api_button(*, elem_id: str) -> gr.HTML:
    """A button that opens the description of the endpoints."""
    return _component(None, _API, _API_SCRIPT, style=_API_STYLE, elem_id=elem_id)


def create_line(value: Line, *, elem_id: str) -> gr.HTML:
    """A line of text."""
    return _component(value, _LINE, _LINE_SCRIPT, elem_id=elem_id)


def _component(
    value: Line | None, template: str, script: str, *, style: str = "", elem_id: str
) -> gr.HTML:
    return gr.HTML(
        value,
        html_template=template,
        css_template=style,
        js_on_load=script,
        apply_default_css=False,
        elem_id=elem_id,
    )


def model_line(bundle: Bundle) -> Line:
    """Which model answers, and from where it was fetched if it does not come with the code."""
    values = {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256[:12]}
    if bundle.origin:
        return {"text": "model_ready_from", "values": {**values, "origin": bundle.origin}}
    return {"text": "model_ready", "values": values}
