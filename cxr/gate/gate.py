"""Decides whether an image is a frontal chest radiograph, before anything is classified.

It looks at five things: the image's colour, its DICOM header, the kind of image that the lung
network takes it for, the lung fields that the network finds, and how far its features are from
those of known radiographs. `cxr.gate.rules` says what follows from each. An image that is turned or
inverted is corrected if the network is certain of the corrected image.
"""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt

from cxr.gate.files import BUNDLED_GATE, read_gate
from cxr.gate.lungs import LungReading, lung_fields
from cxr.gate.result import CORRECTIONS, Correction, GateResult
from cxr.gate.rules import (
    FRONTAL_CERTAIN,
    MARGIN,
    Measurements,
    answer_warnings,
    file_reasons,
    image_reasons,
    name_few_levels,
)
from cxr.preprocessing import Preprocessing, lung_preprocessing
from cxr.reading.radiograph import Radiograph


class Gate:
    """Recognises frontal chest radiographs. Safe to share between threads."""

    def __init__(
        self, folder: str | os.PathLike[str] = BUNDLED_GATE, *, threads: int | None = None
    ) -> None:
        """Read and verify a gate's files, and load its graph.

        Args:
            folder: of a gate; see `cxr.gate.files`.
            threads: of one run; all cores if None.

        Raises:
            BundleError: a file is missing, altered, or made for another version of this code.
        """
        self.saved = read_gate(folder)
        self.graph = self.saved.load_graph(threads=threads)

    @property
    def sha256(self) -> str:
        """Digest of all files that the gate's answers depend on."""
        return self.saved.sha256

    @property
    def preprocessing(self) -> Preprocessing:
        """How radiographs are prepared for the lung network."""
        return lung_preprocessing(self.saved.network.size)

    def check(self, radiograph: Radiograph) -> GateResult:
        """Accept or refuse one image.

        Raises:
            BundleError: the graph fails.
        """
        # Where the file says by itself that it is something else, the network's guesses would only
        # contradict it.
        if reasons := file_reasons(radiograph):
            return GateResult(reasons=tuple(reasons))
        image = self.preprocessing.resize(radiograph)
        measured, correction = self._measure(image[np.newaxis])[0], Correction()
        if not (self._accepts(measured) and measured.frontal >= FRONTAL_CERTAIN):
            measured, correction = self._correct(image, measured)
        if reasons := name_few_levels(image_reasons(measured, self.saved.limits), radiograph):
            return GateResult(reasons=tuple(reasons))
        warnings = answer_warnings(radiograph, measured, correction, self.saved.limits)
        return GateResult(warnings=tuple(warnings), correction=correction, lungs=measured.lungs)

    def _accepts(self, measured: Measurements) -> bool:
        return not image_reasons(measured, self.saved.limits)

    def _correct(
        self, image: npt.NDArray[np.float32], measured: Measurements
    ) -> tuple[Measurements, Correction]:
        """Measurements of the best correction, and that; of the image as it is if none is certain.

        Args:
            image: float32 (S, S) in [0, 1].
            measured: of the image as it is.
        """
        corrected = self._measure(np.stack([each.apply(image) for each in CORRECTIONS]))
        best = max(
            range(len(CORRECTIONS)),
            key=lambda i: (self._accepts(corrected[i]), corrected[i].frontal),
        )
        certain = (
            self._accepts(corrected[best])
            and corrected[best].frontal > FRONTAL_CERTAIN
            and corrected[best].distance <= self.saved.limits.distance / MARGIN
        )
        return (corrected[best], CORRECTIONS[best]) if certain else (measured, Correction())

    def _measure(self, images: npt.NDArray[np.float32]) -> list[Measurements]:
        """What the lung network finds in images, float32 (N, S, S) in [0, 1]."""
        answer = self.graph.run(self.preprocessing.normalize(images))
        reading = LungReading.from_logits(answer)
        distances = self.saved.features.distances(reading.embedding)
        return [
            Measurements(
                kinds=reading.kinds[i],
                adult=float(reading.adult[i]),
                lungs=lung_fields(reading.lungs[i]),
                distance=float(distances[i]),
            )
            for i in range(len(images))
        ]
