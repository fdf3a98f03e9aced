"""From evidence to logit: the arithmetic that makes the heatmap the reason for the number.

The evidence network (`training.networks.network`) gives each place of a radiograph its evidence for
pneumonia, and a weight, by how surely it lies in a lung. The logit follows from these two maps
alone, so whoever holds them can check it, or ask what it would be without some of the places.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Keeps the mean defined where the network finds no lung.
MIN_WEIGHT = 1e-6

Maps = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False, kw_only=True)
class EvidenceMap:
    """What the logit of one radiograph follows from.

    Attributes:
        evidence: float32 (h, w), of either sign, in the unit of the logit.
        weights: float32 (h, w) in [0, 1], how much each place counts.
        sharpness: of `pool_evidence`.
    """

    evidence: Maps
    weights: Maps
    sharpness: float

    def logit(self, erased: Maps | None = None) -> float:
        """The logit, or what it would be without some of the places.

        Args:
            erased: (h, w), 1 at the places that are left out and 0 elsewhere.
        """
        evidence, weights = self.evidence, self.weights
        if erased is not None:
            # `pool_evidence` gives every place a weight above 0, so a place that is left out would
            # still raise the logit if its evidence is strong. Such places, and those outside the
            # lungs, therefore get the lowest evidence of the map.
            silent = (erased > 0) | ((weights <= 0) & (erased > 0).any())
            evidence = np.where(silent, evidence.min(), evidence)
            weights = weights * (1 - erased)
        pooled = pool_evidence(evidence[np.newaxis], weights[np.newaxis], sharpness=self.sharpness)
        return float(pooled[0])


def pool_evidence(evidence: Maps, weights: Maps, *, sharpness: float) -> npt.NDArray[np.float32]:
    """The smooth maximum of the evidence over the lungs: log-mean-exp.

    One place with much evidence suffices for a high logit; a normal radiograph needs little
    evidence everywhere (Pinheiro 2015, CVPR; ChestX-ray8, Wang 2017, arXiv 1705.02315).

    Args:
        evidence: float32 (N, h, w), in the unit of the logit.
        weights: float32 (N, h, w) in [0, 1], how much each place counts.
        sharpness: from a mean (towards 0) to a maximum (large).

    Returns:
        Logits (N,), float32, between the least and the greatest evidence of each radiograph. As
        rules.js has them.
    """
    counts = weights.astype(np.float64) + MIN_WEIGHT
    highest = evidence.max(axis=(1, 2), keepdims=True).astype(np.float64)
    powers = counts * np.exp(sharpness * (evidence - highest))
    mean = powers.sum(axis=(1, 2)) / counts.sum(axis=(1, 2))
    return np.asarray(highest[:, 0, 0] + np.log(mean) / sharpness, dtype=np.float32)
