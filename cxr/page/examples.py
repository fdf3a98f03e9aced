"""The example radiographs, to click on."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from cxr.page.pictures import grey_data_uri, shrink
from cxr.radiograph import read_radiograph

FOLDER = Path(__file__).parents[2] / "examples"
_THUMBNAIL_SIDE = 220

_TEMPLATE = """
<p>${label}</p>
<div class="thumbnails">
  {{#each value}}
  <button type="button" data-index="{{this.index}}">
    <img src="{{this.thumbnail}}" alt=""><span>{{this.caption}}</span>
  </button>
  {{/each}}
</div>
"""
_STYLE = """
p { margin: 0 0 0.5rem; font-size: 0.85rem; line-height: 1.35; }
.thumbnails {
  display: grid;
  grid-template-columns: repeat(auto-fill, minmax(6rem, 1fr));
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
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) trigger("select", { index: Number(button.dataset.index) });
});
"""


def create_examples(paths: list[Path], *, label: str, elem_id: str) -> gr.HTML:
    """A grid of thumbnails; its ``select`` event carries the ``index`` of the one clicked.

    Args:
        paths: the examples; a file's stem is its caption.
        label: the line above them.
        elem_id: of the component.
    """
    thumbnails = [
        {
            "index": index,
            "caption": path.stem.replace("_", " ").capitalize(),
            "thumbnail": grey_data_uri(shrink(read_radiograph(path).pixels, _THUMBNAIL_SIDE)),
        }
        for index, path in enumerate(paths)
    ]
    return gr.HTML(
        thumbnails,
        label=label,
        html_template=_TEMPLATE,
        css_template=_STYLE,
        js_on_load=_SCRIPT,
        apply_default_css=False,
        elem_id=elem_id,
    )


def list_examples() -> list[Path]:
    """The example radiographs in the order of their names; none where they were not shipped."""
    return sorted(FOLDER.glob("*.png"))
