"""What the gate learns from: radiographs with masks of their lungs, and other images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from cxr.errors import DatasetError, RadiographError, for_terminal
from cxr.gate.lungs import KINDS, Kind
from cxr.preprocessing import Preprocessing, lung_preprocessing
from cxr.reading.radiograph import read_radiograph
from training.data.dataset import Record, read_folder
from training.data.images import Outlines, StoredImages, load_images
from training.data.outlines import LUNGS, read_extra, read_outlines
from training.data.patients import without_reserved
from training.data.tables import read_csv

# What an image shows, by the first word of its file's name; "other" for any other word.
_KIND_BY_NAME: dict[str, Kind] = {
    "ct": "ct",
    "lateral": "lateral",
    **dict.fromkeys(("hand", "knee", "kneefig", "mura", "limb", "bones"), "bones"),
}


@dataclass(frozen=True, eq=False, kw_only=True)
class GateImages:
    """All images that a gate is made from, resized to S×S, float16 in [0, 1].

    Attributes:
        children: (M, S, S), frontal chest radiographs of children.
        child_masks: (M, S, S), their lungs, 0 or 1; NaN throughout where nobody outlined them.
        records: of the children's images.
        adults: (N, S, S), frontal chest radiographs of adults.
        adult_masks: (N, S, S), their lungs, 0 or 1.
        adult_names: file names of the adults' images.
        others: (K, S, S), images of anything else.
        other_names: file names of the other images.
        other_kinds: what the other images show.
    """

    children: StoredImages
    child_masks: Outlines
    records: list[Record]
    adults: StoredImages
    adult_masks: Outlines
    adult_names: list[str]
    others: StoredImages
    other_names: list[str]
    other_kinds: list[Kind]


def load_gate_images(data: Path, lungs: Sequence[Path], others: Path, *, size: int) -> GateImages:
    """Read all images that a gate is made from.

    Args:
        data: a data folder of children's images. Its test split is not read, and patients whom no
            fit learns from are left out.
        lungs: CSVs with the columns image and lung_mask. Images of the data folder are children's,
            all others adults'.
        others: a CSV of images of anything else, with the column path. The optional column kind
            says what each shows; without it, the first word of the file's name does. Files that
            cannot be read are left out and listed.
        size: side S of the resized images.

    Raises:
        DatasetError: a folder or table is not what was expected, or names no adult's image.
        RadiographError: an adult's image or mask cannot be read.
    """
    preprocessing = lung_preprocessing(size)
    records = without_reserved(read_folder(data)[0])
    children, records = load_images(data, records, preprocessing)
    adults = read_extra(lungs, data, records, preprocessing)
    if adults is None or adults.lungs is None:
        named = ", ".join(map(str, lungs))
        raise DatasetError(f"{named}: expected images of adults, too: none lies outside {data}.")
    other_images, names, kinds = _read_others(others, preprocessing)
    return GateImages(
        children=children,
        child_masks=read_outlines(lungs, LUNGS, data, records, size, required=False),
        records=records,
        adults=adults.images,
        adult_masks=adults.lungs,
        adult_names=[Path(record.path).name for record in adults.records],
        others=np.stack(other_images).astype(np.float16),
        other_names=names,
        other_kinds=kinds,
    )


def _read_others(
    table: Path, preprocessing: Preprocessing
) -> tuple[list[npt.NDArray[np.float32]], list[str], list[Kind]]:
    rows = _read_table(table)
    images, names, kinds = [], [], []
    for _, row in rows.iterrows():
        if not row["path"].strip():
            raise DatasetError(f"{table}: a row has no path. Fill it in, or delete the row.")
        name = Path(row["path"]).name
        try:
            radiograph = read_radiograph(table.parent / row["path"])
        except RadiographError as error:
            tqdm.write(for_terminal(f"unreadable, left out: {error}"))
            continue
        kind = row["kind"] if "kind" in rows else _KIND_BY_NAME.get(name.split("_")[0], "other")
        if kind not in KINDS[1:]:
            expected = ", ".join(KINDS[1:])
            raise DatasetError(
                f"{table}: expected {expected} in the column kind. Received: {kind!r}."
            )
        images.append(preprocessing.resize(radiograph))
        names.append(name)
        kinds.append(kind)
    if not images:
        raise DatasetError(
            f"{table}: none of its images can be read (listed above). Paths are relative to the "
            "table."
        )
    return images, names, kinds


def _read_table(table: Path) -> pd.DataFrame:
    """The rows of a CSV of other images.

    Raises:
        DatasetError: it cannot be read, lacks the column path, or has no rows.
    """
    rows = read_csv(table)
    if "path" not in rows or not len(rows):
        raise DatasetError(
            f"{table}: expected rows with the column path. Found {len(rows)} rows with "
            f"{', '.join(map(str, rows.columns))}."
        )
    return rows


def kind_folds(kinds: Sequence[Kind], *, folds: int, seed: int) -> npt.NDArray[np.int64]:
    """Fold numbers (K,) from 0, with each kind spread over the folds as evenly as possible."""
    rng = np.random.default_rng(seed)
    numbers = np.zeros(len(kinds), dtype=np.int64)
    spread = 0
    for kind in sorted(set(kinds)):
        members = np.flatnonzero(np.array(kinds) == kind)
        # It goes on where the kind before ended, so that few images of each leave no fold empty.
        numbers[members] = (spread + rng.permutation(len(members))) % folds
        spread += len(members)
    return numbers
