"""The pictures of a published model's card, drawn from its bundle: ROC, reliability, heatmaps."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from cxr.cases import Case, read_cases
from cxr.classifier import Classifier
from cxr.model.bundle import Bundle
from cxr.output.overlay import draw_overlay, png
from cxr.reading.radiograph import read_radiograph

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROC = "plots/roc_curve.png"
RELIABILITY = "plots/reliability.png"
HEATMAPS = "plots/heatmaps.png"

# A viral and a bacterial pneumonia, a normal radiograph, and one that leaves the bundled model
# uncertain.
_CASES = ("hila", "both-sides", "first-look", "small-picture")
_HEIGHT = 420  # pixels, of each radiograph in the row
_GAP = 6  # pixels between two


@dataclass(frozen=True)
class Shown:
    """A radiograph in the row of heatmaps, and what the model says of it.

    Attributes:
        image: what it is called in chest_xray.
        label: of the data set.
        probability: of pneumonia, calibrated.
    """

    image: str
    label: str
    probability: float


@dataclass(frozen=True)
class Pictures:
    """What `draw_pictures` makes; equal bundles give equal ones.

    Attributes:
        files: PNG files by path in the repository.
        shown: the radiographs of `HEATMAPS`, from left to right.
    """

    files: dict[str, bytes]
    shown: tuple[Shown, ...]


def draw_pictures(bundle: Bundle) -> Pictures:
    """Draw the ROC curve; reliability if the bundle was measured; heatmaps if there are cases.

    An installed package has no cases.
    """
    # These take seconds to import; the studio only names what would be sent.
    from training.metrics import plots
    from training.metrics.roc import operating_curve

    points = bundle.operating_points
    files = {ROC: _png(operating_curve(points.curve, points.threshold))}
    result = bundle.evaluation.get("result")
    if result:
        error = result["metrics"]["calibration_error"]
        files[RELIABILITY] = _png(plots.reliability_diagram(result["reliability"], error))
    cases = chosen_cases()
    if not cases:
        return Pictures(files, ())
    classifier = Classifier(bundle)
    overlays, shown = [], []
    for case in cases:
        radiograph = read_radiograph(case.path)
        probability, heatmap = classifier.predict_ungated(radiograph)
        overlays.append(draw_overlay(radiograph, heatmap))
        shown.append(Shown(case.image, case.label, round(probability, 3)))
    files[HEATMAPS] = png(_in_a_row(overlays))
    return Pictures(files, tuple(shown))


def chosen_cases() -> list[Case]:
    """The cases whose heatmaps are shown, in this order; none in an installed package."""
    known = read_cases().by_name
    return [known[name] for name in _CASES if name in known]


def _in_a_row(pictures: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    """Pictures (H, W, 3) side by side at one height."""
    parts = []
    for picture in pictures:
        height, width = picture.shape[:2]
        size = (round(width * _HEIGHT / height), _HEIGHT)
        parts.append(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
        parts.append(np.full((_HEIGHT, _GAP, 3), 255, dtype=np.uint8))
    return np.hstack(parts[:-1]).astype(np.uint8)


def _png(figure: Figure) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()
