"""Where the lungs are: the network's answer, and the two fields as shapes.

The network itself is in `cxr.gate.network`, so that this is read without Keras.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

Kind = Literal["frontal", "turned", "lateral", "ct", "bones", "other"]
# frontal: upright, lungs dark. turned: the same upside down, on its side, or with inverted greys.
# bones: radiographs of other parts. other: photographs, drawings, documents, textures.
KINDS: tuple[Kind, ...] = get_args(Kind)

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class LungNetworkConfig:
    """What the lung network is built from; saved beside its weights.

    Attributes:
        size: side S of the square input, in pixels; divisible by 16.
        widths: channels at sides S, S/2, S/4, S/8 and S/16.
    """

    size: int = 128
    widths: tuple[int, ...] = (12, 24, 40, 64, 96)


@dataclass(frozen=True, eq=False, kw_only=True)
class LungReading:
    """What the lung network says of N pictures.

    Attributes:
        lungs: float32 (N, S, S) in [0, 1]: probability of each place to lie inside a lung.
        kinds: float32 (N, K): probability of each of `KINDS`.
        adult: float32 (N,) in [0, 1]: probability that it is an adult's radiograph, if it is a
            radiograph.
        embedding: float32 (N, E): the features that kinds are told by.
    """

    lungs: npt.NDArray[np.float32]
    kinds: npt.NDArray[np.float32]
    adult: npt.NDArray[np.float32]
    embedding: npt.NDArray[np.float32]

    @classmethod
    def from_logits(cls, answer: dict[str, npt.NDArray[np.float32]]) -> LungReading:
        """From the network's outputs."""
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
    """The two largest fields of a radiograph, as shapes.

    Attributes:
        mask: (S, S), inside either field.
        areas: shares of the radiograph that the larger and the smaller cover; 0 where there is
            none.
        cut: length of their outline on the radiograph's edge, as a share of the rest of it.
        tilt: degrees by which the line through their middles leaves the horizontal, in [-90, 90],
            positive if the right-hand end is lower; 0 unless there are two.
        doubt: area of the places that are neither surely inside nor surely outside, as a share of
            the fields' area.
    """

    mask: Mask
    areas: tuple[float, float]
    cut: float
    tilt: float
    doubt: float

    @property
    def area(self) -> float:
        """Share of the radiograph that both cover."""
        return sum(self.areas)


def lung_fields(lungs: npt.NDArray[np.float32]) -> LungFields:
    """Find the two fields.

    Args:
        lungs: float32 (S, S) in [0, 1], as `LungReading` has them.
    """
    inside = (lungs > 0.5).astype(np.uint8)
    count, labelled, stats, middles = cv2.connectedComponentsWithStats(inside, connectivity=4)
    sizes = stats[1:, cv2.CC_STAT_AREA]
    largest = 1 + np.argsort(sizes)[::-1][:2]
    mask = np.isin(labelled, largest) if count > 1 else np.zeros(lungs.shape, dtype=bool)
    areas = [float(stats[label, cv2.CC_STAT_AREA]) / lungs.size for label in largest]
    areas += [0.0] * (2 - len(areas))
    tilt = 0.0
    if len(largest) == 2:
        (x1, y1), (x2, y2) = sorted(tuple(middles[label]) for label in largest)
        tilt = float(np.degrees(np.arctan2(y2 - y1, max(x2 - x1, 1e-6))))
    doubtful = float(((lungs > 0.2) & (lungs < 0.8)).mean())
    return LungFields(
        mask=mask,
        areas=(areas[0], areas[1]),
        cut=_cut_off(mask),
        tilt=tilt,
        doubt=doubtful / max(sum(areas), 1e-3),
    )


def _cut_off(mask: Mask) -> float:
    edge = mask[0].sum() + mask[-1].sum() + mask[:, 0].sum() + mask[:, -1].sum()
    # Beyond the edge counts as inside: what is left is the outline within the radiograph.
    eroded = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8))
    return float(edge / max(mask.sum() - eroded.sum(), 1))
