"""Is the heatmap true? Three questions that a map could fail, and chance as the yardstick.

Randomisation: does it change when what the network has learned is destroyed, layer by layer?
    (Adebayo 2018, "Sanity Checks for Saliency Maps", arXiv 1810.03292)
Deletion and insertion: does blurring the hottest places first cost the verdict sooner, and showing
    them first win it sooner, than places in random order? (Petsiuk 2018, RISE, arXiv 1806.07421)
Repeatability: is it the same map on the mirrored and the shifted image?
Where it lies, against outlines of lungs and opacities: `training.metrics.localization`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from skimage.metrics import structural_similarity
from tqdm import tqdm

from cxr.classifier import Classifier
from cxr.errors import DatasetError
from cxr.model.bundle import Bundle
from cxr.model.gradcam import GradCAM
from cxr.model.heatmap_method import METHODS, Method
from cxr.model.network import build_network
from cxr.output.overlay import draw_overlay
from cxr.reading.radiograph import read_radiograph
from training.data.dataset import Record, fingerprints, held_out_patients
from training.data.images import load_images
from training.data.labelled import read_labelled
from training.files import make_folder, write_text
from training.fitting.prediction import batch_logits
from training.metrics import plots
from training.metrics.calibration import calibrate
from training.metrics.evaluation import sigmoid
from training.validation.localization_check import check_localization

Batch = npt.NDArray[np.float32]  # (N, S, S, 1), as `Preprocessing` makes it
Maps = npt.NDArray[np.float32]  # (N, h, w)
Explain = Callable[[Batch], tuple[npt.NDArray[np.float32], Maps]]

STEPS = 11  # of a deletion or insertion curve: 0, 10, …, 100 % of the image
RANDOM_ORDERS = 3
SHIFT = 8  # pixels of the network's input
BATCH_SIZE = 32


def write_explanation_check(
    bundle: Bundle,
    data: Path,
    out: Path,
    *,
    most: int,
    lungs: Sequence[Path] = (),
    opacities: Path | None = None,
    adults: Sequence[Path] = (),
    held_out: bool = False,
) -> dict[str, Any]:
    """Check a bundle's heatmaps on images of a labelled folder or CSV, and write the figures.

    Args:
        bundle: the model.
        data: labelled images; see `training.data.labelled.read_labelled`.
        out: gets ``explanation.json``, ``curves.png`` and ``heatmaps.png``.
        most: how many with pneumonia to take, at random.
        lungs: tables of image and lung_mask, of images of `data`.
        opacities: a table of image, opacity_mask and lung_mask, of other images.
        adults: tables of image and label, normal or not.
        held_out: only images of the patients that no fit learns from
            (`training.data.dataset.HELD_OUT`).

    Raises:
        DatasetError: there is nothing to check on.
        RunError: `out` cannot be made.
    """
    root, records = read_labelled(data)
    if held_out:
        patients = held_out_patients()
        records = [record for record in records if record.patient in patients]
    images, records = load_images(root, records, bundle.preprocessing)
    positive = np.flatnonzero([record.label == 1 for record in records])
    if not len(positive):
        raise DatasetError(f"{data}: has no image with pneumonia to check heatmaps on.")
    chosen = np.sort(np.random.default_rng(0).permutation(positive)[:most])
    make_folder(out)
    document = {
        "model": bundle.identity(),
        "learned_from": _learned_from(bundle, records),
        **check_explanations(bundle, images[chosen]),
        "localization": check_localization(
            bundle,
            root,
            records,
            images,
            lungs=lungs,
            opacities=opacities,
            adults=adults,
        ),
    }
    write_text(out / "explanation.json", json.dumps(document, indent=1, allow_nan=False) + "\n")
    plots.save(plots.explanation_curves(document), out / "curves.png")
    plots.save(heatmap_sheet(bundle, root, records), out / "heatmaps.png")
    return document


def _learned_from(bundle: Bundle, records: Sequence[Record]) -> int:
    """How many of the images the model was trained on."""
    trained = set(str(bundle.evaluation.get("trained_images", "")).split())
    return len(trained & fingerprints(records))


def heatmap_sheet(
    bundle: Bundle, root: Path, records: Sequence[Record], *, each: int = 10
) -> Figure:
    """Ten images of each kind, chosen by chance, plain and with their heatmaps."""
    classifier = Classifier(bundle)
    rng = np.random.default_rng(0)
    rows = []
    for kind in sorted({record.kind for record in records}):
        members = [record for record in records if record.kind == kind]
        tiles = []
        for number in rng.permutation(len(members))[:each]:
            record = members[number]
            radiograph = read_radiograph(root / record.path, name=record.path)
            probability, heatmap = classifier.answer(radiograph)
            plain = np.round(255 * radiograph.pixels).astype(np.uint8)
            pair = np.hstack(
                [np.repeat(plain[..., np.newaxis], 3, axis=2), draw_overlay(radiograph, heatmap)]
            )
            tiles.append((pair, f"{Path(record.path).stem}  p={probability:.3f}"))
        rows.append((kind.capitalize(), tiles))
    return plots.picture_rows(rows, columns=5, width=4.6)


def check_explanations(
    bundle: Bundle,
    images: npt.NDArray[np.float16],
    *,
    methods: Sequence[Method] = METHODS,
) -> dict[str, Any]:
    """Put a bundle's heatmaps, and those of the other methods, to the test.

    Args:
        bundle: the model.
        images: (N, S, S) in [0, 1], with pneumonia; 100 give figures to a few hundredths.
        methods: to compare; the bundle's own among them.

    Returns:
        Figures as plain JSON values.
    """
    network = bundle.build_network()
    batch = bundle.preprocessing.normalize(images.astype(np.float32))
    order = _random_maps(len(batch) * RANDOM_ORDERS, _map_shape(network), seed=0)

    def score(changed: Batch) -> npt.NDArray[np.float64]:
        logits = batch_logits(network, changed, flip_tta=bundle.flip_tta)
        return sigmoid(calibrate(logits, bundle.operating_points))

    chance = {
        name: np.mean(
            [
                _curve(score, batch, order[i::RANDOM_ORDERS], insert=insert)
                for i in range(RANDOM_ORDERS)
            ],
            axis=0,
        ).tolist()
        for name, insert in (("deletion", False), ("insertion", True))
    }
    return {
        "images": len(images),
        "method": bundle.heatmap_method,
        "chance": chance,
        "methods": {
            method: _check_method(bundle, network, method, batch, score)
            for method in tqdm(methods, desc="methods", unit="method")
        },
        "randomisation": _randomisation(bundle, batch),
    }


def _check_method(
    bundle: Bundle,
    network: keras.Model,
    method: Method,
    batch: Batch,
    score: Callable[[Batch], npt.NDArray[np.float64]],
) -> dict[str, Any]:
    explain = GradCAM(network, method=method, flip_tta=bundle.flip_tta)
    _, maps = _batched(explain, batch)
    return {
        "deletion": _curve(score, batch, maps, insert=False),
        "insertion": _curve(score, batch, maps, insert=True),
        **_repeatability(explain, GradCAM(network, method=method), batch, maps),
    }


def _batched(explain: Explain, batch: Batch) -> tuple[npt.NDArray[np.float32], Maps]:
    splits = [explain(batch[i : i + BATCH_SIZE]) for i in range(0, len(batch), BATCH_SIZE)]
    logits, maps = zip(*splits, strict=True)
    return np.concatenate(logits), np.concatenate(maps)


def _map_shape(network: keras.Model) -> tuple[int, int]:
    _, height, width, _ = network.output_shape[0]
    return height, width


def _resize(activation: npt.NDArray[np.float32], side: int) -> npt.NDArray[np.float32]:
    resized = cv2.resize(activation, (side, side), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.float32)


# --- Deletion and insertion -----------------------------------------------------------------------


def _random_maps(count: int, shape: tuple[int, ...], *, seed: int) -> Maps:
    return np.random.default_rng(seed).random((count, *shape), dtype=np.float32)


def _curve(
    score: Callable[[Batch], npt.NDArray[np.float64]], batch: Batch, maps: Maps, *, insert: bool
) -> list[float]:
    """Mean probability after each step of blurring, or of showing, the hottest places first."""
    side = batch.shape[1]
    blurred = np.stack([cv2.GaussianBlur(image, (0, 0), sigmaX=side / 12) for image in batch])
    blurred = blurred[..., np.newaxis].astype(np.float32)
    heat = np.stack([_resize(activation, side) for activation in maps])
    # Where a map is flat, as it is where it is zero, the order is that of a random map.
    ties = [_resize(one, side) for one in _random_maps(len(maps), maps.shape[1:], seed=1)]
    order = [np.lexsort((tie.ravel(), one.ravel())) for one, tie in zip(heat, ties, strict=True)]
    ranks = np.argsort(order, axis=1).reshape(heat.shape)[..., np.newaxis] / (side * side)
    curve = []
    for step in range(STEPS):
        hottest = ranks >= 1 - step / (STEPS - 1)
        shown = np.where(hottest != insert, blurred, batch)
        curve.append(float(score(shown).mean()))
    return curve


# --- Repeatability --------------------------------------------------------------------------------


def _repeatability(explain: Explain, plain: Explain, batch: Batch, maps: Maps) -> dict[str, float]:
    """Mean correlation of a image's map with that of its mirrored and of its shifted copy.

    The mirrored copy by `plain`, which does not average over both: that would agree of itself.
    """
    side = batch.shape[1]
    _, seen = _batched(plain, batch)
    _, mirrored = _batched(plain, np.ascontiguousarray(batch[:, :, ::-1]))
    _, shifted = _batched(explain, np.roll(batch, SHIFT, axis=2))
    heat = np.stack([_resize(activation, side) for activation in maps])
    moved = np.stack([_resize(activation, side) for activation in shifted])
    inside = slice(SHIFT, side - SHIFT)
    return {
        "mirror_correlation": _correlation(seen, mirrored[:, :, ::-1]),
        "shift_correlation": _correlation(
            heat[:, :, inside], np.roll(moved, -SHIFT, axis=2)[:, :, inside]
        ),
    }


def _correlation(first: Maps, second: Maps) -> float:
    pairs = [
        np.corrcoef(a.ravel(), b.ravel())[0, 1]
        for a, b in zip(first, second, strict=True)
        if a.std() > 0 and b.std() > 0
    ]
    return float(np.mean(pairs)) if pairs else 0.0


# --- Randomisation --------------------------------------------------------------------------------


def _randomisation(bundle: Bundle, batch: Batch) -> list[dict[str, Any]]:
    """SSIM of each image's map with its map after layers were drawn anew, from the logit down."""
    network = bundle.build_network()
    keras.utils.set_random_seed(0)
    fresh = build_network(bundle.network)
    explain = GradCAM(network, method=bundle.heatmap_method, flip_tta=bundle.flip_tta)

    def maps() -> list[npt.NDArray[np.float32]]:
        return [_resize(_unit(one), batch.shape[1]) for one in _batched(explain, batch)[1]]

    def similarity(others: Sequence[npt.NDArray[np.float32]]) -> float:
        pairs = zip(before, others, strict=True)
        return float(np.mean([structural_similarity(a, b, data_range=1.0) for a, b in pairs]))

    before = maps()
    rows = [{"layers": "another image's map", "ssim": similarity(before[1:] + before[:1])}]
    for name, layers in reversed(_layer_groups(network)):
        for layer in layers:
            layer.set_weights(fresh.get_layer(layer.name).get_weights())
        rows.append({"layers": name, "ssim": similarity(maps())})
    return rows


def _unit(activation: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return activation / max(float(activation.max()), 1e-12)


def _layer_groups(network: keras.Model) -> list[tuple[str, list[keras.Layer]]]:
    """Layers with weights, from the image up, by the block that they belong to."""
    groups: dict[str, list[keras.Layer]] = {}
    for layer in network.layers:
        if layer.weights:
            splits = layer.name.split(
                "_"
            )  # stage_3_block_1_a_norm, stem_norm, sweep_rows, evidence
            length = {"stage": 4, "stem": 1, "last": 1, "lungs": 1}.get(splits[0], len(splits))
            groups.setdefault(" ".join(splits[:length]), []).append(layer)
    return list(groups.items())
