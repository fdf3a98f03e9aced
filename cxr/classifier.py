"""A radiograph goes in; a probability, a verdict at the reader's threshold and a heatmap come out.

>>> import cxr
>>> classifier = cxr.Classifier.load()
>>> prediction = classifier.predict(cxr.read_radiograph("film.jpeg"))
>>> prediction.probability, prediction.verdict(threshold=0.4)
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxr.bundle import Bundle
from cxr.errors import BackendError
from cxr.hub import find_bundle
from cxr.operating_points import OperatingPoints, Verdict
from cxr.radiograph import Radiograph


@dataclass(frozen=True, eq=False, kw_only=True)
class Prediction:
    """The answer for one film.

    Attributes:
        probability: of pneumonia, calibrated, in [0, 1].
        heatmap: float32 of shape (H, W) in [0, 1] on the film's own pixel grid: where the evidence
            for pneumonia lies, on one scale for all films of a model.
        operating_points: of the model that answered.
    """

    probability: float
    heatmap: npt.NDArray[np.float32]
    operating_points: OperatingPoints

    def verdict(self, threshold: float | None = None) -> Verdict:
        """NORMAL or PNEUMONIA at the reader's threshold; see `OperatingPoints.verdict`."""
        return self.operating_points.verdict(self.probability, threshold)


class Classifier:
    """A model that answers. Safe to share between threads."""

    def __init__(self, bundle: Bundle) -> None:
        """Take a model; its network is built by the first `predict`, or by `warm_up`."""
        self.bundle = bundle
        self._lock = threading.Lock()
        self._ready = threading.Event()

    @classmethod
    def load(cls, model: str | os.PathLike[str] | None = None) -> Classifier:
        """The classifier of a model, by default of the bundled one.

        Args:
            model: a folder, or NAME/REPO[@REVISION] on the Hub; see `cxr.hub.find_bundle`.

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
                from cxr.gradcam import GradCAM  # imports TensorFlow
            except ImportError as error:
                raise BackendError(
                    f"Keras or TensorFlow cannot be imported ({error}). Install requirements.txt, "
                    "and unset KERAS_BACKEND."
                ) from error

            gradcam = GradCAM(
                self.bundle.build_network(),
                method=self.bundle.heatmap_method,
                mirror=self.bundle.mirror,
            )
            size = self.bundle.preprocessing.size
            gradcam(np.zeros((1, size, size, 1), dtype=np.float32))
            self._gradcam = gradcam
            self._ready.set()

    def predict(self, radiograph: Radiograph) -> Prediction:
        """Classify and explain one film.

        Raises:
            BundleError: the network could not be built.
        """
        self.warm_up()
        from cxr.gradcam import scale_heatmap

        logits, activations = self._gradcam(self.bundle.preprocessing(radiograph))
        return Prediction(
            probability=self.bundle.operating_points.probability(float(logits[0])),
            heatmap=scale_heatmap(
                activations[0], reference=self.bundle.heatmap_reference, shape=radiograph.shape
            ),
            operating_points=self.bundle.operating_points,
        )
