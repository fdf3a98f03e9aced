"""What the gate learns from: images of children, of adults with lung masks, and other pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from cxr.errors import DatasetError, RadiographError, UnreadableRadiograph
from cxr.gate.lungs import KINDS, Kind
from cxr.preprocessing import Preprocessing
from cxr.reading.radiograph import read_radiograph
from training.data.dataset import Record, read_folder
from training.data.images import StoredImages, load_images

# What a picture shows, by how its file's name begins; "other" where the name is mute.
_KIND_OF: dict[str, Kind] = {
    "ct": "ct",
    "lateral": "lateral",
    **dict.fromkeys(("hand", "knee", "kneefig", "mura", "limb", "bones"), "bones"),
}


@dataclass(frozen=True, eq=False, kw_only=True)
class Pictures:
    """All pictures, resized to S×S, float16 in [0, 1].

    Attributes:
        children: (M, S, S), frontal chest radiographs of children.
        records: of the children's images.
        adults: (N, S, S), frontal chest radiographs of adults.
        adult_masks: (N, S, S), their lungs, 0 or 1.
        adult_names: of the adults' images.
        others: (K, S, S), pictures of anything else.
        other_names: of the other pictures.
        other_kinds: what they show.
    """

    children: StoredImages
    records: list[Record]
    adults: StoredImages
    adult_masks: StoredImages
    adult_names: list[str]
    others: StoredImages
    other_names: list[str]
    other_kinds: list[Kind]


def load_others(data: Path, lungs: Path, others: Path, *, size: int) -> Pictures:
    """Read everything.

    Args:
        data: a data folder of children's images; its test split is never opened.
        lungs: a CSV of adults' images, with the columns image and lung_mask.
        others: a CSV of other pictures, with the column path; what each shows is its column kind,
            or else how its file's name begins. What cannot be read is left out and listed.
        size: side S of the pictures.

    Raises:
        DatasetError: a folder or table is not what was expected.
        RadiographError: an adult's image or mask cannot be read.
    """
    preprocessing = Preprocessing(size=size)
    records, _ = read_folder(data)
    children, records = load_images(data, records, preprocessing)
    table = read_lung_table(lungs)
    adults = [preprocessing.resize(read_radiograph(path)) for path in table["image"]]
    masks = [read_mask(path, size) for path in table["lung_mask"]]
    pictures, names, kinds = _read_others(others, preprocessing)
    return Pictures(
        children=children,
        records=records,
        adults=np.stack(adults).astype(np.float16),
        adult_masks=np.stack(masks).astype(np.float16),
        adult_names=[Path(path).name for path in table["image"]],
        others=np.stack(pictures).astype(np.float16),
        other_names=names,
        other_kinds=kinds,
    )


def _read_others(
    table: Path, preprocessing: Preprocessing
) -> tuple[list[npt.NDArray[np.float32]], list[str], list[Kind]]:
    rows = _read_table(table, {"path"})
    pictures, names, kinds = [], [], []
    for _, row in rows.iterrows():
        name = Path(row["path"]).name
        try:
            radiograph = read_radiograph(table.parent / row["path"])
        except RadiographError as error:
            tqdm.write(f"left out: {error}")
            continue
        kind = row["kind"] if "kind" in rows else _KIND_OF.get(name.split("_")[0], "other")
        if kind not in KINDS[1:]:
            expected = ", ".join(KINDS[1:])
            raise DatasetError(f"{table}: expected kinds {expected}. Received: {kind!r}.")
        pictures.append(preprocessing.resize(radiograph))
        names.append(name)
        kinds.append(kind)
    if not pictures:
        raise DatasetError(f"{table}: none of its pictures can be read.")
    return pictures, names, kinds


def read_lung_table(table: Path) -> pd.DataFrame:
    """Paths of images and of their lung masks, columns `image` and `lung_mask`.

    Args:
        table: a CSV with these columns, whose paths are relative to it.

    Raises:
        DatasetError: it cannot be read, or lacks a column.
    """
    rows = _read_table(table, {"image", "lung_mask"})
    return rows[["image", "lung_mask"]].map(lambda name: str(table.parent / name))


def _read_table(table: Path, columns: set[str]) -> pd.DataFrame:
    try:
        rows = pd.read_csv(table, dtype=str)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{table}: cannot be read as CSV ({error}).") from error
    if not columns <= set(rows.columns) or not len(rows):
        named = " and ".join(sorted(columns))
        raise DatasetError(f"{table}: expected rows with the columns {named}.")
    return rows


def read_mask(path: str, size: int) -> npt.NDArray[np.float32]:
    """A lung mask as float32 (size, size), 0 or 1.

    Raises:
        UnreadableRadiograph: it cannot be read as a picture.
    """
    mask = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise UnreadableRadiograph(f"{path}: cannot be read as a mask.")
    shares = cv2.resize((mask > 0).astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(shares >= 0.5, dtype=np.float32)


def kind_folds(kinds: Sequence[Kind], *, folds: int, seed: int) -> npt.NDArray[np.int64]:
    """Fold numbers (K,) from 0; each kind is spread over all folds as evenly as it can be."""
    rng = np.random.default_rng(seed)
    numbers = np.zeros(len(kinds), dtype=np.int64)
    for kind in sorted(set(kinds)):
        members = np.flatnonzero(np.array(kinds) == kind)
        numbers[members] = rng.permutation(len(members)) % folds
    return numbers
