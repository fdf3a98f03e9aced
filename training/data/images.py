"""Records become images in memory: read, resized, and parted by patient."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from cxr.errors import DatasetError, RadiographError
from cxr.preprocessing import Preprocessing
from cxr.reading.radiograph import Radiograph, read_radiograph
from training.data.dataset import (
    Record,
    read_folder,
    require_both_classes,
    split_by_patient,
    without_held_out,
)
from training.fitting.config import TrainingConfig

StoredImages = npt.NDArray[np.float16]
# (N, S, S) in [0, 1], share of each pixel inside; not a number throughout where nothing is known.
Outlines = npt.NDArray[np.float16]
Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Split:
    """N images and their records.

    Attributes:
        images: float16 of shape (N, S, S) in [0, 1]: finer than their 8 bits, at half the memory.
        records: of the images, in the same order.
        lungs: outlines of their lungs, (N, S, S); see `training.data.outlines`. None where no
            network learns them.
        opacities: outlines of their opacities, likewise, where somebody drew them.
        elsewhere: images of other places than the data folder, with outlines of their lungs: to
            learn lungs from, and of normal ones places, but no class.
    """

    images: StoredImages
    records: list[Record]
    lungs: Outlines | None = None
    opacities: Outlines | None = None
    elsewhere: Split | None = None

    def take(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> Split:
        """The images of these rows, with what belongs to them."""
        rows = np.asarray(rows, dtype=np.int64)
        return Split(
            self.images[rows],
            [self.records[row] for row in rows],
            None if self.lungs is None else self.lungs[rows],
            None if self.opacities is None else self.opacities[rows],
            self.elsewhere,
        )

    @property
    def outlines_sha256(self) -> str | None:
        """Digest of all that is outlined; None where nothing is."""
        outlines = [self.lungs, self.opacities, self.elsewhere and self.elsewhere.lungs]
        if all(split is None for split in outlines):
            return None
        digest = hashlib.sha256()
        for split in outlines:
            digest.update(b"none" if split is None else np.ascontiguousarray(split).tobytes())
        return digest.hexdigest()

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """(N,), 0 for normal and 1 for pneumonia."""
        return np.array([record.label for record in self.records])

    @property
    def patients(self) -> int:
        """How many patients the images are of."""
        return len({record.patient for record in self.records})


@dataclass(frozen=True, eq=False)
class Splits:
    """What a fit works on; no patient is in both parts.

    Attributes:
        train: what the network learns from.
        validation: what it is measured on, and its thresholds are chosen on; none where a
            cross-validation has done both.
        duplicates: byte-identical images that were left out.
    """

    train: Split
    validation: Split
    duplicates: list[Record]


@dataclass(frozen=True, kw_only=True)
class OutlineTables:
    """Tables of outlines that people drew; see `training.data.outlines.read_outlines`.

    Attributes:
        lungs: of lungs; the gate outlines them where there is none.
        opacities: of opacities; none are known where there is none.
    """

    lungs: tuple[Path, ...] = ()
    opacities: tuple[Path, ...] = ()


def load_splits(
    config: TrainingConfig,
    data: Path,
    *,
    outlines: OutlineTables = OutlineTables(),
    skip_unreadable: bool = False,
) -> Splits:
    """Read a data folder for a fit.

    Its train and val splits are pooled and parted anew by patient (the published val split is 16
    images); its test split is never opened.

    Args:
        config: preprocessing, validation fraction and seed.
        data: the data folder.
        outlines: what people drew.
        skip_unreadable: leave damaged files out instead of stopping.

    Raises:
        DatasetError: the folder, or a table of outlines, is not what was expected.
    """
    whole, duplicates = load_whole(config, data, outlines=outlines, skip_unreadable=skip_unreadable)
    if not config.validation_fraction:
        return Splits(whole, whole.take([]), duplicates)
    row = {record.path: i for i, record in enumerate(whole.records)}
    train, validation = (
        whole.take([row[record.path] for record in split])
        for split in split_by_patient(
            whole.records, fraction=config.validation_fraction, seed=config.seed
        )
    )
    return Splits(train, validation, duplicates)


def load_whole(
    config: TrainingConfig,
    data: Path,
    *,
    outlines: OutlineTables = OutlineTables(),
    skip_unreadable: bool = False,
) -> tuple[Split, list[Record]]:
    """All images of a data folder's train and val splits, and the copies that were left out.

    Without those of the patients that are held out for examples (`training.data.dataset.HELD_OUT`).

    Args:
        config: whose preprocessing to use, and whose network decides whether outlines are needed.
        data: the data folder.
        outlines: what people drew.
        skip_unreadable: leave damaged files out instead of stopping.

    Raises:
        DatasetError: the folder, or a table of outlines, is not what was expected.
    """
    records, duplicates = read_folder(data)
    whole = _load(
        config, data, without_held_out(records), outlines, skip_unreadable=skip_unreadable
    )
    require_both_classes(data, ("train", "val"), (record.label for record in whole.records))
    return whole, duplicates


def load_held_out(
    config: TrainingConfig, data: Path, *, outlines: OutlineTables, skip_unreadable: bool = False
) -> Split | None:
    """The images of a data folder that every fit leaves out; None where there are none of a class.

    Args:
        config: as for `load_whole`.
        data: the data folder.
        outlines: what people drew.
        skip_unreadable: leave damaged files out instead of stopping.

    Raises:
        DatasetError: the folder, or a table of outlines, is not what was expected.
    """
    records, _ = read_folder(data)
    fitted = {record.path for record in without_held_out(records)}
    left_out = [record for record in records if record.path not in fitted]
    if {record.label for record in left_out} != {0, 1}:
        return None
    return _load(config, data, left_out, outlines, skip_unreadable=skip_unreadable)


def _load(
    config: TrainingConfig,
    data: Path,
    records: Sequence[Record],
    outlines: OutlineTables,
    *,
    skip_unreadable: bool,
) -> Split:
    """Images of these records, with outlines if the network learns them."""
    images, records = load_images(
        data, records, config.preprocessing, skip_unreadable=skip_unreadable
    )
    if config.network.architecture != "evidence":
        return Split(images, records)
    from training.data.outlines import (
        LUNGS,
        OPACITIES,
        outline_by_gate,
        read_elsewhere,
        read_outlines,
    )

    size = config.preprocessing.size
    if outlines.lungs:
        lungs = read_outlines(outlines.lungs, LUNGS, data, records, size)
        elsewhere = read_elsewhere(outlines.lungs, data, records, config.preprocessing)
    else:
        lungs, elsewhere = outline_by_gate(images), None
    opacities = None
    if outlines.opacities:
        opacities = read_outlines(outlines.opacities, OPACITIES, data, records, size)
    return Split(images, records, lungs, opacities, elsewhere)


def load_images(
    root: Path,
    records: Sequence[Record],
    preprocessing: Preprocessing,
    *,
    skip_unreadable: bool = False,
) -> tuple[StoredImages, list[Record]]:
    """Decode and resize every image, once, on all cores.

    Args:
        root: the data folder that the records' paths are relative to.
        records: the images.
        preprocessing: the same that classification uses; only its resizing is done here, since
            augmentation comes before its normalisation.
        skip_unreadable: leave damaged files out instead of stopping.

    Returns:
        Images of shape (N, S, S) in [0, 1], and the N records that they belong to.

    Raises:
        DatasetError: files cannot be read, each listed with its reason.
    """
    loaded = read_images(
        root, records, lambda image: preprocessing.resize(image).astype(np.float16)
    )
    failures = [result for result in loaded if isinstance(result, RadiographError)]
    for failure in failures:
        tqdm.write(f"unreadable: {failure}")
    if failures and not skip_unreadable:
        raise DatasetError(
            f"{root}: {len(failures)} of {len(records)} files cannot be read (listed above; the "
            f"first: {failures[0]}) Mend or remove them, or pass --skip-unreadable."
        )
    images, kept = [], []
    for result, record in zip(loaded, records, strict=True):
        if not isinstance(result, RadiographError):
            images.append(result)
            kept.append(record)
    if not images:
        raise DatasetError(f"{root}: none of its {len(records)} images can be read.")
    return np.stack(images), kept


def read_images(
    root: Path, records: Sequence[Record], make: Callable[[Radiograph], Made]
) -> list[Made | RadiographError]:
    """What `make` makes of each image, in order, on all cores; or why a image cannot be read."""

    def read(record: Record) -> Made | RadiographError:
        try:
            return make(read_radiograph(root / record.path, name=record.path))
        except RadiographError as error:
            return error

    with ThreadPoolExecutor() as pool:
        return list(tqdm(pool.map(read, records), total=len(records), desc="reading", unit="image"))


def resize_split(split: Split, size: int) -> Split:
    """A part with images and outlines of another size."""
    return replace(
        split,
        images=resize_images(split.images, size),
        lungs=None if split.lungs is None else resize_images(split.lungs, size),
        opacities=None if split.opacities is None else resize_images(split.opacities, size),
        elsewhere=None if split.elsewhere is None else resize_split(split.elsewhere, size),
    )


def resize_images(images: StoredImages, size: int) -> StoredImages:
    """Images of shape (N, S, S) as (N, size, size), where size is at most S."""
    if images.shape[1] == size:
        return images
    small = np.empty((len(images), size, size), dtype=np.float16)
    for i, image in enumerate(images):
        small[i] = cv2.resize(image.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    return small
