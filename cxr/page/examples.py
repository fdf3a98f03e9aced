"""Thumbnails of the example radiographs; a click on one opens it."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from cxr.messages import all_texts
from cxr.page.pictures import grey_data_uri, shrink
from cxr.reading.radiograph import read_radiograph

FOLDER = Path(__file__).parents[2] / "examples"
_THUMBNAIL_SIDE = 220

_TEMPLATE = """
<p data-t="examples"></p>
<div class="thumbnails">
  {{#each value}}
  <button type="button" data-index="{{this.index}}">
    <img src="{{this.thumbnail}}" alt="">
    <span data-kind="{{this.kind}}" data-number="{{this.number}}"></span>
  </button>
  {{/each}}
</div>
"""
_STYLE = """
p { margin: 0 0 0.5rem; font-size: 0.85rem; line-height: 1.35; }
.thumbnails {
  display: grid;
  grid-template-columns: repeat(auto-fill, minmax(4.6rem, 1fr));
  gap: 6px;
}
button {
  position: relative;
  padding: 0;
  border: 0;
  border-radius: 4px;
  overflow: hidden;
  cursor: pointer;
  background: #000;
}
button:hover, button:focus-visible { outline: 3px solid #3b82f6; outline-offset: 1px; }
img { display: block; width: 100%; aspect-ratio: 4 / 3; object-fit: cover; margin: 0; }
span {
  position: absolute;
  inset: auto 0 0;
  padding: 0.1rem 0.4rem;
  background: rgb(0 0 0 / 65%);
  color: #fff;
  font-size: 0.75rem;
  text-align: left;
}
"""
_SCRIPT = """
const { cxr } = window;
const say = cxr.speaker(props.texts);
cxr.onChange(() => {
  cxr.translate(element, say);
  element.querySelectorAll("[data-kind]").forEach((caption) => {
    const { kind, number } = caption.dataset;
    // Other files may lie in the folder of examples; they are shown by their own name.
    const known = `example_${kind}` in props.texts.en;
    caption.textContent = `${known ? say(`example_${kind}`) : kind} ${number}`;
  });
});
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const name = button.querySelector("span").textContent;
  const detail = { index: Number(button.dataset.index), name };
  document.dispatchEvent(new CustomEvent("cxr:open-example", { detail }));
});
"""


def create_examples(paths: list[Path], *, elem_id: str) -> gr.HTML:
    """A grid of thumbnails; a click on one opens it in the viewer.

    Args:
        paths: the examples; a file's stem is its kind and number, as ``viral_2``.
        elem_id: of the component.
    """
    thumbnails = [
        {
            "index": index,
            "kind": path.stem.partition("_")[0],
            "number": path.stem.partition("_")[2],
            "thumbnail": grey_data_uri(shrink(read_radiograph(path).pixels, _THUMBNAIL_SIDE)),
        }
        for index, path in enumerate(paths)
    ]
    return gr.HTML(
        thumbnails,
        html_template=_TEMPLATE,
        css_template=_STYLE,
        js_on_load=_SCRIPT,
        apply_default_css=False,
        elem_id=elem_id,
        texts=all_texts(),
    )


def list_examples() -> list[Path]:
    """The example radiographs in the order of their names; empty where they are not installed."""
    return sorted(FOLDER.glob("*.png"))
