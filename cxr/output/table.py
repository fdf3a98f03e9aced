"""Records as a table: a folder of Parquet files, which any number of runs of `cxr archive` fill.

TABLE/part-00000.parquet …  rows, one for each file, in the order in which they were answered

A part is written whole or not at all. The metadata of each says which archive the files are from,
and which model at which threshold answered them.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypedDict
from urllib.parse import urlsplit, urlunsplit

from cxr.errors import CXRError, not_written
from cxr.output.record import Record

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.fs import FileSystem

_PART = re.compile(r"part-(\d+)\.parquet")
_UNFINISHED = "_unfinished-"  # readers of Parquet folders leave out names with an underscore
_ORIGIN = b"cxr"  # key of the metadata
_ROWS = 10_000  # of a part at most, apart from the last rows added
_SECONDS = 30.0  # after which a part is written even if it has fewer


class Origin(TypedDict):
    """What is the same for all rows of a table.

    Keys:
        source: the folder or bucket that the paths are relative to.
        threshold: the reader's own; None where the model's decide.
        columns: of the rows, so that those of an earlier version are not mixed in.
        model: as `cxr.classifier.Classifier.identity` says it.
    """

    source: str
    threshold: float | None
    columns: list[str]
    model: dict[str, str]


def without_secrets(address: str) -> str:
    """An address without user, password and options, among which a bucket's key may be."""
    if "://" not in address:
        return address
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def open_location(location: str) -> tuple[FileSystem, str]:
    """A folder of this machine, or a URI such as ``s3://bucket/folder``.

    Returns:
        The filesystem, and the path of the folder in it.

    Raises:
        CXRError: pyarrow does not read such a filesystem.
    """
    from pyarrow import fs

    if "://" not in location:
        return fs.LocalFileSystem(), os.path.abspath(location)
    try:
        filesystem, path = fs.FileSystem.from_uri(location)
    except (OSError, ValueError, ImportError, NotImplementedError) as error:
        raise CXRError(f"{location}: cannot be opened ({error}).") from error
    return filesystem, path.rstrip("/")


def schema() -> pa.Schema:
    """The columns of a table.

    ``digest`` is the SHA-256 of the file, null if it could not be read whole. ``probability``,
    ``verdict`` and the columns of the evidence are null if the file was not answered. A verdict is
    UNCERTAIN for a probability from ``uncertain_from`` to below ``uncertain_below``, which are null
    with a threshold of the reader's own; of others, it is PNEUMONIA from ``threshold`` on.
    ``in_range`` says whether the model was trained on such radiographs, ``evidence`` what the
    heatmap is worth, in one word, and ``evidence_text`` in sentences; ``evidence_in_lungs`` is the
    fraction of the evidence that lies in the lungs, and ``verdict_holds`` whether mirrored and
    moved views have the same verdict.
    """
    import pyarrow as pa

    return pa.schema(
        {
            "path": pa.string(),
            "digest": pa.string(),
            "status": pa.string(),
            "probability": pa.float64(),
            "verdict": pa.string(),
            "threshold": pa.float64(),
            "uncertain_from": pa.float64(),
            "uncertain_below": pa.float64(),
            "in_range": pa.bool_(),
            "evidence": pa.string(),
            "evidence_text": pa.string(),
            "evidence_in_lungs": pa.float64(),
            "verdict_holds": pa.bool_(),
            "reasons": pa.list_(pa.string()),
            "warnings": pa.list_(pa.string()),
            "model_name": pa.string(),
            "model_version": pa.string(),
            "model_sha256": pa.string(),
            "model_origin": pa.string(),
            "gate_sha256": pa.string(),
        }
    )


def to_row(record: Record, digest: str | None) -> dict[str, Any]:
    """A record as the values of a row, by column."""
    evidence, model = record["evidence"], record["model"]
    low, high = record["uncertain"] or (None, None)
    return {
        "path": record["file"],
        "digest": digest,
        "status": record["status"],
        "probability": record["probability"],
        "verdict": record["label"],
        "threshold": record["threshold"],
        "uncertain_from": low,
        "uncertain_below": high,
        "in_range": record["in_range"],
        "evidence": evidence and evidence["worth"],
        "evidence_text": evidence and evidence["text"],
        "evidence_in_lungs": evidence and evidence["places"]["lungs"],
        "verdict_holds": evidence and evidence["verdict_holds"],
        "reasons": record["reasons"],
        "warnings": record["warnings"],
        "model_name": model["name"],
        "model_version": model["version"],
        "model_sha256": model["sha256"],
        "model_origin": model.get("origin"),
        "gate_sha256": model["gate"],
    }


def to_rows(values: Iterable[dict[str, Any]]) -> pa.Table:
    """Rows as a table in memory; see `to_row`."""
    import pyarrow as pa

    return pa.Table.from_pylist(list(values), schema=schema())


class Table:
    """A folder of Parquet files that one process adds to."""

    def __init__(self, location: str, origin: Origin) -> None:
        """Open or make a table.

        Args:
            location: a folder, or a URI; see `open_location`.
            origin: of the rows.

        Raises:
            CXRError: the folder cannot be made or read, or holds something else, or rows of another
                archive, model or threshold.
        """
        self.location = location
        self.filesystem, self.folder = open_location(location)
        self._origin = origin
        self._rows: list[pa.Table] = []
        self._written = time.monotonic()
        self.status: dict[str, str] = {}  # of every file, by path
        try:
            self.filesystem.create_dir(self.folder, recursive=True)
            numbers = self._parts()
            for number in numbers:
                self._read(number)
        except OSError as error:
            raise CXRError(
                f"{location}: cannot be made or read ({error}). Make it readable and writable, or "
                "name another place."
            ) from error
        self._next = max(numbers, default=-1) + 1

    def add(self, rows: pa.Table) -> None:
        """Add rows; they are written once there are many, or after some seconds.

        Raises:
            CXRError: a part cannot be written.
        """
        columns = (rows.column(name).to_pylist() for name in ("path", "status"))
        self.status.update(zip(*columns, strict=True))
        self._rows.append(rows)
        many = sum(map(len, self._rows)) >= _ROWS
        if many or time.monotonic() - self._written >= _SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what has been added as a part.

        Raises:
            CXRError: it cannot be written, or another process writes to this table.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self._rows:
            return
        rows = pa.concat_tables(self._rows)
        rows = rows.replace_schema_metadata({_ORIGIN: json.dumps(self._origin)})
        name = f"part-{self._next:05}.parquet"
        part, unfinished = (f"{self.folder}/{prefix}{name}" for prefix in ("", _UNFINISHED))
        if self._next in self._parts():
            raise CXRError(
                f"{self.location}: another process writes to this table. Wait until it has ended, "
                "then run the same command again."
            )
        try:
            pq.write_table(rows, unfinished, filesystem=self.filesystem, compression="zstd")
            self.filesystem.move(unfinished, part)
        except OSError as error:
            raise CXRError(not_written(f"{self.location}/{name}", error)) from error
        self._rows, self._written, self._next = [], time.monotonic(), self._next + 1

    def forget_errors(self, files: Sequence[str]) -> None:
        """Remove the rows of files that could not be read, so that they are answered again.

        Args:
            files: that can be found now; the rows of others stay.

        Raises:
            CXRError: a part cannot be read or written.
        """
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        for number in self._parts():
            name = f"part-{number:05}.parquet"
            part, unfinished = (f"{self.folder}/{prefix}{name}" for prefix in ("", _UNFINISHED))
            try:
                rows = pq.read_table(part, filesystem=self.filesystem)
                found = pc.is_in(rows["path"], value_set=pa.array(files, rows["path"].type))
                again = pc.and_(pc.equal(rows["status"], "error"), found)
                kept = rows.filter(pc.invert(again))
                if len(kept) == len(rows):
                    continue
                pq.write_table(kept, unfinished, filesystem=self.filesystem, compression="zstd")
                self.filesystem.move(unfinished, part)
            except OSError as error:
                raise CXRError(not_written(f"{self.location}/{name}", error)) from error
        known = set(files)
        self.status = {
            path: status
            for path, status in self.status.items()
            if status != "error" or path not in known
        }

    def _parts(self) -> list[int]:
        from pyarrow.fs import FileSelector

        try:
            found = self.filesystem.get_file_info(FileSelector(self.folder))
        except OSError as error:
            raise CXRError(f"{self.location}: cannot be read ({error}).") from error
        names = [info.base_name for info in found]
        return sorted(int(match[1]) for name in names if (match := _PART.fullmatch(name)))

    def _read(self, number: int) -> None:
        import pyarrow.parquet as pq

        name = f"part-{number:05}.parquet"
        try:
            with pq.ParquetFile(f"{self.folder}/{name}", filesystem=self.filesystem) as file:
                origin = json.loads(file.schema_arrow.metadata[_ORIGIN])
                origin["source"] = without_secrets(origin["source"])  # until 0.22 it had them
                rows = file.read(columns=["path", "status"]).to_pydict()
        except (ValueError, KeyError, TypeError) as error:  # Arrow's derive from these
            raise CXRError(
                f"{self.location}: {name} is damaged, or no part of such a table ({error}). "
                "Remove it, or choose another --out."
            ) from error
        differing = [key for key in self._origin if origin.get(key) != self._origin[key]]  # type: ignore[literal-required]
        if differing:
            raise CXRError(
                f"{self.location}: holds answers of another {' and '.join(differing)}. Choose "
                "another --out, or give the options of that run."
            )
        self.status.update(zip(rows["path"], rows["status"], strict=True))
