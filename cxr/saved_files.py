"""Reads, checks and identifies saved networks. Models and the gate share these rules."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cxr.errors import BundleError
from cxr.messages import Message
from cxr.old_names import with_new_names

MAX_JSON_BYTES = 4_000_000  # of a document; those of a model have some 100 KB
MAX_BYTES = 100_000_000  # of weights, or of a graph


def former_of(folder: Path) -> Path:
    """Where a folder waits while another takes its place; see `training.files.replaced_whole`."""
    return folder.with_name(f".former-{folder.name}")  # a name that nobody gives to a folder


def where_it_is(folder: Path) -> Path:
    """The folder; its former version, if a process was killed while replacing it."""
    # In this order, since another process may finish replacing it between the two questions.
    return folder if folder.exists() or not former_of(folder).is_dir() else former_of(folder)


def read_model_json(path: Path, *, sha256: str | None = None) -> dict[str, Any]:
    """The JSON object of a file; fields of earlier versions get their present names.

    Args:
        path: the file.
        sha256: of the file, if only that one will do.

    Raises:
        BundleError: the file is missing, too large or another one, or holds no JSON object.
    """
    try:
        require_size(path, MAX_JSON_BYTES)
        content = path.read_bytes()
        if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
            raise BundleError(f"{path}: was exchanged while the model was loaded. Try again.")
        document = with_new_names(json.loads(content.decode("utf-8")))
        if b"\\ud" in content.lower():  # half a character, maybe, which nothing can write
            json.dumps(document, ensure_ascii=False).encode("utf-8")
    except FileNotFoundError as error:
        raise BundleError(Message("bundle_file_missing", {"path": str(path)})) from error
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{path}: cannot be read as JSON ({error}).") from error
    if not isinstance(document, dict):
        raise BundleError(f"{path}: expected a JSON object. Received: {type(document).__name__}.")
    return document


def write_model_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON object; tuples become lists."""
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def file_digests(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """SHA-256 of each of these files of a folder, by name and in this order.

    Raises:
        BundleError: a file is missing or cannot be read.
    """
    return {name: _sha256(folder / name) for name in names}


def verify_digests(folder: Path, expected: Mapping[str, str], *, listed_in: str) -> None:
    """Check that files are as they were saved.

    Args:
        folder: where they are.
        expected: their SHA-256, by name.
        listed_in: the file of the folder that lists the digests, for the message.

    Raises:
        BundleError: a file is missing, cannot be read, or is another one.
    """
    for name, digest in file_digests(folder, expected).items():
        if digest != expected[name]:
            values = {"path": str(folder / name), "listed_in": listed_in}
            raise BundleError(Message("bundle_file_altered", values))


def combined_digest(digests: Mapping[str, str]) -> str:
    """SHA-256 over several files: of their digests and names, as ``sha256sum`` prints them."""
    lines = (f"{digest}  {name}\n" for name, digest in digests.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def require_size(path: Path, limit: int) -> None:
    """Refuse what is no file, as a device without an end, or larger than any of ours.

    Raises:
        BundleError: it is.
        OSError: it is missing, or cannot be looked at.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise BundleError(f"{path}: expected a file.")
    if found.st_size > limit:
        raise BundleError(f"{path}: larger than {limit:,} bytes, which no file of a model is.")


def _sha256(path: Path) -> str:
    try:
        require_size(path, MAX_BYTES)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise BundleError(Message("bundle_file_missing", {"path": str(path)})) from error
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror}).") from error
