"""A radiograph goes in; a probability, a verdict at the reader's threshold and a heatmap come out.

>>> import cxr
>>> classifier = cxr.Classifier.load()
>>> prediction = classifier.predict(cxr.read_radiograph("radiograph.jpeg"))
>>> prediction.probability, prediction.verdict(threshold=0.4)
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxr.checks import Checks, examine
from cxr.errors import BackendError, NotAChestRadiograph
from cxr.gate.gate import Gate, GateResult
from cxr.messages import Message
from cxr.model.bundle import Bundle
from cxr.model.hub import find_bundle
from cxr.model.operating_points import OperatingPoints, Verdict
from cxr.reading.radiograph import Radiograph

Heatmap = npt.NDArray[np.float32]  # (H, W) in [0, 1]


@dataclass(frozen=True, eq=False, kw_only=True)
class Prediction:
    """The answer for one radiograph.

    Attributes:
        probability: of pneumonia, calibrated, in [0, 1].
        heatmap: float32 of shape (H, W) in [0, 1] on the radiograph's own pixel grid: where the
            evidence for pneumonia lies, on one scale for all radiographs of a model.
        operating_points: of the model that answered.
        gate_result: what was found of the radiograph before it was classified: warnings, and
            whether it was set right.
        checks: what heatmap and answer are worth.
    """

    probability: float
    heatmap: Heatmap
    operating_points: OperatingPoints
    gate_result: GateResult
    checks: Checks

    def verdict(self, threshold: float | None = None) -> Verdict:
        """NORMAL or PNEUMONIA at the reader's threshold; see `OperatingPoints.verdict`."""
        return self.operating_points.verdict(self.probability, threshold)

    def remarks(self, threshold: float | None = None) -> list[Message]:
        """What the heatmap is worth, and whether the verdict at this threshold is firm."""
        if threshold is None:
            threshold = self.operating_points.threshold
        return self.checks.messages(self.probability, threshold)


class Classifier:
    """A model that answers. Safe to share between threads."""

    def __init__(self, bundle: Bundle, gate: Gate | None = None) -> None:
        """Take a model; its network is built by the first `predict`, or by `warm_up`.

        Args:
            bundle: the model.
            gate: what recognises chest radiographs; the one that comes with the code by default.

        Raises:
            BundleError: that gate is not intact.
        """
        self.bundle = bundle
        self.gate = gate or Gate()
        self._lock = threading.Lock()
        self._ready = threading.Event()

    @classmethod
    def load(cls, model: str | os.PathLike[str] | None = None) -> Classifier:
        """The classifier of a model, by default of the bundled one.

        Args:
            model: a folder, or NAME/REPO[@REVISION] on the Hub; see `cxr.model.hub.find_bundle`.

        Raises:
            BundleError: there is no intact model of this version.
            HubError: it cannot be fetched.
        """
        return cls(find_bundle(model))

    @property
    def ready(self) -> bool:
        """Whether the network has been built."""
        return self._ready.is_set()

    def warm_up(self) -> None:
        """Import TensorFlow, build the network and compile its call: some seconds, once.

        Raises:
            BundleError: the weights do not fit the network.
            BackendError: Keras does not run on TensorFlow.
        """
        with self._lock:
            if self.ready:
                return
            try:
                from cxr.model.gradcam import GradCAM  # imports TensorFlow
            except ImportError as error:
                raise BackendError(
                    f"Keras or TensorFlow cannot be imported ({error}). Install requirements.txt, "
                    "and unset KERAS_BACKEND."
                ) from error

            gradcam = GradCAM(
                self.bundle.build_network(),
                method=self.bundle.heatmap_method,
                flip_tta=self.bundle.flip_tta,
            )
            size = self.bundle.preprocessing.size
            blank = np.zeros((1, size, size, 1), dtype=np.float32)
            gradcam(blank)
            gradcam.logits(blank)
            self.gate.warm_up()
            self._gradcam = gradcam
            self._ready.set()

    def predict(self, radiograph: Radiograph) -> Prediction:
        """Recognise, classify and explain one radiograph.

        Raises:
            NotAChestRadiograph: it is not recognised as a frontal chest radiograph.
            BundleError: a network could not be built.
        """
        self.warm_up()
        gate_result = self.gate.check(radiograph)
        if gate_result.lungs is None:
            raise NotAChestRadiograph(radiograph.name, gate_result)
        preprocessing, points = self.bundle.preprocessing, self.bundle.operating_points
        upright = gate_result.correction.apply(radiograph)
        image = preprocessing.resize(upright)
        logit, activation = self._explain(image)
        return Prediction(
            probability=points.probability(logit),
            heatmap=gate_result.correction.undo(self._scale(activation, upright)),
            operating_points=points,
            gate_result=gate_result,
            checks=examine(
                image,
                activation,
                gate_result.lungs,
                logits=lambda images: self._gradcam.logits(preprocessing.normalize(images)),
                probability=points.probability,
            ),
        )

    def answer(self, radiograph: Radiograph) -> tuple[float, Heatmap]:
        """Probability and heatmap of a radiograph that is known to be one: `predict` asks first.

        Raises:
            BundleError: a network could not be built.
        """
        self.warm_up()
        logit, activation = self._explain(self.bundle.preprocessing.resize(radiograph))
        probability = self.bundle.operating_points.probability(logit)
        return probability, self._scale(activation, radiograph)

    def _explain(self, image: npt.NDArray[np.float32]) -> tuple[float, npt.NDArray[np.float32]]:
        """Logit and activation (h, w) of a radiograph (S, S) in [0, 1]."""
        logits, activations = self._gradcam(self.bundle.preprocessing.normalize(image[np.newaxis]))
        return float(logits[0]), activations[0]

    def _scale(self, activation: npt.NDArray[np.float32], radiograph: Radiograph) -> Heatmap:
        from cxr.model.gradcam import scale_heatmap

        reference = self.bundle.heatmap_reference
        return scale_heatmap(activation, reference=reference, shape=radiograph.shape)
