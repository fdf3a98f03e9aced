"""The worst mistakes of a cross-validation, each explained by the network that did not see it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from cxr.classifier import Heatmap
from cxr.model.heatmap import scale_heatmap
from cxr.model.operating_points import OperatingPoints
from cxr.reading.radiograph import Radiograph
from training.fitting.config import TrainingConfig
from training.metrics.calibration import calibrate
from training.networks.gradcam import GradCAM
from training.networks.loading import load_weights
from training.networks.network import build_network
from training.validation.folds import FoldedImages
from training.validation.folds_folder import FoldsFolder
from training.validation.heatmap_scale import HEATMAP_METHOD, heatmap_reference
from training.validation.mistakes import Mistake, write_mistakes


def write_fold_mistakes(
    out: Path, config: TrainingConfig, images: FoldedImages, data: Path, points: OperatingPoints
) -> list[Mistake]:
    """Write the worst mistakes on all images that the finished folds held out.

    Args:
        out: folder of the cross-validation, with ``out_of_fold.csv``.
        config: of its fits.
        images: all images, in their folds.
        data: the folder that their paths are relative to.
        points: calibration and threshold of the cross-validation.

    Raises:
        BackendError: Keras runs on another backend than TensorFlow.
        BundleError: the weights of a fold are damaged.
        UnreadableRadiograph: an image cannot be read.
    """
    folder = FoldsFolder(out)
    scores = folder.read_out_of_fold()
    records = {record.path: record for record in (*images.whole.records, *images.reserved.records)}
    folds = scores["fold"].to_numpy()

    @cache
    def network_of(fold: int) -> tuple[GradCAM, float]:
        network = build_network(config.network)
        run = folder.run(fold)
        load_weights(network, run.weights, described_in=run.config.name)
        gradcam = GradCAM(network, method=HEATMAP_METHOD, flip_tta=config.flip_tta)
        held_out = images.splits(fold).validation
        return gradcam, heatmap_reference(gradcam, held_out, config.preprocessing)

    def explain(i: int, radiograph: Radiograph) -> Heatmap:
        gradcam, reference = network_of(int(folds[i]))
        _, maps = gradcam(config.preprocessing(radiograph))
        return scale_heatmap(maps[0], reference=reference, shape=radiograph.shape)

    return write_mistakes(
        out,
        data,
        [records[path] for path in scores["path"]],
        calibrate(scores["logit"].to_numpy(dtype=np.float32), points),
        threshold=points.threshold,
        explain=explain,
    )
