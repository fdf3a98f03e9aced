"""A bundle's heatmaps against tables of outlines: lungs, opacities, and opacities planted."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr.errors import DatasetError, RunError
from cxr.model.bundle import Bundle
from cxr.model.gradcam import GradCAM
from cxr.model.heatmap_method import Method
from cxr.preprocessing import Preprocessing
from cxr.reading.radiograph import read_radiograph
from training.data.dataset import Record
from training.data.images import Split, StoredImages
from training.data.labelled import read_labelled
from training.data.outlines import LUNGS, OPACITIES, read_outlines
from training.fitting.config import TrainingConfig
from training.gate.data import read_mask
from training.metrics.localization import (
    Explain,
    Images,
    Maps,
    Masks,
    agreement,
    control,
    detection,
    fractions_inside,
    locality,
    to_images,
)

_BATCH = 32
PLANTED_IMAGES = 200  # normal ones that opacities are planted in; more tell no more


class OpacityTable(NamedTuple):
    """Images (N, S, S), and outlines (N, S, S) of their opacities and lungs."""

    images: Images
    opacities: Masks
    lungs: Masks


def explainer(
    network: keras.Model, preprocessing: Preprocessing, *, method: Method, flip_tta: bool
) -> Explain:
    """What a network says of images (N, S, S) in [0, 1]: logits (N,) and maps (N, h, w)."""
    gradcam = GradCAM(network, method=method, flip_tta=flip_tta)

    def explain(images: Images) -> tuple[npt.NDArray[np.float32], Maps]:
        batches = (images[i : i + _BATCH] for i in range(0, len(images), _BATCH))
        answers = [gradcam(preprocessing.normalize(batch.astype(np.float32))) for batch in batches]
        logits, maps = zip(*answers, strict=True)
        return np.concatenate(logits), np.concatenate(maps)

    return explain


def require_heat(network: keras.Model, config: TrainingConfig, held_out: Split) -> dict[str, float]:
    """Refuse a network whose heatmaps fail.

    Args:
        network: an evidence network.
        config: that it was trained with; its floor is what has to be reached.
        held_out: images that it has not learned from, with outlines of the lungs.

    Returns:
        What was reached, by the names of `training.fitting.config.HeatmapFloor`.

    Raises:
        RunError: something is below the floor; the message has all figures.
    """
    explain = explainer(network, config.preprocessing, method="gradcam", flip_tta=config.flip_tta)
    if held_out.lungs is None:
        raise ValueError("Expected a part with outlines of the lungs.")
    known = ~np.isnan(held_out.lungs[:, 0, 0])
    images, lungs = (split[known].astype(np.float32) for split in (held_out.images, held_out.lungs))
    labels = held_out.labels[known]
    found = _lungs(explain, images, lungs, labels)
    normal = labels == 0
    (planted,) = detection(
        images[normal], lungs[normal], explain, diameters=(0.1,), contrasts=(0.5,)
    )
    reached = {
        "in_lungs": found["pneumonia"]["in_lungs"],
        "locality": found["locality"],
        "planted_hit": planted["hit"],
    }
    floor = config.floor
    if (
        reached["in_lungs"] < floor.in_lungs
        or reached["locality"] > floor.locality
        or reached["planted_hit"] < floor.planted_hit
    ):
        raise RunError(
            f"The heatmaps fail on {len(images)} images that the network has not learned from: "
            f"{_figures(reached)}. Expected at least {_figures(dataclasses.asdict(floor))} "
            "(locality: at most). No bundle was written. Train longer, or with better outlines of "
            "the lungs."
        )
    return reached


def _figures(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in figures.items())


def check_localization(
    bundle: Bundle,
    root: Path,
    records: Sequence[Record],
    images: StoredImages,
    *,
    lungs: Sequence[Path] = (),
    opacities: Path | None = None,
    adults: Sequence[Path] = (),
) -> dict[str, Any]:
    """Measure a bundle on images that are labelled, outlined, or both.

    Args:
        bundle: the model.
        root: the folder that the records' paths are relative to.
        records: of the images.
        images: (N, S, S) in [0, 1].
        lungs: tables of image and lung_mask, of these images.
        opacities: a table of image, opacity_mask and lung_mask, of other images.
        adults: tables of image and label of adults' images, normal or not.

    Returns:
        Figures as plain JSON values; without the sections that nothing was given for.

    Raises:
        DatasetError: a table is not what was expected.
        UnreadableRadiograph: an image or a mask cannot be read.
    """
    explain = explainer(
        bundle.build_network(),
        bundle.preprocessing,
        method=bundle.heatmap_method,
        flip_tta=bundle.flip_tta,
    )
    side = bundle.preprocessing.size
    document: dict[str, Any] = {}
    if lungs:
        outlines = read_outlines(lungs, LUNGS, root, records, side)
        known = ~np.isnan(outlines[:, 0, 0])
        labels = np.array([record.label for record in records])
        outlined = (images[known].astype(np.float32), outlines[known].astype(np.float32))
        document["lungs"] = _lungs(explain, *outlined, labels[known])
        normal = np.flatnonzero(labels[known] == 0)[:PLANTED_IMAGES]
        document["planted"] = {
            "images": len(normal),
            "detection": detection(outlined[0][normal], outlined[1][normal], explain),
        }
    if opacities:
        table = read_opacities(opacities, bundle)
        _, maps = explain(table.images)
        heat = to_images(maps, side)
        document["opacities"] = {
            **agreement(heat, table.opacities),
            **control(heat, table.opacities, table.lungs),
            "in_lungs": float(fractions_inside(heat, table.lungs).mean()),
        }
    if adults:
        document["adults"] = {path.parent.name: _adults(bundle, explain, path) for path in adults}
    return document


def _lungs(
    explain: Explain, images: Images, lungs: Images, labels: npt.NDArray[np.int64]
) -> dict[str, Any]:
    """Heat in people's outlines, by class, and how much of the lungs is hot in positive images."""
    _, maps = explain(images)
    heat = to_images(maps, images.shape[1])
    found: dict[str, Any] = {}
    for label, name in enumerate(("normal", "pneumonia")):
        rows = labels == label
        with_heat = rows & (heat.max(axis=(1, 2)) > 0)
        found[name] = {
            "images": int(rows.sum()),
            "any": float(with_heat.sum() / max(rows.sum(), 1)),
            "in_lungs": float(fractions_inside(heat[with_heat], lungs[with_heat] > 0.5).mean())
            if with_heat.any()
            else 0.0,
        }
    positive = labels == 1
    if positive.any():
        small = np.stack([_shrink(one, maps.shape[1]) for one in lungs[positive]])
        found["locality"] = locality(maps[positive], small)
    return found


def _shrink(mask: Images, side: int) -> Images:
    step = mask.shape[0] // side
    return np.asarray(
        mask[: side * step, : side * step].reshape(side, step, side, step).mean((1, 3))
    )


def read_opacities(table: Path, bundle: Bundle) -> OpacityTable:
    """Images with outlined opacities and lungs, from a table with these three columns.

    Raises:
        DatasetError: the table cannot be read, or lacks a column.
        UnreadableRadiograph: an image or a mask cannot be read.
    """
    columns = ["image", OPACITIES, LUNGS]
    try:
        rows = pd.read_csv(table, dtype=str)[columns]
    except (OSError, ValueError, KeyError) as error:
        raise DatasetError(
            f"{table}: expected the columns {', '.join(columns)} ({error})."
        ) from error
    paths = rows.map(lambda name: table.parent / name)
    side = bundle.preprocessing.size
    return OpacityTable(
        np.stack([bundle.preprocessing.resize(read_radiograph(path)) for path in paths["image"]]),
        np.stack([read_mask(str(path), side) for path in paths[OPACITIES]]) > 0,
        np.stack([read_mask(str(path), side) for path in paths[LUNGS]]) > 0,
    )


def _adults(bundle: Bundle, explain: Explain, table: Path) -> dict[str, float]:
    """The AUC of a disease that the model never learned, in adults."""
    from sklearn.metrics import roc_auc_score

    positive = next(
        label for label in pd.read_csv(table, dtype=str)["label"].unique() if label != "normal"
    )
    root, records = read_labelled(table, positive=positive)
    images = np.stack(
        [bundle.preprocessing.resize(read_radiograph(root / record.path)) for record in records]
    )
    logits, _ = explain(images)
    labels = [record.label for record in records]
    return {"images": len(records), "auc": float(roc_auc_score(labels, logits))}
