"""Makes the checks of an answer: what becomes of it where radiograph or evidence is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np
import numpy.typing as npt

from cxr.checks import PLACES, Blurring, Checks, Place
from cxr.gate.lungs import LungFields
from cxr.model.evidence import EvidenceMap
from cxr.model.heatmap import MIN_SEEN, MIN_SHOWN
from cxr.model.operating_points import OperatingPoints

Image = npt.NDArray[np.float32]
_TENTH = 0.1
_EDGE = 0.05
_SHIFT = 0.04  # of the side
# The strongest tenth moved down and right by these fractions of the side, wrapping around at the
# edges: regions of the same size and shape that lie elsewhere.
_ELSEWHERE = ((0.5, 0.25), (0.3, 0.6))


class Checker:
    """Checks the answers of one model."""

    def __init__(
        self,
        compute_logits: Callable[[Image], Image],
        points: OperatingPoints,
        *,
        reference: float,
    ) -> None:
        """Take what the model is asked with.

        Args:
            compute_logits: gives the logits (N,) of images (N, S, S) in [0, 1].
            points: of the model.
            reference: the evidence that becomes 1 in the heatmap.
        """
        self._compute_logits, self._points, self._reference = compute_logits, points, reference

    def check(
        self,
        image: Image,
        positive_evidence: Image,
        fields: LungFields,
        *,
        views: Mapping[str, float],
        evidence: EvidenceMap | None,
    ) -> Checks:
        """Check one answer.

        Args:
            image: float32 (S, S) in [0, 1], as it was answered.
            positive_evidence: its evidence, float32 (h, w), at least 0.
            fields: its lung fields.
            views: logits of `variants`, by name.
            evidence: what the logit follows from; None for a network that has no such map.
        """
        without, explained = None, None
        if evidence is not None:
            shown = positive_evidence >= MIN_SHOWN * self._reference
            logit = evidence.logit(shown.astype(np.float32))
            without = self._points.probability(logit)
            explained = self._points.log_odds(evidence.logit()) - self._points.log_odds(logit)
        return Checks(
            places=evidence_by_place(positive_evidence, fields),
            blurring=self._blurring(image, positive_evidence, as_it_is=views["as it is"]),
            variants={name: self._points.probability(logit) for name, logit in views.items()},
            without=without,
            explained=explained,
        )

    def _blurring(
        self, image: Image, positive_evidence: Image, *, as_it_is: float
    ) -> Blurring | None:
        """What blurring the evidence does; None where the heatmap shows none."""
        if positive_evidence.max() < MIN_SEEN * self._reference:
            return None
        strongest, *others = self._compute_logits(blurred(image, positive_evidence)).tolist()
        return Blurring(as_it_is - strongest, as_it_is - sum(others) / len(others))


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
