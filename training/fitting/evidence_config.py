"""The parts of a configuration that only the evidence network uses."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LocalConfig:
    """What the evidence network learns about places, and what images exchange with each other.

    All but the weights are fractions, probabilities or grey levels in [0, 1]; the weights are in
    [0, 10].

    Attributes:
        fraction: of each batch that is images of which the places of disease are known: normal
            ones, with planted opacities or without (`training.fitting.opacities`); below 1.
        planted: fraction of these images in which opacities are planted.
        visible_from: the change of grey level from which a planted opacity can be seen. Nothing is
            learned of places that one covers without changing them as much
            (`training.fitting.opacities.hidden`).
        extra: fraction of these images that come from outside the data folder, where a table
            of lungs has such images (`training.data.outlines.read_extra`).
        restyle: probability of giving an image the sharpness and grey levels of one of the other
            class, so that neither tells the class (`training.fitting.exchange.restyle`).
        restyle_planted: probability of giving one of the images of `fraction` the sharpness and
            grey levels of an image with pneumonia.
        exchange_outside: probability of replacing what lies outside an image's lungs by what lies
            outside another image's (`training.fitting.exchange.exchange_outside`).
        evidence_weight: weight of the evidence's loss beside that of the class.
        lungs_weight: weight of the loss of the lungs' outlines beside that of the class.
        outside_weight: how much a place outside the outlined lungs counts in the evidence's loss,
            beside 1 for a place in normal lungs: no evidence belongs there, whatever the class.
    """

    fraction: float
    planted: float
    visible_from: float
    extra: float
    restyle: float
    restyle_planted: float
    exchange_outside: float
    evidence_weight: float
    lungs_weight: float
    outside_weight: float

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            highest = 10 if name.endswith("weight") else 1
            if not 0 <= value <= highest or (name == "fraction" and value == 1):
                but = ", but not 1" if name == "fraction" else ""
                raise ValueError(f"Expected {name} from 0 to {highest}{but}. Received: {value!r}")


@dataclass(frozen=True, kw_only=True)
class HeatmapFloor:
    """What the heatmaps of a model have to reach on reserved patients before a bundle is written.

    Attributes:
        in_lungs: the mean fraction of a heatmap inside the outlines of the lungs; at least.
        locality: the median fraction of the lungs above half of the map's maximum; at most.
        planted_hit: the fraction of planted opacities, of 10 % of the side and half strength, that
            contain the heatmap's maximum; at least.
        normal_heat: the fraction of normal images whose heatmap shows anything; at most.
    """

    in_lungs: float
    locality: float
    planted_hit: float
    normal_heat: float

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if not isinstance(value, int | float) or not math.isfinite(value):
                raise ValueError(f"Expected a number as {name}. Received: {value!r}")
