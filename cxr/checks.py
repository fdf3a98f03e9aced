"""Checks of one answer: what its heatmap and its verdict are worth; `cxr.checker` makes them.

Four questions: how the evidence is divided between the lungs and the rest of the image; how much of
the probability is due to the places that the heatmap shows; whether blurring the strongest
evidence, up to a tenth of the image, changes the answer more than blurring as much elsewhere, as it
must if the heatmap shows what the network goes by; and whether single views, mirrored or moved a
little, give the same verdict as the answer, which may be the mean over a radiograph and its mirror
image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from cxr.messages import Message

# What the heatmap is worth as an explanation of the answer; "none" where it shows no evidence.
Worth = Literal["supported", "weak", "not_supported", "none"]
Why = Literal["means", "outside", "blurred"]  # which sentence explains it
Effect = Literal["matters", "matters_little", "does_not_matter"]  # of blurring, on the answer
Place = Literal["lungs", "between", "above", "below", "beside", "edge"]
# between: heart and mediastinum. above: neck and shoulders. below: below the diaphragm. beside:
# chest wall and arms. edge: the outermost twentieth, where markers and collimators are.
WORTHS: tuple[Worth, ...] = get_args(Worth)
PLACES: tuple[Place, ...] = get_args(Place)

_MOSTLY_LUNGS = 0.75  # of the evidence, for it to support the answer
_HALF_LUNGS = 0.5
# By how much the log odds have to fall without the places shown, for these to account for the
# answer: to a third of the odds.
_ACCOUNTS = float(np.log(3))
_NEGLIGIBLE = 0.05  # a change of the logit too small to count


@dataclass(frozen=True)
class Blurring:
    """By how much the logit falls when up to a tenth of the image is blurred.

    Attributes:
        strongest: the strongest evidence.
        elsewhere: as much elsewhere, on average.
    """

    strongest: float
    elsewhere: float

    @property
    def effect(self) -> Effect:
        """Whether the answer depends on the strongest evidence more than on other places."""
        elsewhere = max(self.elsewhere, _NEGLIGIBLE)
        if self.strongest > 2 * elsewhere:
            return "matters"
        if self.strongest > elsewhere:
            return "matters_little"
        return "does_not_matter"


@dataclass(frozen=True, eq=False, kw_only=True)
class Checks:
    """What the checks of one answer measured.

    Attributes:
        places: fraction of the evidence in each of `PLACES`; they sum to 1, or are all 0 where
            there is no evidence.
        blurring: what blurring the evidence does; None where the heatmap shows none.
        variants: probabilities of single views: as it is, mirrored, moved up, moved down.
        without: the probability without the places that the heatmap shows; None where it follows
            from no map.
        explained: by how much the calibrated log odds are lower without them; None likewise.
    """

    places: dict[Place, float]
    blurring: Blurring | None
    variants: dict[str, float]
    without: float | None = None
    explained: float | None = None

    @property
    def worth(self) -> Worth:
        """What the heatmap is worth as an explanation of the answer."""
        if self.blurring is None:
            return "none"
        lungs, effect = self.places["lungs"], self.blurring.effect
        if lungs < _HALF_LUNGS or effect == "does_not_matter":
            return "not_supported"
        if lungs < _MOSTLY_LUNGS or effect == "matters_little" or not self._accounts():
            return "weak"
        return "supported"

    @property
    def why(self) -> Why:
        """Which sentence explains `worth`; ends its key, ``worth_WORTH_WHY``.

        The evidence lies outside the lungs, blurring it has too little effect, or the general one.
        """
        least = {"not_supported": _HALF_LUNGS, "weak": _MOSTLY_LUNGS}.get(self.worth)
        if least is None:
            return "means"
        return "outside" if self.places["lungs"] < least else "blurred"

    @property
    def regions(self) -> tuple[float, float, float]:
        """Fractions of the evidence in the lungs, between them, and outside."""
        lungs, between = self.places["lungs"], self.places["between"]
        return lungs, between, sum(self.places.values()) - lungs - between

    def holds(self, probability: float, verdict: Callable[[float], str]) -> bool:
        """Whether every single view gets the verdict of the answer.

        Args:
            probability: of the answer.
            verdict: gives the verdict of a probability.
        """
        return all(verdict(view) == verdict(probability) for view in self.variants.values())

    def messages(self, probability: float, verdict: Callable[[float], str]) -> list[Message]:
        """In words: what `of_evidence` says, and whether the verdict holds."""
        all_of_them = (probability, *self.variants.values())
        between = {
            "low": _shown_percent(min(all_of_them)),
            "high": _shown_percent(max(all_of_them)),
        }
        if not self.holds(probability, verdict):
            views = Message("views_differ", between)
        elif verdict(probability) == "UNCERTAIN":
            views = Message("views_uncertain", between)
        else:
            views = Message("views_agree", between)
        return [*self.of_evidence(), views]

    def of_evidence(self) -> list[Message]:
        """In words: where the evidence is, what blurring it does, and the answer without it."""
        if self.blurring is None:
            return [Message("no_evidence")]
        rest = max((place for place in PLACES if place != "lungs"), key=self.places.__getitem__)
        lungs, between, outside = whole_percents(self.regions)
        whole = between if rest == "between" else min(outside, round(100 * self.places[rest]))
        percents = {"lungs": lungs, "rest": whole}
        all_of_it = percents["lungs"] == 100
        said = [Message("evidence_lungs") if all_of_it else Message(f"evidence_{rest}", percents)]
        said.append(Message(f"blurring_{self.blurring.effect}"))
        if self.without is not None:
            disagree = self.blurring.effect == "does_not_matter" and self._accounts()
            percent = {"percent": _shown_percent(self.without)}
            said.append(
                Message("tests_disagree", percent)
                if disagree
                else Message("without_shown_places", percent)
            )
        return said

    def _accounts(self) -> bool:
        """Whether the places that the heatmap shows account for the answer."""
        return self.explained is None or self.explained >= _ACCOUNTS


def whole_percents(fractions: Sequence[float]) -> list[int]:
    """Fractions that sum to 1 as whole per cents that sum to 100. As rules.js has it."""
    exact = [100 * fraction for fraction in fractions]
    whole = [math.floor(value) for value in exact]
    missing = math.floor(sum(exact) + 0.5) - sum(whole)
    by_loss = sorted(range(len(exact)), key=lambda i: whole[i] - exact[i])
    for i in by_loss[:missing]:
        whole[i] += 1
    return whole


def _shown_percent(probability: float) -> float:
    """With one decimal, and never 0 or 100 %: no answer is that certain. As rules.js has it."""
    return min(99.9, max(0.1, math.floor(1000 * probability + 0.5) / 10))
