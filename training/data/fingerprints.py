"""Whether images are the same: digests of lists of them, and fingerprints of those trained on."""

from __future__ import annotations

from collections.abc import Iterable

from cxr.model.bundle import Bundle
from training.data.dataset import Record
from training.data.digests import list_digest

_FINGERPRINT_LENGTH = 12  # hexadecimal digits: enough to tell whether an image is in a list


def file_list_digest(records: Iterable[Record]) -> str:
    """SHA-256 over the sorted paths and contents: equal if and only if the images are."""
    return list_digest(f"{record.digest}  {record.path}" for record in records)


def fingerprints(records: Iterable[Record]) -> set[str]:
    """The first digits of each image's SHA-256; images without a digest are left out."""
    return {record.digest[:_FINGERPRINT_LENGTH] for record in records if record.digest}


def trained_fingerprints(bundle: Bundle) -> set[str]:
    """Fingerprints of the images that a model was trained on; none where none were recorded."""
    return set(str(bundle.evaluation.get("trained_fingerprints", "")).split())


def count_trained_on(bundle: Bundle, records: Iterable[Record]) -> int:
    """How many of the images a model was trained on, whatever the files are called here."""
    trained = trained_fingerprints(bundle)
    return sum(bool(fingerprints([record]) & trained) for record in records)
