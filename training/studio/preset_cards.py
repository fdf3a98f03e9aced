"""Cards of the presets: what each is, how long it takes, and what to expect of it."""

from __future__ import annotations

import html
from collections.abc import Callable

import gradio as gr

from cxr.language import Language
from cxr.messages import text
from training.fitting.presets import DOCUMENTS
from training.studio.html_parts import QUIET
from training.studio.words import language_of, shown

# What to expect of each, in the order in which it is said.
FIGURES = {
    "default": ("atypical", "folds", "heatmaps"),
    "baseline": ("held_out", "fold"),
    "tiny": (),
}


def create_preset_cards(page: gr.Blocks) -> dict[str, gr.Button]:
    """Create a card for each preset, the default first; returns the buttons that choose them."""
    buttons = {}
    with (
        gr.Accordion(shown("studio_cards"), open=True),
        gr.Row(elem_id="preset-cards", equal_height=True),
    ):
        for name in sorted(DOCUMENTS, key=lambda name: name != "default"):
            with gr.Column(min_width=260, elem_classes="preset-card"):
                card = gr.HTML(elem_id=f"card-{name}")
                buttons[name] = gr.Button(
                    shown("studio_card_choose"), size="sm", elem_id=f"start-from-{name}"
                )
            page.load(_drawing(name), None, card, **QUIET)
    return buttons


def _drawing(name: str) -> Callable[[gr.Request], str]:
    def draw(request: gr.Request) -> str:
        return card_html(name, language_of(request))

    return draw


def card_html(name: str, language: Language) -> str:
    """The card of a preset."""

    def said(part: str) -> str:
        return html.escape(text(f"preset_{name}_{part}", language))

    nothing = html.escape(text("studio_card_nothing", language))
    figures = "".join(f"<li>{said(figure)}</li>" for figure in FIGURES[name])
    return (
        f"<h4>{html.escape(name)}</h4><p>{said('what')}</p><dl>"
        f"<dt>{html.escape(text('studio_card_time', language))}</dt>"
        f"<dd>{said('time')}</dd>"
        f"<dt>{html.escape(text('studio_card_expected', language))}</dt><dd>"
        + (f"<ul>{figures}</ul>" if figures else nothing)
        + "</dd></dl>"
    )
