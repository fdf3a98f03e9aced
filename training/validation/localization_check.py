"""Where a bundle's heatmaps lie: in outlined lungs, in outlined opacities, in planted opacities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, NotRequired, TypedDict

import cv2
import keras
import numpy as np
import numpy.typing as npt

from cxr.errors import DatasetError
from cxr.model.bundle import Bundle
from cxr.model.heatmap import Method
from cxr.model.operating_points import Interval
from cxr.preprocessing import Preprocessing
from cxr.reading.radiograph import read_radiograph
from training.data.dataset import Record
from training.data.images import Split, StoredImages
from training.data.masks import read_mask
from training.data.outlines import LUNGS, OPACITIES, read_outlines
from training.data.tables import read_csv
from training.fitting.prediction import explain_in_batches
from training.metrics.intervals import mean_intervals
from training.networks.gradcam import GradCAM
from training.networks.loading import load_network
from training.validation.adults_check import AdultFigures, measure_adults
from training.validation.localization import (
    DIAMETERS,
    STRENGTHS,
    Agreement,
    Control,
    Detection,
    Evidence,
    Explain,
    Images,
    Masks,
    agreement,
    control,
    detection,
    fractions_inside,
    locality,
    to_heatmaps,
)

_MAX_PLANTED = 250  # opacities; more change the figures little
_PLACES = 8  # in each normal image at most, one at a time


class ClassLungs(TypedDict):
    """Heatmaps of one class against outlines of the lungs.

    any: fraction of images whose heatmap is not zero everywhere. in_lungs: mean fraction of these
    heatmaps inside the lungs. intervals: 95 %, by name, by patient.
    """

    images: int
    any: float
    in_lungs: float
    intervals: dict[str, Interval]


class LungFigures(TypedDict):
    """Heatmaps against outlines of the lungs; locality: of the images with pneumonia."""

    normal: ClassLungs
    pneumonia: ClassLungs
    locality: NotRequired[float]


class PlantedFigures(TypedDict):
    """How planted opacities are found, at how many places in each of how many normal images."""

    images: int
    places: int
    detection: list[Detection]


class OpacityFigures(Agreement, Control):
    """Heatmaps against outlines of opacities.

    in_lungs: mean fraction inside the lungs; lungs_interval: 95 % of it.
    """

    in_lungs: float
    lungs_interval: Interval


class Localization(TypedDict, total=False):
    """Figures of `check_localization`; sections without tables are missing."""

    lungs: LungFigures
    planted: PlantedFigures
    opacities: OpacityFigures
    adults: dict[str, AdultFigures]


@dataclass(frozen=True, kw_only=True)
class HeatmapTables:
    """What heatmaps are measured against; without a table, its figures are left out.

    Attributes:
        lungs: tables of image and lung_mask, of the labelled images.
        opacities: a table of image, opacity_mask and lung_mask, of other images.
        adults: tables of image and label of adults' images, normal or not.
    """

    lungs: tuple[Path, ...] = ()
    opacities: Path | None = None
    adults: tuple[Path, ...] = ()


def check_localization(
    bundle: Bundle,
    root: Path,
    records: Sequence[Record],
    images: StoredImages,
    tables: HeatmapTables,
) -> Localization:
    """Measure where a bundle's heatmaps lie.

    Args:
        bundle: the model.
        root: the folder that the records' paths are relative to.
        records: of the images.
        images: (N, S, S) in [0, 1].
        tables: what is known of these images, and others to measure on.

    Raises:
        DatasetError: a table is not what was expected.
        UnreadableRadiograph: an image or a mask cannot be read.
    """
    explain = explainer(
        load_network(bundle),
        bundle.preprocessing,
        method=bundle.heatmap_method,
        flip_tta=bundle.flip_tta,
    )
    document: Localization = {}
    if tables.lungs:
        outlines = read_outlines(tables.lungs, LUNGS, root, records, bundle.preprocessing.size)
        outlined = Split(images, list(records), outlines).with_outlined_lungs()
        document["lungs"] = measure_lungs(explain, outlined)
        document["planted"] = measure_planted(explain, outlined)
    if tables.opacities:
        read = _read_opacities(tables.opacities, bundle)
        document["opacities"] = _measure_opacities(explain, read)
    if tables.adults:
        document["adults"] = measure_adults(bundle, explain, tables.adults)
    return document


def explainer(
    network: keras.Model, preprocessing: Preprocessing, *, method: Method, flip_tta: bool
) -> Explain:
    """A function from images (N, S, S) in [0, 1] to a network's logits and evidence."""
    gradcam = GradCAM(network, method=method, flip_tta=flip_tta)

    def explain(images: Images) -> tuple[npt.NDArray[np.float32], Evidence]:
        return explain_in_batches(gradcam, preprocessing.normalize(images.astype(np.float32)))

    return explain


def measure_lungs(explain: Explain, split: Split) -> LungFigures:
    """Measure heatmaps against outlines of the lungs.

    Args:
        explain: gives logits and evidence.
        split: images, all with outlined lungs.
    """
    images, lungs = _with_lungs(split)
    labels = split.labels
    patients = np.array([record.patient for record in split.records])
    _, evidence = explain(images)
    heatmaps = to_heatmaps(evidence, images.shape[1])

    def measure(label: int) -> ClassLungs:
        rows = labels == label
        shown = rows & (heatmaps.max(axis=(1, 2)) > 0)
        inside = fractions_inside(heatmaps[shown], lungs[shown] > 0.5)
        intervals = mean_intervals({"any": shown[rows]}, patients[rows]) if rows.any() else {}
        if shown.any():
            intervals |= mean_intervals({"in_lungs": inside}, patients[shown])
        return {
            "images": int(rows.sum()),
            "any": float(shown.sum() / max(rows.sum(), 1)),
            "in_lungs": float(inside.mean()) if shown.any() else 0.0,
            "intervals": intervals,
        }

    found: LungFigures = {"normal": measure(0), "pneumonia": measure(1)}
    positive = labels == 1
    if positive.any():
        small = np.stack([_shrink(mask, evidence.shape[1]) for mask in lungs[positive]])
        found["locality"] = locality(evidence[positive], small)
    return found


def measure_planted(
    explain: Explain,
    split: Split,
    *,
    diameters: Sequence[float] = DIAMETERS,
    strengths: Sequence[float] = STRENGTHS,
) -> PlantedFigures:
    """Plant opacities in the normal images, at several places of each, and see which are found.

    Args:
        explain: gives logits and evidence.
        split: images, all with outlined lungs.
        diameters: of the opacities, as fractions of the side.
        strengths: of the opacities; see `training.fitting.opacities.Opacity`.
    """
    normal = np.flatnonzero(split.labels == 0)[:_MAX_PLANTED]
    if not len(normal):
        raise DatasetError(
            "Expected outlines of the lungs in normal images, too: opacities are planted there."
        )
    places = min(_PLACES, _MAX_PLANTED // len(normal))
    repeated = split.take(np.tile(normal, places))
    images, lungs = _with_lungs(repeated)
    patients = [record.patient for record in repeated.records]
    found = detection(
        images, lungs, explain, patients=patients, diameters=diameters, strengths=strengths
    )
    return {"images": len(normal), "places": places, "detection": found}


def _with_lungs(split: Split) -> tuple[Images, Images]:
    """Images and outlines of the lungs, (N, S, S) each."""
    if split.lungs is None:
        raise ValueError("Expected images with outlines of the lungs. Received none.")
    return split.images.astype(np.float32), split.lungs.astype(np.float32)


def _shrink(mask: Images, side: int) -> Images:
    """A mask (S, S) as (side, side), the mean of each cell."""
    shrunk = cv2.resize(mask.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk)


class _OpacityTable(NamedTuple):
    """Images (N, S, S), and outlines (N, S, S) of their opacities and lungs."""

    images: Images
    opacities: Masks
    lungs: Masks


def _read_opacities(table: Path, bundle: Bundle) -> _OpacityTable:
    """Images with outlined opacities and lungs, from a table with these three columns.

    Raises:
        DatasetError: the table cannot be read, or lacks a column.
        UnreadableRadiograph: an image or a mask cannot be read.
    """
    columns = ["image", OPACITIES, LUNGS]
    rows = read_csv(table, columns=columns)[columns]
    if (rows == "").any(axis=None):
        raise DatasetError(
            f"{table}: expected {', '.join(columns)} in each row. Found: empty cells."
        )
    paths = rows.map(lambda name: table.parent / name)
    side = bundle.preprocessing.size
    return _OpacityTable(
        np.stack(
            [
                bundle.preprocessing.resize(read_radiograph(path, name=str(path)))
                for path in paths["image"]
            ]
        ),
        np.stack([read_mask(path, side) for path in paths[OPACITIES]]) > 0,
        np.stack([read_mask(path, side) for path in paths[LUNGS]]) > 0,
    )


def _measure_opacities(explain: Explain, table: _OpacityTable) -> OpacityFigures:
    _, evidence = explain(table.images)
    heatmaps = to_heatmaps(evidence, table.images.shape[1])
    usable = (heatmaps.max(axis=(1, 2)) > 0) & table.lungs.any(axis=(1, 2))
    if (shown := int(usable.sum())) < 2:
        raise DatasetError(
            f"The model shows evidence on {shown} of the {len(heatmaps)} images with outlined "
            "lungs and opacities. Its heatmaps are compared with each other, so that two or more "
            "are needed."
        )
    in_lungs = fractions_inside(heatmaps, table.lungs)
    return {
        **agreement(heatmaps, table.opacities),
        **control(heatmaps, table.opacities, table.lungs),
        "in_lungs": float(in_lungs.mean()),
        "lungs_interval": mean_intervals({"in_lungs": in_lungs})["in_lungs"],
    }
