"""What the heatmap and the answer are worth on this radiograph.

Where the heat lies, against the lungs; whether blurring the hottest tenth changes the answer more
than blurring a tenth elsewhere, as it does if the map is true to the network; and whether single
views, mirrored or moved a little, give the same verdict as the answer, which may be the mean of a
radiograph and its mirror image. All variants are one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from cxr.gate.lungs import LungFields
from cxr.messages import Language, Message

Image = npt.NDArray[np.float32]
Place = Literal["lungs", "between", "above", "below", "beside", "edge"]
# between: heart and mediastinum. above: neck and shoulders. below: under the diaphragm. beside:
# chest wall and arms. edge: the outermost twentieth, where markers and collimators are.
PLACES: tuple[Place, ...] = get_args(Place)

_TENTH = 0.1
_EDGE = 0.05
_SHIFT = 0.04  # of the side
_NOTHING = 0.05  # a change of the logit too small to speak of
# The hot places, moved by these shares of the side (down, right), around the edges: as much of the
# radiograph, in pieces of the same shape.
_ELSEWHERE = ((0.5, 0.25), (0.3, 0.6))


@dataclass(frozen=True, eq=False, kw_only=True)
class Checks:
    """What is known of one answer.

    Attributes:
        heat: share of the heat in each of `PLACES`; they sum to 1, or are all 0 without heat.
        hottest: by how much blurring the hottest tenth of the radiograph lowers the logit.
        elsewhere: the same for a tenth elsewhere, on average.
        variants: probabilities of single views: as the radiograph is, mirrored, moved either way.
    """

    heat: dict[Place, float]
    hottest: float
    elsewhere: float
    variants: dict[str, float]

    def holds(self, probability: float, threshold: float) -> bool:
        """Whether every single view is on the answer's own side of a threshold."""
        called = probability >= threshold
        return all((variant >= threshold) == called for variant in self.variants.values())

    def messages(self, probability: float, threshold: float) -> list[Message]:
        """In words: where the heat is, what blurring it does, whether the verdict holds."""
        holds = self.holds(probability, threshold)
        return [*self.of_heat(), Message("verdict_holds" if holds else "verdict_wavers")]

    def of_heat(self) -> list[Message]:
        """In words: where the heat is, and what blurring it does."""
        if not sum(self.heat.values()):
            return [Message("heat_none")]
        rest = max((place for place in PLACES if place != "lungs"), key=self.heat.__getitem__)
        shares = {"lungs": round(100 * self.heat["lungs"]), "rest": round(100 * self.heat[rest])}
        if self.hottest > 2 * max(self.elsewhere, _NOTHING):
            worth = "heat_matters"
        elif self.hottest > max(self.elsewhere, _NOTHING):
            worth = "heat_matters_little"
        else:
            worth = "heat_misleads"
        return [Message(f"heat_{rest}", shares), Message(worth)]


def heat_by_place(heat: Image, fields: LungFields) -> dict[Place, float]:
    """Share of the heat in each of `PLACES`.

    Args:
        heat: float32 of any shape, at least 0.
        fields: of the same radiograph.
    """
    side = fields.mask.shape[0]
    heat = np.asarray(cv2.resize(heat, (side, side), interpolation=cv2.INTER_LINEAR))
    total = float(heat.sum())
    if total <= 0:
        return dict.fromkeys(PLACES, 0.0)
    places = _places(fields)
    shares = {place: float(heat[places == i].sum()) for i, place in enumerate(PLACES)}
    return {place: share / total for place, share in shares.items()}


def _places(fields: LungFields) -> npt.NDArray[np.int64]:
    """Which of `PLACES` each point (S, S) belongs to."""
    mask = fields.mask
    side = mask.shape[0]
    y, x = np.mgrid[:side, :side]
    places = np.full(mask.shape, PLACES.index("beside"))
    if mask.any():
        rows, columns = np.nonzero(mask)
        within = (x >= columns.min()) & (x <= columns.max())
        # Left and right of each row's outermost lung is the chest wall; in between, the heart.
        seen = np.maximum.accumulate(mask, axis=1)
        ahead = np.maximum.accumulate(mask[:, ::-1], axis=1)[:, ::-1]
        places[seen & ahead] = PLACES.index("between")
        # The diaphragm is the lower edge of either field, and ends with it.
        under = (
            np.maximum.accumulate(mask, axis=0) & ~np.maximum.accumulate(mask[::-1], axis=0)[::-1]
        )
        places[(under & within) | (y > rows.max())] = PLACES.index("below")
        places[y < rows.min()] = PLACES.index("above")
    edge = max(1, round(_EDGE * side))
    outer = np.minimum.reduce([x, y, side - 1 - x, side - 1 - y]) < edge
    places[outer] = PLACES.index("edge")
    places[mask] = PLACES.index("lungs")
    return places


def examine(
    image: Image,
    heat: Image,
    fields: LungFields,
    *,
    logits: Callable[[Image], npt.NDArray[np.float32]],
    probability: Callable[[float], float],
) -> Checks:
    """Put one answer to the test.

    Args:
        image: float32 (S, S) in [0, 1], as it reached the network before normalisation.
        heat: float32 (h, w), at least 0.
        fields: the radiograph's lungs.
        logits: of radiographs (N, S, S), as one batch, each on its own; (N,).
        probability: of a logit.
    """
    side = image.shape[0]
    hot = _hottest_tenth(heat, side)
    blurred = np.asarray(cv2.GaussianBlur(image, (0, 0), side / 16), dtype=np.float32)
    moved = [
        np.roll(hot, (round(down * side), round(right * side)), (0, 1))
        for down, right in _ELSEWHERE
    ]
    variants = {
        "mirrored": np.ascontiguousarray(image[:, ::-1]),
        "moved up": _move(image, -_SHIFT),
        "moved down": _move(image, _SHIFT),
    }
    answers = logits(
        np.stack(
            [image, *(_exchange(image, blurred, m) for m in [hot, *moved]), *variants.values()]
        )
    )
    as_it_is, without_hottest, *others = (float(answer) for answer in answers)
    without_others, varied = others[: len(moved)], others[len(moved) :]
    return Checks(
        heat=heat_by_place(heat, fields),
        hottest=as_it_is - without_hottest,
        elsewhere=as_it_is - sum(without_others) / len(without_others),
        variants={"as it is": probability(as_it_is)}
        | {name: probability(logit) for name, logit in zip(variants, varied, strict=True)},
    )


def _hottest_tenth(heat: Image, side: int) -> Image:
    """A soft mask (side, side) over the tenth of the radiograph with the most heat."""
    smooth = cv2.resize(heat, (side, side), interpolation=cv2.INTER_CUBIC)
    # Where all is cold alike, places are told apart by where they are.
    order = np.argsort(smooth, axis=None, kind="stable")
    mask = np.zeros(smooth.size, dtype=np.float32)
    mask[order[-round(_TENTH * mask.size) :]] = 1
    softened = cv2.GaussianBlur(mask.reshape(side, side), (0, 0), side / 64)
    return np.asarray(softened, dtype=np.float32)


def _exchange(image: Image, blurred: Image, mask: Image) -> Image:
    return image * (1 - mask) + blurred * mask


def _move(image: Image, share: float) -> Image:
    """Moved down and to the right by a share of the side; the edge is repeated."""
    side = image.shape[0]
    offset = share * side
    affine = np.array([[1, 0, offset], [0, 1, offset]])
    moved = cv2.warpAffine(image, affine, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.float32)


def sentence(messages: Sequence[Message], language: Language = "en") -> str:
    """Findings as one line."""
    line = "; ".join(message.say(language) for message in messages)
    return f"{line[:1].upper()}{line[1:]}."
