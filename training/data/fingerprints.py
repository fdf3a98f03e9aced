"""Whether images are the same: digests of lists of files, and which images were trained on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from cxr.model.bundle import Bundle
from cxr.model.fingerprint import fingerprint, fingerprints_to_text, is_among
from training.data.dataset import Record
from training.data.digests import list_digest
from training.data.images import Split

_DIGEST_UNTIL_022 = 12  # hexadecimal digits of a file's SHA-256


def file_list_digest(records: Iterable[Record]) -> str:
    """SHA-256 over the sorted paths and contents: equal if and only if the images are."""
    return list_digest(f"{record.digest}  {record.path}" for record in records)


def split_fingerprints(split: Split, *, most: int) -> str:
    """Fingerprints of the images of a split, also of those that teach lungs alone.

    Args:
        split: the images.
        most: how many; of more images, so many are taken evenly, since a model's files are bounded.
    """
    images = [*split.images, *(split.extra.images if split.extra else [])]
    if len(images) > most:
        images = [images[i] for i in np.linspace(0, len(images) - 1, most).astype(int)]
    return fingerprints_to_text(
        np.array([fingerprint(np.asarray(image, dtype=np.float32)) for image in images])
    )


def count_trained_on(
    bundle: Bundle, images: npt.NDArray[np.floating], records: Sequence[Record]
) -> int:
    """How many of the images a model was trained on, whatever their files are now.

    Args:
        bundle: the model.
        images: (N, S, S), as their files have them: the page also turns what lies wrong.
        records: of the images. Models of before 0.23 know files by their digests alone.
    """
    known = bundle.trained_fingerprints
    words = str(bundle.evaluation.get("trained_fingerprints", "")).split()
    digests = {word for word in words if len(word) == _DIGEST_UNTIL_022}
    return sum(
        record.digest[:_DIGEST_UNTIL_022] in digests or _is_among(image, known)
        for image, record in zip(images, records, strict=True)
    )


def count_chosen_on(bundle: Bundle, images: npt.NDArray[np.floating]) -> int:
    """On how many of the images (N, S, S) its thresholds were chosen, of those of a validation."""
    return sum(_is_among(image, bundle.validation_fingerprints) for image in images)


def _is_among(image: npt.NDArray[np.floating], known: npt.NDArray[np.uint8]) -> bool:
    return is_among(np.asarray(image, dtype=np.float32), known)
