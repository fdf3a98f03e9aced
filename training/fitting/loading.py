"""A data folder becomes the images of a fit: split by patient, with the outlines that it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from cxr.errors import DatasetError
from cxr.model.bundle import CLASS_NAMES
from training.data.dataset import FITTED, Record, read_folder, require_both_classes
from training.data.images import Split, Splits, load_images
from training.data.outlines import (
    LUNGS,
    OPACITIES,
    outline_by_gate,
    read_extra,
    read_outlines,
)
from training.data.patients import split_by_patient, without_reserved
from training.fitting.config import TrainingConfig

_FEW = 0.5  # of the images with outlined lungs: where there are fewer, it is said


@dataclass(frozen=True, kw_only=True)
class OutlineTables:
    """Tables of outlines that people drew; see `training.data.outlines.read_outlines`.

    Attributes:
        lungs: of lungs; without any, the gate outlines them.
        opacities: of opacities; without any, none are known.
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

    Its train and val splits are pooled and split anew by patient, since the published val split has
    16 images only. Of its test split no image is decoded, and none is used.

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
        whole.take([row[record.path] for record in records])
        for records in split_by_patient(
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
    """All images of a data folder's train and val splits, and the duplicates that were left out.

    Images of the reserved patients (`training.data.reserved.RESERVED`) are left out, too.

    Args:
        config: its preprocessing is used, and its network decides whether outlines are needed.
        data: the data folder.
        outlines: what people drew.
        skip_unreadable: leave damaged files out instead of stopping.

    Raises:
        DatasetError: the folder, or a table of outlines, is not what was expected.
    """
    records, duplicates = read_folder(data)
    whole = _load(
        config, data, without_reserved(records), outlines, skip_unreadable=skip_unreadable
    )
    require_both_classes(data, FITTED, (record.label for record in whole.records))
    if whole.lungs is not None and set(whole.labels[whole.has_lungs]) != {0, 1}:
        advice = (
            "Add outlines of the other class to the table, or leave out --lungs, and the gate "
            "outlines all of them."
            if outlines.lungs
            else "The gate, which outlines them, is not certain of any lungs in a class. Look at "
            "the images, or add outlines that people drew (--lungs)."
        )
        raise DatasetError(
            f"{data}: lungs are not outlined in images of both classes, so that the network could "
            f"not learn where evidence belongs. {advice}"
        )
    if outlines.lungs and whole.has_lungs.mean() < _FEW:
        _warn_of_few(outlines.lungs, whole)
    return whole, duplicates


def _warn_of_few(tables: Sequence[Path], whole: Split) -> None:
    found = ", ".join(
        f"{CLASS_NAMES[label]} {whole.has_lungs[whole.labels == label].sum():,} of "
        f"{(whole.labels == label).sum():,}"
        for label in (0, 1)
    )
    tqdm.write(
        f"Warning: {', '.join(map(str, tables))}: outlines the lungs of few images ({found}). The "
        "network learns from these alone where evidence belongs. Check the names in the table."
    )


def load_reserved(config: TrainingConfig, data: Path, *, skip_unreadable: bool = False) -> Split:
    """The images that every fit leaves out, without outlines; none for most data folders.

    Args:
        config: its preprocessing is used.
        data: the data folder.
        skip_unreadable: leave damaged files out instead of stopping.

    Raises:
        DatasetError: the folder is not what was expected.
    """
    records = _reserved_records(data)
    size = config.preprocessing.size
    if not records:
        return Split(np.empty((0, size, size), np.float16), [])
    return Split(*load_images(data, records, config.preprocessing, skip_unreadable=skip_unreadable))


def load_reserved_with_lungs(
    config: TrainingConfig, data: Path, *, outlines: OutlineTables, skip_unreadable: bool = False
) -> Split | None:
    """The images that every fit of the evidence network leaves out, as far as lungs are outlined.

    Args:
        config: as for `load_whole`.
        data: the data folder.
        outlines: what people drew.
        skip_unreadable: leave damaged files out instead of stopping.

    Returns:
        Images of both classes with outlined lungs; None where a class has none.

    Raises:
        DatasetError: the folder, or a table of outlines, is not what was expected.
    """
    records = _reserved_records(data)
    if not records:
        return None
    split = _load(config, data, records, outlines, skip_unreadable=skip_unreadable, to_fit=False)
    outlined = split.with_outlined_lungs()
    return outlined if set(outlined.labels) == {0, 1} else None


def _reserved_records(data: Path) -> list[Record]:
    records, _ = read_folder(data)
    fitted = {record.path for record in without_reserved(records)}
    return [record for record in records if record.path not in fitted]


def _load(
    config: TrainingConfig,
    data: Path,
    records: Sequence[Record],
    outlines: OutlineTables,
    *,
    skip_unreadable: bool,
    to_fit: bool = True,
) -> Split:
    """Images of these records, with outlines if the network learns them.

    To fit, images from outside the data folder are read, too, and a table that names none of the
    data folder's is an error.
    """
    images, records = load_images(
        data, records, config.preprocessing, skip_unreadable=skip_unreadable
    )
    if config.network.architecture != "evidence":
        return Split(images, records)
    size = config.preprocessing.size
    if outlines.lungs:
        lungs = read_outlines(outlines.lungs, LUNGS, data, records, size, required=to_fit)
    else:
        lungs = outline_by_gate(images)
    extra, opacities = None, None
    if outlines.lungs and to_fit:
        extra = read_extra(
            outlines.lungs, data, records, config.preprocessing, skip_unreadable=skip_unreadable
        )
    if outlines.opacities:
        opacities = read_outlines(
            outlines.opacities, OPACITIES, data, records, size, required=to_fit
        )
    return Split(images, records, lungs, opacities, extra)
