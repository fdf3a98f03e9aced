"""Records become images in memory: read, resized, and kept with their outlines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from cxr.errors import DatasetError, RadiographError, for_terminal
from cxr.preprocessing import Preprocessing
from cxr.reading.radiograph import Radiograph, read_radiograph
from training.data.dataset import Record
from training.data.digests import array_digest, list_digest

StoredImages = npt.NDArray[np.float16]  # (N, S, S) in [0, 1]
# (N, S, S) in [0, 1], how much of each pixel is inside; NaN throughout an image without outlines.
Outlines = npt.NDArray[np.float16]
Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Split:
    """N images and their records.

    Attributes:
        images: float16 of shape (N, S, S) in [0, 1]: finer than their 8 bits, at half the memory
            of float32.
        records: of the images, in the same order.
        lungs: outlines of their lungs, (N, S, S); see `training.data.outlines`. None for a network
            that does not learn them.
        opacities: outlines of their opacities, likewise; None where nobody drew any.
        extra: images from outside the data folder, with outlines of their lungs. The network
            learns lungs from them, and from the normal ones where no evidence belongs; it learns no
            class from them.
    """

    images: StoredImages
    records: list[Record]
    lungs: Outlines | None = None
    opacities: Outlines | None = None
    extra: Split | None = None

    def take(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> Split:
        """The images of these rows, with their records and outlines."""
        rows = np.asarray(rows, dtype=np.int64)
        return Split(
            self.images[rows],
            [self.records[row] for row in rows],
            None if self.lungs is None else self.lungs[rows],
            None if self.opacities is None else self.opacities[rows],
            self.extra,
        )

    def with_outlined_lungs(self) -> Split:
        """The images whose lungs somebody outlined."""
        return self.take(np.flatnonzero(self.has_lungs))

    @property
    def has_lungs(self) -> npt.NDArray[np.bool_]:
        """Whether somebody outlined the lungs of each image (N,)."""
        if self.lungs is None:
            return np.zeros(len(self.records), dtype=bool)
        return np.asarray(~np.isnan(self.lungs[:, 0, 0]))

    @property
    def outlines_sha256(self) -> str | None:
        """Digest of all outlines, and of extra images; None where there are none."""
        extra = self.extra.lungs if self.extra else None
        outlines = [self.lungs, self.opacities, extra]
        if all(array is None for array in outlines):
            return None
        digest = array_digest(outlines)
        if self.extra is None:
            return digest
        labelled = (f"{record.label}  {record.digest}" for record in self.extra.records)
        return list_digest([digest, *labelled])

    @property
    def nbytes(self) -> int:
        """Size of all arrays in bytes."""
        arrays = (self.images, self.lungs, self.opacities)
        own = sum(array.nbytes for array in arrays if array is not None)
        return own + (self.extra.nbytes if self.extra else 0)

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
    """The images of one fit; no patient is in both splits.

    Attributes:
        train: what the network learns from.
        validation: what it is measured on, and its thresholds are chosen on. Empty where a
            cross-validation does both.
        duplicates: byte-identical images that were left out.
    """

    train: Split
    validation: Split
    duplicates: list[Record]


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
        preprocessing: the same that classification uses. Only its resizing is done here, since
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
        tqdm.write(for_terminal(f"unreadable: {failure}"))
    if failures and not skip_unreadable:
        raise DatasetError(
            f"{root}: {len(failures)} of {len(records)} files cannot be read (listed above; the "
            f"first: {failures[0]}) Repair or remove them; fit, tune, cross-validate and evaluate "
            "leave them out with --skip-unreadable."
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
    root: Path,
    records: Sequence[Record],
    make: Callable[[Radiograph], Made],
    *,
    doing: str = "reading",
) -> list[Made | RadiographError]:
    """Read every image on all cores and apply a function to it.

    Args:
        root: the folder that the records' paths are relative to.
        records: the images.
        make: what to do with each radiograph.
        doing: what the progress bar says.

    Returns:
        For each record, in order, the function's result, or the error why it cannot be read.
    """

    def read(record: Record) -> Made | RadiographError:
        try:
            return make(read_radiograph(root / record.path, name=record.path))
        except RadiographError as error:
            return error

    with ThreadPoolExecutor() as pool:
        return list(tqdm(pool.map(read, records), total=len(records), desc=doing, unit="image"))


def resize_split(split: Split, size: int) -> Split:
    """The split with images and outlines of shape (N, size, size), where size is at most S."""
    return replace(
        split,
        images=resize_images(split.images, size),
        lungs=None if split.lungs is None else resize_images(split.lungs, size),
        opacities=None if split.opacities is None else resize_images(split.opacities, size),
        extra=None if split.extra is None else resize_split(split.extra, size),
    )


def resize_images(images: StoredImages, size: int) -> StoredImages:
    """Images of shape (N, S, S) as (N, size, size), where size is at most S."""
    if images.shape[1] == size:
        return images
    small = np.empty((len(images), size, size), dtype=np.float16)
    for i, image in enumerate(images):
        small[i] = cv2.resize(image.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    return small
