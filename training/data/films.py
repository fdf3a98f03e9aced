"""Records become films in memory: read, resized, and parted by patient."""

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

Films = npt.NDArray[np.float16]
# (N, S, S) in [0, 1], share of each pixel inside; not a number throughout where nothing is known.
Outlines = npt.NDArray[np.float16]
Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Part:
    """N films and their records.

    Attributes:
        films: float16 of shape (N, S, S) in [0, 1]: finer than their 8 bits, at half the memory.
        records: of the films, in the same order.
        lungs: outlines of their lungs, (N, S, S); see `training.data.outlines`. None where no
            network learns them.
        opacities: outlines of their opacities, likewise, where somebody drew them.
        elsewhere: images of other places than the data folder, with outlines of their lungs: to
            learn lungs from, and of normal ones places, but no class.
    """

    films: Films
    records: list[Record]
    lungs: Outlines | None = None
    opacities: Outlines | None = None
    elsewhere: Part | None = None

    def take(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> Part:
        """The films of these rows, with what belongs to them."""
        rows = np.asarray(rows, dtype=np.int64)
        return Part(
            self.films[rows],
            [self.records[row] for row in rows],
            None if self.lungs is None else self.lungs[rows],
            None if self.opacities is None else self.opacities[rows],
            self.elsewhere,
        )

    @property
    def outlines_sha256(self) -> str | None:
        """Digest of all that is outlined; None where nothing is."""
        outlines = [self.lungs, self.opacities, self.elsewhere and self.elsewhere.lungs]
        if all(part is None for part in outlines):
            return None
        digest = hashlib.sha256()
        for part in outlines:
            digest.update(b"none" if part is None else np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """(N,), 0 for normal and 1 for pneumonia."""
        return np.array([record.label for record in self.records])

    @property
    def patients(self) -> int:
        """How many patients the films are of."""
        return len({record.patient for record in self.records})


@dataclass(frozen=True, eq=False)
class Parts:
    """What a fit works on; no patient is in both parts.

    Attributes:
        train: what the network learns from.
        validation: what it is measured on, and its thresholds are chosen on; none where a
            cross-validation has done both.
        copies: byte-identical films that were left out.
    """

    train: Part
    validation: Part
    copies: list[Record]


@dataclass(frozen=True, kw_only=True)
class OutlineTables:
    """Tables of outlines that people drew; see `training.data.outlines.read_outlines`.

    Attributes:
        lungs: of lungs; the gate outlines them where there is none.
        opacities: of opacities; none are known where there is none.
    """

    lungs: tuple[Path, ...] = ()
    opacities: tuple[Path, ...] = ()


def load_parts(
    config: TrainingConfig,
    data: Path,
    *,
    outlines: OutlineTables = OutlineTables(),
    skip_unreadable: bool = False,
) -> Parts:
    """Read a data folder for a fit.

    Its train and val splits are pooled and parted anew by patient (the published val split is 16
    films); its test split is never opened.

    Args:
        config: preprocessing, validation fraction and seed.
        data: the data folder.
        outlines: what people drew.
        skip_unreadable: leave damaged files out instead of stopping.

    Raises:
        DatasetError: the folder, or a table of outlines, is not what was expected.
    """
    whole, copies = load_whole(config, data, outlines=outlines, skip_unreadable=skip_unreadable)
    if not config.validation_fraction:
        return Parts(whole, whole.take([]), copies)
    row = {record.path: i for i, record in enumerate(whole.records)}
    train, validation = (
        whole.take([row[record.path] for record in part])
        for part in split_by_patient(
            whole.records, fraction=config.validation_fraction, seed=config.seed
        )
    )
    return Parts(train, validation, copies)


def load_whole(
    config: TrainingConfig,
    data: Path,
    *,
    outlines: OutlineTables = OutlineTables(),
    skip_unreadable: bool = False,
) -> tuple[Part, list[Record]]:
    """All films of a data folder's train and val splits, and the copies that were left out.

    Without those of the patients that are held out for examples (`training.data.dataset.HELD_OUT`).

    Args:
        config: whose preprocessing to use, and whose network decides whether outlines are needed.
        data: the data folder.
        outlines: what people drew.
        skip_unreadable: leave damaged files out instead of stopping.

    Raises:
        DatasetError: the folder, or a table of outlines, is not what was expected.
    """
    records, copies = read_folder(data)
    whole = _load(
        config, data, without_held_out(records), outlines, skip_unreadable=skip_unreadable
    )
    require_both_classes(data, ("train", "val"), (record.label for record in whole.records))
    return whole, copies


def load_held_out(
    config: TrainingConfig, data: Path, *, outlines: OutlineTables, skip_unreadable: bool = False
) -> Part | None:
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
) -> Part:
    """Images of these records, with outlines if the network learns them."""
    films, records = load_films(
        data, records, config.preprocessing, skip_unreadable=skip_unreadable
    )
    if config.network.architecture != "evidence":
        return Part(films, records)
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
        lungs, elsewhere = outline_by_gate(films), None
    opacities = None
    if outlines.opacities:
        opacities = read_outlines(outlines.opacities, OPACITIES, data, records, size)
    return Part(films, records, lungs, opacities, elsewhere)


def load_films(
    root: Path,
    records: Sequence[Record],
    preprocessing: Preprocessing,
    *,
    skip_unreadable: bool = False,
) -> tuple[Films, list[Record]]:
    """Decode and resize every film, once, on all cores.

    Args:
        root: the data folder that the records' paths are relative to.
        records: the films.
        preprocessing: the same that classification uses; only its resizing is done here, since
            augmentation comes before its normalisation.
        skip_unreadable: leave damaged files out instead of stopping.

    Returns:
        Films of shape (N, S, S) in [0, 1], and the N records that they belong to.

    Raises:
        DatasetError: files cannot be read, each listed with its reason.
    """
    loaded = read_films(root, records, lambda film: preprocessing.resize(film).astype(np.float16))
    failures = [result for result in loaded if isinstance(result, RadiographError)]
    for failure in failures:
        tqdm.write(f"unreadable: {failure}")
    if failures and not skip_unreadable:
        raise DatasetError(
            f"{root}: {len(failures)} of {len(records)} files cannot be read (listed above; the "
            f"first: {failures[0]}) Mend or remove them, or pass --skip-unreadable."
        )
    films, kept = [], []
    for result, record in zip(loaded, records, strict=True):
        if not isinstance(result, RadiographError):
            films.append(result)
            kept.append(record)
    if not films:
        raise DatasetError(f"{root}: none of its {len(records)} films can be read.")
    return np.stack(films), kept


def read_films(
    root: Path, records: Sequence[Record], make: Callable[[Radiograph], Made]
) -> list[Made | RadiographError]:
    """What `make` makes of each film, in order, on all cores; or why a film cannot be read."""

    def read(record: Record) -> Made | RadiographError:
        try:
            return make(read_radiograph(root / record.path, name=record.path))
        except RadiographError as error:
            return error

    with ThreadPoolExecutor() as pool:
        return list(tqdm(pool.map(read, records), total=len(records), desc="reading", unit="film"))


def resize_part(part: Part, size: int) -> Part:
    """A part with images and outlines of another size."""
    return replace(
        part,
        films=resize_films(part.films, size),
        lungs=None if part.lungs is None else resize_films(part.lungs, size),
        opacities=None if part.opacities is None else resize_films(part.opacities, size),
        elsewhere=None if part.elsewhere is None else resize_part(part.elsewhere, size),
    )


def resize_films(films: Films, size: int) -> Films:
    """Films of shape (N, S, S) as (N, size, size), where size is at most S."""
    if films.shape[1] == size:
        return films
    small = np.empty((len(films), size, size), dtype=np.float16)
    for i, film in enumerate(films):
        small[i] = cv2.resize(film.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    return small
