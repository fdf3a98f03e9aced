"""About the model: curves of what its evaluation measured, and its card in both languages."""

from __future__ import annotations

import gradio as gr

from cxr.card import CARD_ERRORS, write_card
from cxr.model.bundle import CARD, Bundle
from cxr.page.components import create_line
from cxr.page.sent_values import CurvesValue

_TEMPLATE = """
<div class="curves">
  <figure>
    <svg viewBox="-64 -12 348 306" role="img" data-t-label="roc_label">
      <path class="axes" d="${value.axes}"></path>
      <g>${value.up}${value.across}</g>
      <path class="chance" d="M0 250L250 0"></path>
      <path class="line" d="${value.roc}"></path>
      <g>${value.stops.map(s => `<circle cx="${s.x}" cy="${s.y}" r="4"></circle>`).join("")}</g>
      <text x="125" y="288" data-t="roc_x"></text>
      <text transform="translate(-52 125) rotate(-90)" data-t="sensitivity"></text>
    </svg>
    <figcaption data-t="roc_caption"></figcaption>
  </figure>
  <figure>
    <svg viewBox="-64 -12 348 306" role="img" data-t-label="threshold_label">
      <path class="axes" d="${value.axes}"></path>
      <g>${value.up}${value.across}</g>
      <path class="line" d="${value.sensitivity}"></path>
      <path class="line other" d="${value.specificity}"></path>
      <g>${value.thresholds.map(x => `<path class="chance" d="M${x} 0V250"></path>`).join("")}</g>
      <text x="125" y="288" data-t="threshold"></text>
      <text transform="translate(-52 125) rotate(-90)" data-t="fraction"></text>
    </svg>
    <figcaption data-t="threshold_caption"></figcaption>
  </figure>
</div>
"""
_STYLE = """
.curves { display: flex; flex-wrap: wrap; gap: 2rem; }
figure { margin: 0; width: min(21rem, 100vw - 4rem); }
svg { width: 100%; }
path { fill: none; stroke: var(--body-text-color); }
.axes { stroke-width: 1; }
.chance { stroke: var(--quiet); stroke-width: 2; stroke-dasharray: 0 6; stroke-linecap: round; }
.line { stroke: #c2410c; stroke-width: 2.5; }
.line.other { stroke: #0f766e; stroke-dasharray: 9 4; }
circle { fill: #c2410c; }
text { fill: var(--body-text-color); font-size: 12px; text-anchor: middle; }
.beside { text-anchor: end; }
figcaption { font-size: 0.85rem; line-height: 1.45; color: var(--quiet); }
"""
_SCRIPT = """
const { cxr } = window;
const { say } = cxr;
cxr.onChange(() => {
  cxr.translate(element, say);
  for (const tick of element.querySelectorAll("[data-percent]")) {
    tick.textContent = cxr.percent(Number(tick.dataset.percent), 0);
  }
});
"""
_SIDE = 250  # of a plot, in SVG units
_TICKS = {share: round(_SIDE * share) for share in (0, 0.25, 0.5, 0.75, 1)}


def create_curves(bundle: Bundle, *, elem_id: str) -> gr.HTML:
    """ROC curve, and sensitivity and specificity by threshold, as the bundle's curve has them."""
    return gr.HTML(
        _curves(bundle),
        html_template=_TEMPLATE,
        css_template=_STYLE,
        js_on_load=_SCRIPT,
        apply_default_css=False,
        elem_id=elem_id,
    )


def _curves(bundle: Bundle) -> CurvesValue:
    points = bundle.operating_points
    stops = (points.high_sensitivity, points.threshold, points.high_specificity)
    at = [points.at(stop) for stop in stops]
    return {
        "axes": "M0 0V250H260" + "".join(f"M0 {at}H-4M{at} 250V254" for at in _TICKS.values()),
        # The browser writes the numbers.
        "up": "".join(
            f'<text class="beside" x="-8" y="{_SIDE - at + 4}" data-percent="{share}"></text>'
            for share, at in _TICKS.items()
        ),
        "across": "".join(
            f'<text x="{at}" y="268" data-percent="{share}"></text>' for share, at in _TICKS.items()
        ),
        "roc": _path([(1 - p.specificity, p.sensitivity) for p in points.curve]),
        "sensitivity": _path([(p.threshold, p.sensitivity) for p in points.curve]),
        "specificity": _path([(p.threshold, p.specificity) for p in points.curve]),
        "stops": [{"x": _SIDE * (1 - p.specificity), "y": _SIDE * (1 - p.sensitivity)} for p in at],
        "thresholds": [_SIDE * stop for stop in stops],
    }


def _path(points: list[tuple[float, float]]) -> str:
    """An SVG path through points (x, y) in [0, 1]; y points up, unlike in SVG."""
    return "M" + "L".join(f"{_SIDE * x:.2f} {_SIDE * (1 - y):.2f}" for x, y in points)


def create_about(bundle: Bundle) -> None:
    """The model's card in each language, with the curves below its facts.

    `page.css` shows the card in the reader's language. A bundle of another version may lack a
    figure that a card needs: then its own card, in English, is all there is.
    """
    cards = {"en": _stored_card(bundle), "fr": _french_card(bundle)}
    if cards["fr"] is None:
        create_line({"text": "card_language"}, elem_id="card-language")
    parts = {language: _parted(card) for language, card in cards.items() if card}
    for part in range(2):
        for language, card in parts.items():
            name = f"card-{language}" if len(parts) > 1 else "card"
            gr.Markdown(
                card[part],
                elem_id=name if part == 0 else f"{name}-rest",
                elem_classes=["card", f"in-{language}"] if len(parts) > 1 else ["card"],
            )
        if part == 0:
            create_curves(bundle, elem_id="curves")


def _parted(card: str) -> tuple[str, str]:
    """A card until the end of its first section, and from the second one on."""
    start = card.find("\n## ", card.find("\n## ") + 1)
    return (card, "") if start < 0 else (card[:start].strip(), card[start:].strip())


def _stored_card(bundle: Bundle) -> str:
    """The card as its author published it, without its front matter."""
    card = (bundle.folder / CARD).read_text(encoding="utf-8", errors="replace")
    if card.startswith("---\n"):
        card = card.partition("\n---\n")[2]
    return card.strip()


def _french_card(bundle: Bundle) -> str | None:
    figures = (bundle.config, bundle.operating_points, bundle.evaluation)
    try:
        return write_card(*figures, language="fr").strip()
    except CARD_ERRORS:
        return None
