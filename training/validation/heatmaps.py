"""The check of a bundle's heatmaps: whether they are true of the network, and where they lie.

OUT/explanation.json  all figures (see faithfulness.py and localization_check.py)
OUT/curves.png        deletion, insertion and randomisation
OUT/heatmaps.png      radiographs with their heatmaps, some of each kind
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from cxr.classifier import Classifier
from cxr.errors import DatasetError
from cxr.model.bundle import Bundle
from cxr.output.overlay import draw_overlay
from cxr.reading.radiograph import read_radiograph
from training.data.dataset import Record
from training.data.fingerprints import count_trained_on
from training.data.images import load_images
from training.data.labelled import read_labelled
from training.data.reserved import reserved_patients
from training.files import make_folder, write_json
from training.metrics import plots
from training.metrics.documents import Faithfulness
from training.validation.faithfulness import check_faithfulness
from training.validation.localization_check import HeatmapTables, Localization, check_localization

_PER_KIND = 10  # radiographs of each kind on the sheet


class HeatmapCheck(Faithfulness):
    """The content of explanation.json.

    model: see `cxr.model.bundle.Bundle.identity`. trained_on: how many of the images the model
    was trained on.
    """

    model: dict[str, str]
    trained_on: int
    localization: Localization


def summary(check: HeatmapCheck) -> list[str]:
    """The figures in short, a line each; all are in explanation.json."""
    curves = {"random order": check["chance"], **check["methods"]}
    lines = [
        f"{name}: mean probability while the strongest places are blurred "
        f"{np.mean(curve['deletion']):.3f}, while they are shown {np.mean(curve['insertion']):.3f}"
        for name, curve in curves.items()
    ]
    found = check["localization"]
    if "lungs" in found:
        lines.append(f"In the lungs: {found['lungs']['pneumonia']['in_lungs']:.1%} of the evidence")
    if "planted" in found:
        lines += [
            f"Planted opacities of {row['diameter']:.0%} of the side and strength "
            f"{row['strength']:.0%}: {row['hit']:.1%} found"
            for row in found["planted"]["detection"]
        ]
    if "opacities" in found:
        outlined = found["opacities"]
        lines.append(
            f"Outlined opacities: hit {outlined['hit']:.1%}, gain {outlined['gain']:.2f}, own "
            f"heatmap better than others' on {outlined['own_wins']:.1%}"
        )
    adults = found.get("adults", {})
    return [*lines, *(f"{name}: AUC {row['auc']:.3f}" for name, row in adults.items())]


def write_heatmap_report(
    bundle: Bundle,
    data: Path,
    out: Path,
    *,
    max_images: int,
    tables: HeatmapTables,
    reserved: bool = False,
) -> HeatmapCheck:
    """Check a bundle's heatmaps on labelled images, and write figures and plots.

    Args:
        bundle: the model.
        data: labelled images; see `training.data.labelled.read_labelled`.
        out: made if missing; files of the same names are replaced.
        max_images: how many of those with pneumonia to test faithfulness on, chosen at random; at
            least 2.
        tables: what else they are measured against.
        reserved: use only images of the patients that no fit learns from
            (`training.data.reserved.RESERVED`).

    Returns:
        The content of ``OUT/explanation.json``.

    Raises:
        DatasetError: there is nothing to check on.
        RunError: `out` cannot be made.
    """
    root, records = read_labelled(data)
    if reserved:
        patients = reserved_patients()
        records = [record for record in records if record.patient in patients]
        if not records:
            raise DatasetError(
                f"{data}: has none of the patients that --reserved means. They are of chest_xray, "
                "by the names of its files."
            )
    images, records = load_images(root, records, bundle.preprocessing)
    positive = np.flatnonzero([record.label == 1 for record in records])
    if len(positive) < 2:  # one is compared with another's
        raise DatasetError(
            f"{data}: expected at least two images with pneumonia to check heatmaps on. Found: "
            f"{len(positive)}."
        )
    chosen = np.sort(np.random.default_rng(0).permutation(positive)[:max_images])
    make_folder(out)
    document: HeatmapCheck = {
        "model": bundle.identity(),
        "trained_on": count_trained_on(bundle, images, records),
        **check_faithfulness(bundle, images[chosen]),
        "localization": check_localization(bundle, root, records, images, tables),
    }
    write_json(out / "explanation.json", document)
    plots.save(plots.explanation_curves(document), out / "curves.png")
    plots.save(_sheet(bundle, root, records), out / "heatmaps.png")
    return document


def _sheet(bundle: Bundle, root: Path, records: Sequence[Record]) -> Figure:
    """Radiographs of each kind, chosen at random, without and with their heatmaps."""
    classifier = Classifier(bundle)
    rng = np.random.default_rng(0)
    groups = []
    for kind in sorted({record.kind for record in records}):
        members = [record for record in records if record.kind == kind]
        tiles = []
        for number in rng.permutation(len(members))[:_PER_KIND]:
            record = members[number]
            radiograph = read_radiograph(root / record.path, name=record.path)
            probability, heatmap = classifier.predict_ungated(radiograph)
            plain = np.round(255 * radiograph.pixels).astype(np.uint8)
            pair = np.hstack(
                [np.repeat(plain[..., np.newaxis], 3, axis=2), draw_overlay(radiograph, heatmap)]
            )
            tiles.append((pair, f"{Path(record.path).stem}  p={probability:.3f}"))
        groups.append((kind.capitalize(), tiles))
    return plots.image_grid(groups, columns=5, width=4.6)
