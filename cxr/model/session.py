"""Runs a model's graph, and averages what it gives for a radiograph and its mirror image.

Of the evidence network the graph gives evidence and lungs at each place, and the logit follows from
them by `cxr.model.evidence`. Of the published network it gives the logit and its Grad-CAM, one
image at a time, since the gradient's graph has a fixed batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cxr.errors import BundleError
from cxr.model.evidence import EvidenceMap, pool_evidence
from cxr.model.graph import GRAPH, Graph
from cxr.model.graph_verification import Shape
from cxr.model.network_config import NetworkConfig

_TOLERANCE = 1e-4  # of what lies in [0, 1], but for rounding
Array = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class NetworkOutput:
    """What a model makes of N images.

    Attributes:
        logits: (N,), float32, positive towards pneumonia.
        maps: (N, h, w), float32, at least 0: the evidence in the unit of the logit, or Grad-CAM.
        evidence_and_lungs: of the evidence network, what the logits follow from: evidence of either
            sign, and the weight with which each place counts, in [0, 1], 0 outside the lungs;
            (N, h, w) each.
    """

    logits: Array
    maps: Array
    evidence_and_lungs: tuple[Array, Array] | None = None

    def take(self, rows: slice) -> NetworkOutput:
        """What was made of some of the images."""
        both = self.evidence_and_lungs
        some = both and (both[0][rows], both[1][rows])
        return NetworkOutput(self.logits[rows], self.maps[rows], some)


class ModelSession:
    """A model's graph, ready to run. Safe to share between threads."""

    def __init__(
        self,
        folder: Path,
        network: NetworkConfig,
        *,
        sha256: str | None = None,
        threads: int | None = None,
    ) -> None:
        """Load the graph of a bundle.

        Args:
            folder: of the bundle.
            network: what the graph was exported from.
            sha256: of the graph's file, if only that one will do.
            threads: of one run; all cores if None.

        Raises:
            BundleError: the graph is missing or not what the configuration says.
        """
        self._folder, self._network = folder, network
        self._graph = Graph(
            folder / GRAPH,
            side=network.input_size,
            outputs=graph_outputs(network),
            sha256=sha256,
            threads=threads,
        )

    def __call__(self, images: Array) -> NetworkOutput:
        """Run the network on images, each on its own.

        Args:
            images: float32 (N, S, S, 1), as `cxr.preprocessing.Preprocessing` makes them.
        """
        if self._network.architecture == "published":
            each = [self._graph.run(images[i : i + 1]) for i in range(len(images))]
            logits, maps = (
                np.concatenate([one[name] for one in each]) for name in ("logit", "map")
            )
            return NetworkOutput(logits, maps)
        found = self._graph.run(images)
        lungs = found["lungs"]
        if not (lungs.min() >= -_TOLERANCE and lungs.max() <= 1 + _TOLERANCE):
            raise BundleError(
                f"{self._folder / GRAPH}: expected lungs from 0 to 1. Such a model is not used."
            )
        return self._pooled(found["evidence"], np.clip(lungs, 0, 1))

    def average(self, output: NetworkOutput, mirrored: NetworkOutput) -> NetworkOutput:
        """The mean of what is made of images and of their mirror images (flip TTA).

        Of the evidence network, evidence and lungs are averaged, and the logit follows.
        """
        if output.evidence_and_lungs is None or mirrored.evidence_and_lungs is None:
            return NetworkOutput(
                _mean(output.logits, mirrored.logits),
                _mean(output.maps, mirrored.maps[:, :, ::-1]),
            )
        evidence, lungs = (
            _mean(ours, theirs[:, :, ::-1])
            for ours, theirs in zip(
                output.evidence_and_lungs, mirrored.evidence_and_lungs, strict=True
            )
        )
        return self._pooled(evidence, lungs)

    def evidence(self, output: NetworkOutput) -> EvidenceMap | None:
        """What the logit of the first image follows from; None for the published network."""
        if output.evidence_and_lungs is None:
            return None
        evidence, weights = (maps[0] for maps in output.evidence_and_lungs)
        return EvidenceMap(evidence=evidence, weights=weights, sharpness=self._network.sharpness)

    def _pooled(self, evidence: Array, lungs: Array) -> NetworkOutput:
        logits = pool_evidence(evidence, lungs, sharpness=self._network.sharpness)
        return NetworkOutput(logits, np.maximum(evidence, 0), (evidence, lungs))


def _mean(one: Array, other: Array) -> Array:
    return np.asarray((one + other) / np.float32(2), dtype=np.float32)


def graph_outputs(network: NetworkConfig) -> dict[str, Shape]:
    """Names and shapes of what a network's graph gives."""
    side = network.map_side
    if network.architecture == "published":
        return {"logit": (None,), "map": (None, side, side)}
    return {"evidence": (None, side, side), "lungs": (None, side, side)}
