"""A radiograph goes in; a probability, a verdict at the reader's threshold and a heatmap come out.

>>> import cxr
>>> classifier = cxr.Classifier.load()
>>> prediction = classifier.predict(cxr.read_radiograph("radiograph.jpeg"))
>>> prediction.probability, prediction.verdict(threshold=0.4)
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt

from cxr.checker import Checker, variants
from cxr.checks import Checks
from cxr.errors import NotAChestRadiograph
from cxr.gate.gate import Gate
from cxr.gate.result import GateResult
from cxr.messages import Message
from cxr.model.bundle import Bundle
from cxr.model.evidence import EvidenceMap
from cxr.model.fingerprint import is_among
from cxr.model.heatmap import scale_heatmap
from cxr.model.hub import find_bundle
from cxr.model.operating_points import OperatingPoints, Verdict
from cxr.model.session import ModelSession, NetworkOutput
from cxr.reading.radiograph import Radiograph

ShownVerdict = Verdict | Literal["OUTSIDE"]
Heatmap = npt.NDArray[np.float32]  # (H, W) in [0, 1]


@dataclass(frozen=True, eq=False, kw_only=True)
class Prediction:
    """The answer for one radiograph.

    Attributes:
        probability: of pneumonia, calibrated, in [0, 1].
        heatmap: float32 of shape (H, W) in [0, 1] on the radiograph's own pixel grid: where the
            evidence for pneumonia lies, on one scale for all radiographs of a model.
        map: what `heatmap` is scaled from: the evidence on the network's grid of the upright
            radiograph, in the unit of the logit or of Grad-CAM; float32 (h, w), at least 0.
        evidence: what the probability follows from; None for a network that has no such map.
        operating_points: of the model that answered.
        gate_result: what was found of the radiograph before it was classified, and whether it was
            set right.
        checks: what heatmap and answer are worth.
        trained_on: whether the model learned from this very radiograph, as far as is recorded.
    """

    probability: float
    heatmap: Heatmap
    map: npt.NDArray[np.float32]
    evidence: EvidenceMap | None
    operating_points: OperatingPoints
    gate_result: GateResult
    checks: Checks
    trained_on: bool

    @property
    def warnings(self) -> tuple[Message, ...]:
        """What a reader has to know about the answer."""
        known = (Message("trained_on"),) if self.trained_on else ()
        return (*self.gate_result.warnings, *known)

    def verdict(self, threshold: float | None = None) -> Verdict:
        """NORMAL or PNEUMONIA at the reader's threshold; see `OperatingPoints.verdict`."""
        return self.operating_points.verdict(self.probability, threshold)

    def shown_verdict(self, threshold: float | None = None) -> ShownVerdict:
        """The verdict as people are told it: OUTSIDE where the model's range does not reach."""
        return self.verdict(threshold) if self.gate_result.in_range else "OUTSIDE"

    def holds(self, threshold: float | None = None) -> bool:
        """Whether single views, mirrored and moved, get the verdict of this threshold, too."""
        verdict = partial(self.operating_points.verdict, threshold=threshold)
        return self.checks.holds(self.probability, verdict)

    def remarks(self, threshold: float | None = None) -> list[Message]:
        """What the heatmap is worth, and whether the verdict at this threshold is firm.

        Outside the model's range there is no verdict.
        """
        if not self.gate_result.in_range:
            return self.checks.of_evidence()
        verdict = partial(self.operating_points.verdict, threshold=threshold)
        return self.checks.messages(self.probability, verdict)


class Classifier:
    """A model that answers. Safe to share between threads."""

    def __init__(
        self, bundle: Bundle, gate: Gate | None = None, *, threads: int | None = None
    ) -> None:
        """Load a model.

        Args:
            bundle: the model.
            gate: what recognises chest radiographs; the one that comes with the code by default.
            threads: of one answer; all cores if None.

        Raises:
            BundleError: the model's graph, or the gate, is not intact.
        """
        self.bundle = bundle
        self.gate = gate or Gate(threads=threads)
        self._session = ModelSession(
            bundle.folder, bundle.network, sha256=bundle.graph_sha256, threads=threads
        )
        session, preprocessing = self._session, bundle.preprocessing
        self._checker = Checker(
            # A lambda over self would be a reference cycle: the sessions would be kept until the
            # next garbage collection.
            lambda images: session(preprocessing.normalize(images)).logits,
            bundle.operating_points,
            reference=bundle.heatmap_reference,
        )

    @classmethod
    def load(cls, model: str | os.PathLike[str] | None = None) -> Classifier:
        """The classifier of a model, by default of the one that this machine uses.

        Args:
            model: a folder, or NAME/REPO[@REVISION] on the Hub; see `cxr.model.hub.find_bundle`.

        Raises:
            BundleError: there is no intact model of this version.
            HubError: it cannot be fetched.
        """
        return cls(find_bundle(model))

    def identity(self) -> dict[str, str]:
        """All that an answer depends on, as every output says it: the model and the gate."""
        return {**self.bundle.identity(), "gate": self.gate.sha256}

    def predict(self, radiograph: Radiograph) -> Prediction:
        """Recognise, classify and explain one radiograph.

        Raises:
            NotAChestRadiograph: it is not recognised as a frontal chest radiograph.
            BundleError: a graph fails.
        """
        gate_result = self.gate.check(radiograph)
        if gate_result.lungs is None:
            raise NotAChestRadiograph(gate_result, name=radiograph.name)
        correction = gate_result.correction
        upright = replace(radiograph, pixels=correction.apply(radiograph.pixels))
        image = self.bundle.preprocessing.resize(upright)
        views = variants(image)
        outputs = self._run(np.stack(list(views.values())))
        output = self._average(outputs)
        positive_evidence, evidence = output.maps[0], self._session.evidence(output)
        points = self.bundle.operating_points
        return Prediction(
            probability=points.probability(float(output.logits[0])),
            heatmap=correction.undo(self._scale(positive_evidence, upright)),
            map=positive_evidence,
            evidence=evidence,
            operating_points=points,
            gate_result=gate_result,
            checks=self._checker.check(
                image,
                positive_evidence,
                gate_result.lungs,
                views=dict(zip(views, outputs.logits.tolist(), strict=True)),
                evidence=evidence,
            ),
            trained_on=is_among(image, self.bundle.trained_fingerprints),
        )

    def predict_ungated(self, radiograph: Radiograph) -> tuple[float, Heatmap]:
        """Probability and heatmap of what is known to be a chest radiograph; no gate, no checks.

        Raises:
            BundleError: the graph fails.
        """
        image = self.bundle.preprocessing.resize(radiograph)
        output = self._average(self._run(np.stack([image, image[:, ::-1]])))
        probability = self.bundle.operating_points.probability(float(output.logits[0]))
        return probability, self._scale(output.maps[0], radiograph)

    def _run(self, images: npt.NDArray[np.float32]) -> NetworkOutput:
        """What the network makes of images (N, S, S) in [0, 1], each on its own."""
        return self._session(self.bundle.preprocessing.normalize(images))

    def _average(self, outputs: NetworkOutput) -> NetworkOutput:
        """What answers a radiograph: of it and its mirror image, the first two, the mean."""
        if not self.bundle.flip_tta:
            return outputs.take(slice(0, 1))
        return self._session.average(outputs.take(slice(0, 1)), outputs.take(slice(1, 2)))

    def _scale(self, evidence: npt.NDArray[np.float32], radiograph: Radiograph) -> Heatmap:
        reference = self.bundle.heatmap_reference
        return scale_heatmap(evidence, reference=reference, shape=radiograph.shape)
