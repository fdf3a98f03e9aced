"""A folder for pictures or arrays, one for each radiograph."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from cxr.classifier import Prediction
from cxr.errors import CXRError, not_written
from cxr.output.overlay import is_ours
from cxr.reading.radiograph import Radiograph

PNG = ".png"
_SOURCES = ".cxr-sources.jsonl"  # of which radiograph each result is: digests, which tell no names
_UID_END = re.compile(r"\.\d+$")
Encoder = Callable[[Radiograph, Prediction], bytes]


def stem_of(file: str) -> str:
    """What results of a radiograph are called: its name without folders, and without its ending.

    DICOM files are often called by a UID, whose last part is no ending.
    """
    path = Path(file)
    return path.name if _UID_END.search(path.name) else path.stem


def place_of(file: str) -> str:
    """Where a file is, however its path is written; two links to one file are two files."""
    return os.path.join(_real_folder(os.path.dirname(file)), os.path.basename(file))


@lru_cache
def _real_folder(folder: str) -> str:
    return os.path.realpath(folder)


def _source(file: str) -> str:
    return hashlib.sha256(os.fsencode(place_of(file))).hexdigest()[:32]


class OutputFolder:
    """Results by the name of their radiograph.

    Radiographs of one name in two folders do not collide, also over several runs, and nothing is
    overwritten but an earlier result of the same radiograph.
    """

    def __init__(self, folder: str | None, suffix: str, files: Sequence[str]) -> None:
        """Make the folder if it is missing.

        Args:
            folder: where results go; None if none are asked for.
            suffix: of their names.
            files: paths of the radiographs.

        Raises:
            CXRError: it holds radiographs or other files of these names, or cannot be made.
        """
        self.folder = None if folder is None else Path(folder)
        self.suffix = suffix
        self.taken: set[str] = set()
        self._sources: dict[str, str] = {}  # digests of radiographs' places, by names of results
        self._read = 0  # bytes of the file that has them
        if self.folder:
            # Where a radiograph lies, and where it leads if it is a link.
            sources = {Path(file).parent.resolve() for file in files}
            sources |= {Path(file).resolve().parent for file in files}
            if self.folder.resolve() in sources:
                raise CXRError(
                    f"{folder}: holds radiographs that are to be classified, and a result could "
                    "overwrite one. Choose another folder."
                )
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise CXRError(not_written(self.folder, error)) from error
            for stem in {stem_of(file) for file in files}:
                path = self.folder / f"{stem}{suffix}"
                if not self._may_write(path):
                    raise CXRError(
                        f"{path}: is there already, and was written by another program, or by an "
                        "earlier version of this one. Choose another folder."
                    )

    def _may_write(self, path: Path) -> bool:
        """Whether a result may go there: a picture of another program is kept.

        Arrays are replaced, since nobody can tell an earlier result from another array.
        """
        return self.suffix != PNG or not path.exists() or is_ours(path)

    def is_of(self, path: Path, file: str) -> bool:
        """Whether a result is, as far as is known, of this radiograph."""
        self._read_sources()
        return self._sources.get(path.name) in (None, _source(file))

    def _read_sources(self) -> None:
        """Read which radiographs the results are of; other processes may have added some."""
        if self.folder is None:
            return
        with suppress(OSError), (self.folder / _SOURCES).open("rb") as lines:
            lines.seek(self._read)
            for line in lines:
                if not line.endswith(b"\n"):  # another process is writing it
                    break
                self._read += len(line)
                with suppress(ValueError, TypeError):  # one that was cut off
                    name, source = json.loads(line)
                    self._sources[name] = source

    def _add_source(self, path: Path, file: str) -> None:
        if self._sources.get(path.name) == _source(file):
            return
        with (path.parent / _SOURCES).open("a", encoding="utf-8") as lines:
            # One that a kill or a full disk has cut off does not swallow this one.
            lines.write(f"\n{json.dumps([path.name, _source(file)])}\n")

    def reserve(self, path: str | None) -> None:
        """Keep the name of a result that exists already from being given to another."""
        if path is not None:
            self.taken.add(Path(path).stem.casefold())

    def write(
        self, file: str, encode: Encoder, radiograph: Radiograph, prediction: Prediction
    ) -> str | None:
        """Write the result of a radiograph and return its path; None where none is asked for."""
        if self.folder is None:
            return None
        stem, number = stem_of(file), 1
        name = stem
        # On many disks, names that differ in large and small letters only are one file.
        path = self.folder / f"{name}{self.suffix}"
        while (
            name.casefold() in self.taken
            or not self._may_write(path)
            or (path.exists() and not self.is_of(path, file))
        ):
            number += 1
            name = f"{stem}-{number}"
            path = self.folder / f"{name}{self.suffix}"
        self.taken.add(name.casefold())
        beside = self.folder / f".{os.getpid()}.partial"  # short, however long the name is
        try:
            beside.write_bytes(encode(radiograph, prediction))
            self._add_source(path, file)
            beside.replace(path)
        except OSError as error:
            with suppress(OSError):  # on a full disk, half of it would take what is left
                beside.unlink(missing_ok=True)
            raise CXRError(not_written(path, error)) from error
        return str(path)
