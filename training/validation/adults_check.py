"""How well a bundle ranks adults with a disease above normal ones, which it has not learned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NotRequired, TypedDict

import numpy as np

from cxr.errors import DatasetError
from cxr.model.bundle import Bundle
from cxr.model.operating_points import Interval
from cxr.reading.radiograph import read_radiograph
from training.data.fingerprints import count_trained_on
from training.data.labelled import read_labelled
from training.data.tables import read_csv
from training.metrics.evaluation import auc
from training.metrics.intervals import newcombe_interval
from training.validation.localization import Explain


class AdultFigures(TypedDict):
    """AUC of a disease that the model has not learned, on images of adults.

    trained_on: how many of them the model learned lungs from, as far as its bundle tells.
    disease: as the table calls it. interval: 95 % of the AUC, as if each image were of another
    person.
    """

    images: int
    auc: float
    interval: NotRequired[Interval]
    trained_on: NotRequired[int]
    disease: NotRequired[str]


def measure_adults(
    bundle: Bundle, explain: Explain, tables: Sequence[Path]
) -> dict[str, AdultFigures]:
    """Figures of each table of image and label, by the name of its folder.

    Raises:
        DatasetError: a table is not what was expected, or two are called alike.
        UnreadableRadiograph: an image cannot be read.
    """
    names = [path.parent.name for path in tables]
    if len(set(names)) < len(names):
        raise DatasetError(
            "Expected tables in folders of different names, by which they are called. Received: "
            f"{', '.join(map(str, tables))}."
        )
    return {
        name: _measure(bundle, explain, table) for name, table in zip(names, tables, strict=True)
    }


def _measure(bundle: Bundle, explain: Explain, table: Path) -> AdultFigures:
    rows = read_csv(table, columns=["label"])
    labels = rows["label"].str.strip()
    diseases = {label.casefold(): label for label in labels if label}
    diseases.pop("normal", None)
    if len(diseases) != 1:
        raise DatasetError(
            f"{table}: expected the label normal and that of one disease. Found: "
            f"{', '.join(sorted(diseases)) or 'normal alone'}. Make a table for each disease."
        )
    (disease,) = diseases.values()
    root, records = read_labelled(table, positive=disease)
    images = np.stack(
        [
            bundle.preprocessing.resize(read_radiograph(path, name=str(path)))
            for path in (root / record.path for record in records)
        ]
    )
    logits, _ = explain(images)
    positive = np.array([record.label for record in records])
    found = auc(positive, logits)
    trained_on = count_trained_on(bundle, images, records)
    return {
        "images": len(records),
        "auc": found,
        "interval": newcombe_interval(found, int(positive.sum()), int((1 - positive).sum())),
        "trained_on": trained_on,
        "disease": disease,
    }
