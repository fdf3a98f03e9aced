"""Whether images are the same: digests of lists of files, and which images were trained on."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from cxr.model.bundle import Bundle
from cxr.model.fingerprint import fingerprint, fingerprints_to_text, is_among
from training.data.dataset import Record
from training.data.digests import list_digest
from training.data.images import Split


def file_list_digest(records: Iterable[Record]) -> str:
    """SHA-256 over the sorted paths and contents: equal if and only if the images are."""
    return list_digest(f"{record.digest}  {record.path}" for record in records)


def split_fingerprints(split: Split) -> str:
    """Fingerprints of all images of a split, also of those that teach lungs alone."""
    images = [*split.images, *(split.extra.images if split.extra else [])]
    return fingerprints_to_text(
        np.array([fingerprint(np.asarray(image, dtype=np.float32)) for image in images])
    )


def count_trained_on(bundle: Bundle, images: npt.NDArray[np.floating]) -> int:
    """How many of the images (N, S, S) a model was trained on, whatever their files are now."""
    return _count(images, bundle.trained_fingerprints)


def count_chosen_on(bundle: Bundle, images: npt.NDArray[np.floating]) -> int:
    """On how many of the images (N, S, S) its thresholds were chosen, of those of a validation."""
    return _count(images, bundle.validation_fingerprints)


def _count(images: npt.NDArray[np.floating], known: npt.NDArray[np.uint8]) -> int:
    return sum(is_among(np.asarray(image, dtype=np.float32), known) for image in images)
