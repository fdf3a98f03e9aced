"""What the lung network answers, and the two lung fields as shapes.

The network itself is built in `training.networks.lung_network`; this module needs no Keras.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

Kind = Literal["frontal", "turned", "lateral", "ct", "bones", "other"]
# frontal: a frontal chest radiograph, upright, with dark lungs. turned: the same, but upside down,
# on its side, or with inverted greys. bones: radiographs of other parts of the body. other:
# photographs, drawings, documents, textures.
KINDS: tuple[Kind, ...] = get_args(Kind)

Mask = npt.NDArray[np.bool_]

_INSIDE = 0.5  # from this probability a pixel belongs to a lung
_UNCERTAIN = (0.2, 0.8)  # probabilities between which the network is uncertain of a pixel


@dataclass(frozen=True, kw_only=True)
class LungNetworkConfig:
    """What the lung network is built from; saved beside its weights.

    Attributes:
        size: side S of the square input, in pixels; divisible by 16.
        widths: channels at sides S, S/2, S/4, S/8 and S/16.
    """

    size: int = 128
    widths: tuple[int, ...] = (8, 16, 32, 64, 96)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> LungNetworkConfig:
        """The configuration of a gate's ``gate.json``.

        Raises:
            KeyError, TypeError, ValueError: it is incomplete or malformed.
        """
        return cls(size=int(document["size"]), widths=tuple(map(int, document["widths"])))


@dataclass(frozen=True, eq=False, kw_only=True)
class LungReading:
    """What the lung network answers for N images.

    Attributes:
        lungs: float32 (N, S, S) in [0, 1], the probability that a pixel lies inside a lung.
        kinds: float32 (N, K), the probability of each of `KINDS`.
        adult: float32 (N,) in [0, 1], the probability that a chest radiograph is an adult's; it
            means nothing for other images.
        embedding: float32 (N, E), the features that kinds and adults are told by.
    """

    lungs: npt.NDArray[np.float32]
    kinds: npt.NDArray[np.float32]
    adult: npt.NDArray[np.float32]
    embedding: npt.NDArray[np.float32]

    @classmethod
    def from_logits(cls, answer: dict[str, npt.NDArray[np.float32]]) -> LungReading:
        """From the network's outputs; see `training.networks.lung_network.build_lung_network`."""
        kinds = np.exp(answer["kind"] - answer["kind"].max(axis=1, keepdims=True))
        return cls(
            lungs=_sigmoid(answer["lungs"][..., 0]),
            kinds=kinds / kinds.sum(axis=1, keepdims=True),
            adult=_sigmoid(answer["adult"][:, 0]),
            embedding=answer["embedding"],
        )


def _sigmoid(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -30, 30))), dtype=np.float32)


@dataclass(frozen=True, eq=False, kw_only=True)
class LungFields:
    """The two largest connected areas that the network takes for lungs.

    Attributes:
        mask: bool (S, S), inside either field.
        areas: fractions of the image that the larger and the smaller field cover; 0 for a field
            that is missing.
        cut: length of their outline that lies on the image's edge, relative to the rest of it.
        tilt: degrees between the line through the two centres and the horizontal, in [-90, 90],
            positive if the right-hand end is lower; 0 unless there are two fields. In the square
            that the image was made, not in the image.
        uncertainty: area where the network is uncertain whether it is lung, relative to the
            fields' area.
    """

    mask: Mask
    areas: tuple[float, float]
    cut: float
    tilt: float
    uncertainty: float

    @property
    def area(self) -> float:
        """Fraction of the image that both fields cover."""
        return sum(self.areas)


def lung_fields(lungs: npt.NDArray[np.float32]) -> LungFields:
    """Find the two lung fields.

    Args:
        lungs: float32 (S, S) in [0, 1], one of `LungReading.lungs`.
    """
    inside = (lungs > _INSIDE).astype(np.uint8)
    count, labelled, stats, centres = cv2.connectedComponentsWithStats(inside, connectivity=4)
    sizes = stats[1:, cv2.CC_STAT_AREA]  # label 0 is the background
    largest = 1 + np.argsort(sizes)[::-1][:2]
    mask = np.isin(labelled, largest) if count > 1 else np.zeros(lungs.shape, dtype=bool)
    areas = [float(stats[label, cv2.CC_STAT_AREA]) / lungs.size for label in largest]
    areas += [0.0] * (2 - len(areas))
    tilt = 0.0
    if len(largest) == 2:
        (x1, y1), (x2, y2) = sorted(tuple(centres[label]) for label in largest)
        tilt = float(np.degrees(np.arctan2(y2 - y1, max(x2 - x1, 1e-6))))
    uncertain = float(((lungs > _UNCERTAIN[0]) & (lungs < _UNCERTAIN[1])).mean())
    return LungFields(
        mask=mask,
        areas=(areas[0], areas[1]),
        cut=_cut(mask),
        tilt=tilt,
        uncertainty=uncertain / max(sum(areas), 1e-3),
    )


def _cut(mask: Mask) -> float:
    edge = mask[0].sum() + mask[-1].sum() + mask[:, 0].sum() + mask[:, -1].sum()
    # Erosion treats what lies beyond the image as inside, so it removes only the pixels along the
    # part of the outline that lies within the image.
    eroded = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8))
    return float(edge / max(mask.sum() - eroded.sum(), 1))
