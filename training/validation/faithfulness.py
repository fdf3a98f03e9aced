"""Three tests of whether heatmaps show what the network goes by.

Randomisation: a heatmap has to change when the network's layers are given random weights, one after
    the other (Adebayo 2018, "Sanity Checks for Saliency Maps", arXiv 1810.03292).
Deletion and insertion: blurring the hottest places first has to lower the probability sooner, and
    showing them first has to raise it sooner, than places in random order (Petsiuk 2018, RISE,
    arXiv 1806.07421).
Repeatability: the mirrored and the shifted image have to get the same heatmap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import keras
import numpy as np
import numpy.typing as npt
from skimage.metrics import structural_similarity
from tqdm import tqdm

from cxr.model.bundle import Bundle
from cxr.model.heatmap import METHODS, Method
from training.data.images import StoredImages
from training.fitting.prediction import Batch, Evidence, batch_logits, explain_in_batches
from training.metrics.calibration import calibrate
from training.metrics.documents import (
    Faithfulness,
    FaithfulnessCurves,
    MethodFigures,
    RandomisationRow,
)
from training.metrics.evaluation import sigmoid
from training.networks.gradcam import GradCAM
from training.networks.loading import load_network
from training.networks.network import build_network
from training.validation.localization import to_heatmaps

Heatmaps = npt.NDArray[np.float32]  # (N, S, S)
Score = Callable[[Batch], npt.NDArray[np.float64]]  # to probabilities (N,)

_STEPS = 11  # of a deletion or insertion curve: 0, 10, …, 100 % of the image
_RANDOM_ORDERS = 3
_SHIFT = 8  # pixels of the network's input
# Layers are grouped by the start of their names, of so many words: stage_3_block_1_a_norm.
_WORDS_OF_GROUP = {"stage": 4, "stem": 1, "last": 1, "lungs": 1}


def check_faithfulness(bundle: Bundle, images: StoredImages) -> Faithfulness:
    """Test a bundle's heatmaps, and those of the other methods on the same network.

    Args:
        bundle: the model.
        images: (N, S, S) in [0, 1], with pneumonia; 100 give figures to a few hundredths.
    """
    network = load_network(bundle)
    batch = bundle.preprocessing.normalize(images.astype(np.float32))

    def score(changed: Batch) -> npt.NDArray[np.float64]:
        logits = batch_logits(network, changed, flip_tta=bundle.flip_tta)
        return sigmoid(calibrate(logits, bundle.operating_points))

    return {
        "images": len(images),
        "method": bundle.heatmap_method,
        "chance": _chance(network, batch, score),
        "methods": {
            method: _check_method(bundle, network, method, batch, score)
            for method in tqdm(METHODS, desc="methods", unit="method")
        },
        "randomisation": _randomisation(bundle, batch),
    }


def _check_method(
    bundle: Bundle, network: keras.Model, method: Method, batch: Batch, score: Score
) -> MethodFigures:
    explain = GradCAM(network, method=method, flip_tta=bundle.flip_tta)
    _, evidence = explain_in_batches(explain, batch)
    _, shifted = explain_in_batches(explain, np.roll(batch, _SHIFT, axis=2))
    # Without averaging over the mirror image, which would make both maps equal in any case.
    single = GradCAM(network, method=method)
    _, seen = explain_in_batches(single, batch)
    _, mirrored = explain_in_batches(single, np.ascontiguousarray(batch[:, :, ::-1]))
    side = batch.shape[1]
    inside = slice(_SHIFT, side - _SHIFT)
    moved_back = np.roll(to_heatmaps(shifted, side), -_SHIFT, axis=2)
    return {
        "deletion": _curve(score, batch, evidence, insert=False),
        "insertion": _curve(score, batch, evidence, insert=True),
        "mirror_correlation": _correlation(seen, mirrored[:, :, ::-1]),
        "shift_correlation": _correlation(
            to_heatmaps(evidence, side)[:, :, inside], moved_back[:, :, inside]
        ),
    }


# --- Deletion and insertion -----------------------------------------------------------------------


def _chance(network: keras.Model, batch: Batch, score: Score) -> FaithfulnessCurves:
    """The curves for places in random order, averaged over several orders."""
    _, height, width, _ = network.output_shape[0]
    maps = _random_maps(len(batch) * _RANDOM_ORDERS, (height, width), seed=0)

    def mean_curve(*, insert: bool) -> list[float]:
        curves = [
            _curve(score, batch, maps[i::_RANDOM_ORDERS], insert=insert)
            for i in range(_RANDOM_ORDERS)
        ]
        mean: list[float] = np.mean(curves, axis=0).tolist()
        return mean

    return {"deletion": mean_curve(insert=False), "insertion": mean_curve(insert=True)}


def _random_maps(count: int, shape: tuple[int, ...], *, seed: int) -> Evidence:
    return np.random.default_rng(seed).random((count, *shape), dtype=np.float32)


def _curve(score: Score, batch: Batch, evidence: Evidence, *, insert: bool) -> list[float]:
    """Mean probability after each step of blurring, or of showing, the hottest places first."""
    side = batch.shape[1]
    blurred = np.stack([cv2.GaussianBlur(image, (0, 0), sigmaX=side / 12) for image in batch])
    blurred = blurred[..., np.newaxis].astype(np.float32)
    heatmaps = to_heatmaps(evidence, side)
    # Where a heatmap is flat, as where it is zero, a random map decides the order.
    ties = to_heatmaps(_random_maps(len(evidence), evidence.shape[1:], seed=1), side)
    pairs = zip(heatmaps, ties, strict=True)
    order = [np.lexsort((tie.ravel(), heatmap.ravel())) for heatmap, tie in pairs]
    ranks = np.argsort(order, axis=1).reshape(heatmaps.shape)[..., np.newaxis] / (side * side)
    curve = []
    for step in range(_STEPS):
        hottest = ranks >= 1 - step / (_STEPS - 1)
        shown = np.where(hottest != insert, blurred, batch)
        curve.append(float(score(shown).mean()))
    return curve


# --- Repeatability --------------------------------------------------------------------------------


def _correlation(first: Evidence, second: Evidence) -> float:
    """Mean correlation of each map with its counterpart; constant maps are left out."""
    pairs = [
        np.corrcoef(a.ravel(), b.ravel())[0, 1]
        for a, b in zip(first, second, strict=True)
        if a.std() > 0 and b.std() > 0
    ]
    return float(np.mean(pairs)) if pairs else 0.0


# --- Randomisation --------------------------------------------------------------------------------


def _randomisation(bundle: Bundle, batch: Batch) -> list[RandomisationRow]:
    """Mean SSIM of heatmaps before and after layers get random weights, from the logit down."""
    network = load_network(bundle)
    keras.utils.set_random_seed(0)
    untrained = build_network(bundle.network)
    explain = GradCAM(network, method=bundle.heatmap_method, flip_tta=bundle.flip_tta)

    def heatmaps() -> list[npt.NDArray[np.float32]]:
        _, evidence = explain_in_batches(explain, batch)
        return list(to_heatmaps(np.stack([_scale(one) for one in evidence]), batch.shape[1]))

    def similarity(others: Sequence[npt.NDArray[np.float32]]) -> float:
        pairs = zip(before, others, strict=True)
        return float(np.mean([structural_similarity(a, b, data_range=1.0) for a, b in pairs]))

    before = heatmaps()
    another_image = similarity(before[1:] + before[:1])
    rows: list[RandomisationRow] = [{"layers": "another image's map", "ssim": another_image}]
    for name, layers in reversed(_layer_groups(network)):
        for layer in layers:
            layer.set_weights(untrained.get_layer(layer.name).get_weights())
        rows.append({"layers": name, "ssim": similarity(heatmaps())})
    return rows


def _scale(evidence: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """One map with its maximum at 1."""
    return evidence / max(float(evidence.max()), 1e-12)


def _layer_groups(network: keras.Model) -> list[tuple[str, list[keras.Layer]]]:
    """Layers with weights, from the input to the output, by the block that they belong to."""
    groups: dict[str, list[keras.Layer]] = {}
    for layer in network.layers:
        if layer.weights:
            words = layer.name.split("_")
            length = _WORDS_OF_GROUP.get(words[0], len(words))
            groups.setdefault(" ".join(words[:length]), []).append(layer)
    return list(groups.items())
