"""SHA-256 digests that tell files, lists and outlines apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt


def file_digest(path: Path) -> str:
    """Digest of a file's content; empty if it has none or cannot be opened."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
            return digest.hexdigest() if file.tell() else ""
    except (OSError, ValueError):  # whoever reads the image reports what is wrong with it
        return ""


def list_digest(entries: Iterable[str]) -> str:
    """Digest of a list of texts, whatever their order."""
    return hashlib.sha256("".join(sorted(f"{entry}\n" for entry in entries)).encode()).hexdigest()


def array_digest(arrays: Iterable[npt.NDArray[np.generic] | None]) -> str:
    """Digest of the content of several arrays in this order, each of which may be missing."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(b"none" if array is None else np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
