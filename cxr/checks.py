"""Checks of one answer: what its heatmap and its verdict are worth on this radiograph.

Four questions: how the evidence is divided between the lungs and the rest of the image; how much of
the probability is due to the places that the heatmap shows; whether blurring the strongest
evidence, up to a tenth of the image, changes the answer more than blurring as much elsewhere, as it
must if the heatmap shows what the network goes by; and whether single views, mirrored or moved a
little, give the same verdict as the answer, which may be the mean over a radiograph and its mirror
image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from cxr.gate.lungs import LungFields
from cxr.messages import Message

Image = npt.NDArray[np.float32]
# What the heatmap is worth as an explanation of the answer; "none" where it shows no evidence.
Worth = Literal["supported", "weak", "not_supported", "none"]
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
_TENTH = 0.1
_EDGE = 0.05
_SHIFT = 0.04  # of the side
_NEGLIGIBLE = 0.05  # a change of the logit too small to count
# The strongest tenth moved down and right by these fractions of the side, wrapping around at the
# edges: regions of the same size and shape that lie elsewhere.
_ELSEWHERE = ((0.5, 0.25), (0.3, 0.6))


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
        evidence: fraction of the evidence in each of `PLACES`; they sum to 1, or are all 0 where
            there is no evidence.
        blurring: what blurring the evidence does; None where the heatmap shows none.
        variants: probabilities of single views: as it is, mirrored, moved up, moved down.
        without: the probability without the places that the heatmap shows; None where it follows
            from no map.
        explained: by how much the calibrated log odds are lower without them; None likewise.
    """

    evidence: dict[Place, float]
    blurring: Blurring | None
    variants: dict[str, float]
    without: float | None = None
    explained: float | None = None

    @property
    def worth(self) -> Worth:
        """What the heatmap is worth as an explanation of the answer."""
        if self.blurring is None:
            return "none"
        lungs, effect = self.evidence["lungs"], self.blurring.effect
        if lungs < _HALF_LUNGS or effect == "does_not_matter":
            return "not_supported"
        if lungs < _MOSTLY_LUNGS or effect == "matters_little" or not self._accounts():
            return "weak"
        return "supported"

    @property
    def why(self) -> Literal["means", "outside", "blurred"]:
        """Last part of the message's key, ``worth_WORTH_WHY``: why the heatmap is worth that."""
        least = {"not_supported": _HALF_LUNGS, "weak": _MOSTLY_LUNGS}.get(self.worth)
        if least is None:
            return "means"
        return "outside" if self.evidence["lungs"] < least else "blurred"

    @property
    def regions(self) -> tuple[float, float, float]:
        """Fractions of the evidence in the lungs, between them, and outside."""
        lungs, between = self.evidence["lungs"], self.evidence["between"]
        return lungs, between, sum(self.evidence.values()) - lungs - between

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
        rest = max((place for place in PLACES if place != "lungs"), key=self.evidence.__getitem__)
        percents = {
            "lungs": round(100 * self.evidence["lungs"]),
            "rest": round(100 * self.evidence[rest]),
        }
        all_of_it = percents["lungs"] == 100
        said = [Message("evidence_lungs") if all_of_it else Message(f"evidence_{rest}", percents)]
        said.append(Message(f"blurring_{self.blurring.effect}"))
        if self.without is not None:
            disagree = self.blurring.effect == "does_not_matter" and self._accounts()
            percent = {"percent": _shown_percent(self.without)}
            said.append(
                Message("tests_disagree", percent) if disagree else Message("without_heat", percent)
            )
        return said

    def _accounts(self) -> bool:
        """Whether the places that the heatmap shows account for the answer."""
        return self.explained is None or self.explained >= _ACCOUNTS


def _shown_percent(probability: float) -> float:
    """With one decimal, and never 0 or 100 %: no answer is that certain. As rules.js has it."""
    return min(99.9, max(0.1, math.floor(1000 * probability + 0.5) / 10))


def evidence_by_place(evidence: Image, fields: LungFields) -> dict[Place, float]:
    """Fraction of the evidence in each of `PLACES`.

    Args:
        evidence: float32 (h, w) of any size, at least 0.
        fields: lung fields of the same radiograph.
    """
    side = fields.mask.shape[0]
    evidence = np.asarray(cv2.resize(evidence, (side, side), interpolation=cv2.INTER_LINEAR))
    total = float(evidence.sum())
    if total <= 0:
        return dict.fromkeys(PLACES, 0.0)
    places = _places(fields)
    sums = {place: float(evidence[places == i].sum()) for i, place in enumerate(PLACES)}
    return {place: part / total for place, part in sums.items()}


def _places(fields: LungFields) -> npt.NDArray[np.int64]:
    """Index into `PLACES` of each pixel: int64 (S, S)."""
    mask = fields.mask
    side = mask.shape[0]
    y, x = np.mgrid[:side, :side]
    places = np.full(mask.shape, PLACES.index("beside"))
    if mask.any():
        rows, _ = np.nonzero(mask)
        # In each row, the heart lies between lung pixels and the chest wall outside them.
        after_lung = np.maximum.accumulate(mask, axis=1)
        before_lung = np.maximum.accumulate(mask[:, ::-1], axis=1)[:, ::-1]
        places[after_lung & before_lung] = PLACES.index("between")
        # The lower edge of each lung field is taken as the diaphragm.
        under = (
            np.maximum.accumulate(mask, axis=0) & ~np.maximum.accumulate(mask[::-1], axis=0)[::-1]
        )
        places[under | (y > rows.max())] = PLACES.index("below")
        places[y < rows.min()] = PLACES.index("above")
    edge = max(1, round(_EDGE * side))
    outer = np.minimum.reduce([x, y, side - 1 - x, side - 1 - y]) < edge
    places[outer] = PLACES.index("edge")
    places[mask] = PLACES.index("lungs")
    return places


def variants(image: Image) -> dict[str, Image]:
    """Single views of an image (S, S), by name: as it is, mirrored, moved towards two corners."""
    return {
        "as it is": image,
        "mirrored": np.ascontiguousarray(image[:, ::-1]),
        "moved up": _move(image, -_SHIFT),
        "moved down": _move(image, _SHIFT),
    }


def blurred(image: Image, evidence: Image) -> Image:
    """An image with the strongest evidence blurred, up to a tenth of it, then with other places.

    Args:
        image: float32 (S, S) in [0, 1].
        evidence: float32 (h, w), at least 0.

    Returns:
        float32 (N, S, S) in [0, 1].
    """
    side = image.shape[0]
    strongest = _strongest_tenth(evidence, side)
    masks = [strongest] + [
        np.roll(strongest, (round(down * side), round(right * side)), (0, 1))
        for down, right in _ELSEWHERE
    ]
    soft = np.asarray(cv2.GaussianBlur(image, (0, 0), side / 16), dtype=np.float32)
    return np.stack([image * (1 - mask) + soft * mask for mask in masks])


def summarize(
    evidence: Image,
    fields: LungFields,
    *,
    of_variants: Mapping[str, float],
    of_blurred: Sequence[float] | None,
    probability: Callable[[float], float],
    without: float | None,
    explained: float | None,
) -> Checks:
    """The checks that follow from the network's answers to variants and blurred images.

    Args:
        evidence: float32 (h, w), at least 0.
        fields: the radiograph's lung fields.
        of_variants: logits of `variants`, by name.
        of_blurred: logits of `blurred`; None where the heatmap shows no evidence.
        probability: gives the calibrated probability of a logit.
        without: see `Checks`.
        explained: see `Checks`.
    """
    blurring = None
    if of_blurred is not None:
        as_it_is, (strongest, *others) = of_variants["as it is"], of_blurred
        blurring = Blurring(as_it_is - strongest, as_it_is - sum(others) / len(others))
    return Checks(
        evidence=evidence_by_place(evidence, fields),
        blurring=blurring,
        variants={name: probability(logit) for name, logit in of_variants.items()},
        without=without,
        explained=explained,
    )


def _strongest_tenth(evidence: Image, side: int) -> Image:
    """A soft mask in [0, 1], float32 (side, side), over the tenth with the strongest evidence.

    Where less than a tenth has any evidence, the mask covers only that.
    """
    smooth = np.asarray(cv2.resize(evidence, (side, side), interpolation=cv2.INTER_LINEAR))
    # A stable sort: where the evidence is equal, the pixels' order decides, so that the mask does
    # not cover more than a tenth.
    order = np.argsort(smooth, axis=None, kind="stable")
    mask = np.zeros(smooth.size, dtype=np.float32)
    mask[order[-round(_TENTH * mask.size) :]] = 1
    mask[smooth.ravel() <= 0] = 0
    softened = cv2.GaussianBlur(mask.reshape(side, side), (0, 0), side / 64)
    return np.asarray(softened, dtype=np.float32)


def _move(image: Image, fraction: float) -> Image:
    """Moved down and to the right by a fraction of the side; the edge is repeated."""
    side = image.shape[0]
    offset = fraction * side
    affine = np.array([[1, 0, offset], [0, 1, offset]])
    moved = cv2.warpAffine(image, affine, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.float32)
