"""The scale of a network's heatmaps: the evidence that is shown in the top colour."""

from __future__ import annotations

import numpy as np

from cxr.model.heatmap import Method
from cxr.preprocessing import Preprocessing
from training.data.images import Split
from training.fitting.prediction import explain_in_batches
from training.networks.gradcam import GradCAM

HEATMAP_METHOD: Method = "gradcam"  # compared with others in training/EXPERIMENTS.md
# The top colour: exceeded at the strongest place of 1 in 20 images with pneumonia.
_PERCENTILE = 95
_IMAGES = 600


def heatmap_reference(gradcam: GradCAM, split: Split, preprocessing: Preprocessing) -> float:
    """The evidence that heatmaps show as 1, above 0: a percentile over images with pneumonia.

    Args:
        gradcam: of the network.
        split: images; those with pneumonia are used, of which there is one at least.
        preprocessing: whose normalisation the network expects.
    """
    images = split.images[np.flatnonzero(split.labels == 1)[:_IMAGES]]
    batch = preprocessing.normalize(images.astype(np.float32))
    _, evidence = explain_in_batches(gradcam, batch)
    reference = np.percentile(evidence.max(axis=(1, 2)), _PERCENTILE)
    return max(float(reference), float(np.finfo(np.float32).tiny))
