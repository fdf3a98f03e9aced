"""Scores of the images that a fold of a cross-validation holds out, also under perturbations."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from cxr.reading.radiograph import read_radiograph
from training.data.dataset import Record
from training.data.images import Split, StoredImages
from training.files import write_text
from training.fitting.config import TrainingConfig
from training.fitting.prediction import predict_logits
from training.validation.folds import FoldedImages
from training.validation.perturbations import PERTURBATIONS


def score(
    network: keras.Model, config: TrainingConfig, images: FoldedImages, number: int, path: Path
) -> None:
    """Write the logits of the images that a fold holds out, by its number from 1.

    Those of reserved patients, whom no fold learns from, come last and are marked.
    """
    parts = [images.splits(number).validation, images.reserved_of(number)]
    tables = [
        pd.DataFrame(
            {
                "path": [record.path for record in split.records],
                "label": split.labels,
                "patient": [record.patient for record in split.records],
                "kind": [record.kind for record in split.records],
                "fold": number,
                "reserved": reserved,
                "logit": _logits(network, split.images, config),
            }
        )
        for reserved, split in enumerate(parts)
        if split.records
    ]
    write_text(path, pd.concat(tables).to_csv(index=False, float_format="%.6f"))


def _logits(
    network: keras.Model, images: StoredImages, config: TrainingConfig
) -> npt.NDArray[np.float32]:
    return predict_logits(network, images, config.preprocessing, flip_tta=config.flip_tta)


def score_perturbed(
    network: keras.Model, config: TrainingConfig, split: Split, data: Path, path: Path
) -> None:
    """Write the logits of images under each perturbation; `data` is the folder they are in."""
    rows = []
    for number, images in _perturbed(split.records, config, data):
        logits = _logits(network, images, config)
        rows += [
            {
                "perturbation": number,
                "path": record.path,
                "label": record.label,
                "logit": float(logit),
            }
            for record, logit in zip(split.records, logits, strict=True)
        ]
    table = pd.DataFrame(rows, columns=["perturbation", "path", "label", "logit"])
    write_text(path, table.to_csv(index=False, float_format="%.6f"))


def _perturbed(
    records: Sequence[Record], config: TrainingConfig, data: Path
) -> Iterator[tuple[int, StoredImages]]:
    """Numbers of perturbations and images (N, S, S); first -1 and the images as they are."""
    if not records:
        return
    read = [read_radiograph(data / record.path, name=record.path) for record in records]
    resize = config.preprocessing.resize
    first = np.stack([resize(radiograph) for radiograph in read]).astype(np.float16)
    yield -1, first
    for number, perturbation in enumerate(
        tqdm(PERTURBATIONS, desc="perturbations", unit="perturbation")
    ):
        images = np.empty((len(read), *first.shape[1:]), dtype=np.float16)
        for row, radiograph in enumerate(read):
            changed = perturbation(radiograph.pixels, np.random.default_rng((number, row)))
            images[row] = resize(dataclasses.replace(radiograph, pixels=changed))
        yield number, images
