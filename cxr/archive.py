"""Answers an archive: a folder or a bucket of radiographs → a table, on Ray Data.

This process lists the files and writes the table. Processes of Ray, each with a model, read the
files and answer them, some dozens at a time. Files that the table has are left out, so that the
same command goes on after an interruption. If one of Ray's processes is ended, another answers its
files, each in a child process. A file that ends its child process becomes a row with the error.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from tqdm import tqdm

from cxr.answerer import Answerer, ChildAnswerer, Task, reason, reference
from cxr.classifier import Classifier
from cxr.cores import cores
from cxr.errors import CXRError
from cxr.files_within import files_within
from cxr.model.hub import find_bundle
from cxr.output.table import Origin, Table, open_location, schema, to_rows, without_secrets
from cxr.ray_processes import own_error, require_packages, running_ray
from cxr.resuming import locked

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.fs import FileInfo, FileSystem

_FILES = 64  # that a process is given at a time
_FAILURE = "failure"
_TIDYING = 30.0  # seconds that a thread of Ray Data may take to end
_MIN_GROUPS = 4  # for each process, where there are few files


def answer_archive(
    source: str,
    out: str,
    *,
    model: str | None = None,
    threshold: float | None = None,
    address: str | None = None,
    workers: int | None = None,
    retry_errors: bool = False,
) -> int:
    """Answer every file that the table does not have yet.

    Args:
        source: a folder, or a URI of one, of any depth; hidden files are left out.
        out: folder of the table, or a URI; see `cxr.output.table`.
        model: see `cxr.model.hub.find_bundle`.
        threshold: the reader's own in [0, 1]; the model's if None.
        address: of a Ray cluster; by default, processes of this machine answer.
        workers: how many processes answer; one a core of this machine if None.
        retry_errors: answer those files again that could not be read in an earlier run.

    Returns:
        0 if every file of the table was answered, 1 if some were refused or failed.

    Raises:
        MissingPackage: Ray or pyarrow are not installed.
        BundleError, HubError: the model cannot be used.
        CXRError: the source cannot be read, the table cannot be written, has other answers or is
            written by another process of this machine, or Ray cannot be used.
    """
    require_packages()
    filesystem, folder = open_location(source)
    bundle = find_bundle(model)
    identity = Classifier(bundle, threads=1).identity()
    origin: Origin = {
        "source": without_secrets(source) if "://" in source else folder,
        "threshold": threshold,
        "columns": schema().names,
        "model": identity,
    }
    files = list_files(source)
    _check_apart(source, out)
    with locked(_folder_here(out), option="--out"):
        table = Table(out, origin)
        if retry_errors:
            table.forget_errors(files)
        waiting = [path for path in files if path not in table.status]
        task = Task(
            filesystem=filesystem,
            folder=folder,
            model=reference(bundle),
            identity=identity,
            threshold=threshold,
        )
        if waiting:
            _fill(table, task, waiting, workers=workers or cores(), address=address)
        counts = Counter(table.status.values())
        print(
            f"{counts.total():,} files: {counts['ok']:,} answered, {counts['refused']:,} refused, "
            f"{counts['error']:,} could not be read. Table: {out}"
        )
        return 0 if counts["ok"] == counts.total() else 1


def _folder_here(out: str) -> str | None:
    """The folder of a table on this machine; None for one that is elsewhere."""
    from pyarrow.fs import LocalFileSystem

    filesystem, folder = open_location(out)
    return folder if isinstance(filesystem, LocalFileSystem) else None


def _check_apart(source: str, out: str) -> None:
    """Refuse a table within the archive: its parts would be answered, too."""
    from pyarrow.fs import LocalFileSystem

    (filesystem, folder), (of_table, inner) = open_location(source), open_location(out)
    if isinstance(filesystem, LocalFileSystem):  # a link may lead there
        folder, inner = os.path.realpath(folder), os.path.realpath(inner)
    if filesystem == of_table and f"{inner}/".startswith(f"{folder}/"):
        raise CXRError(f"{out}: lies in {source}, whose files are answered. Choose another --out.")


# --- The files ------------------------------------------------------------------------------------


def list_files(source: str) -> list[str]:
    """All files of an archive but hidden ones, relative to it, with forward slashes.

    Raises:
        CXRError: the folder cannot be read, or holds none.
    """
    from pyarrow.fs import LocalFileSystem

    filesystem, folder = open_location(source)
    local = isinstance(filesystem, LocalFileSystem)
    try:
        paths = list(_list_local(folder) if local else _list(filesystem, folder))
    except OSError as error:
        raise CXRError(f"{source}: cannot be read ({reason(error)}).") from error
    if not paths:
        raise CXRError(f"{source}: the folder holds no files.")
    return paths


def _list_local(folder: str) -> Iterator[str]:
    """Files of this machine."""
    for file in files_within(folder):
        # A table holds text alone. A file whose name is none cannot be opened later.
        yield os.fsencode(file.replace(os.sep, "/")).decode(errors="backslashreplace")


def _list(filesystem: FileSystem, folder: str) -> Iterator[str]:
    """Files of any filesystem, one folder at a time."""
    from pyarrow.fs import FileSelector, FileType

    waiting = [""]
    while waiting:
        inner = waiting.pop()
        found: list[FileInfo] = filesystem.get_file_info(FileSelector(f"{folder}/{inner}"))
        for info in sorted(found, key=lambda info: str(info.path)):
            if info.base_name.startswith("."):
                continue
            if info.type == FileType.Directory:
                waiting.append(f"{inner}{info.base_name}/")
            elif info.type == FileType.File:
                yield f"{inner}{info.base_name}"


# --- The answers ----------------------------------------------------------------------------------


def _fill(
    table: Table, task: Task, paths: Sequence[str], *, workers: int, address: str | None
) -> None:
    """Answer files, and add their rows to the table."""
    workers = min(workers, len(paths))
    with running_ray(workers, address=address):
        # Without a terminal, no progress: standard error is for what goes wrong.
        progress = tqdm(total=len(paths), unit="file", disable=None)
        try:
            for rows in _answer(task, paths, workers):
                table.add(rows)
                progress.update(len(rows))
        finally:  # also after an interruption
            table.flush()
            progress.close()


def _answer(task: Task, paths: Sequence[str], workers: int) -> Iterator[pa.Table]:
    """Rows of all files, as groups of them are answered."""
    import pyarrow as pa
    import ray
    import ray.data

    # What Ray Data has to say stays in its own log.
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    ray.data.DataContext.get_current().enable_progress_bars = False
    size = max(1, min(_FILES, len(paths) // (_MIN_GROUPS * workers)))
    groups = [pa.table({"path": paths[i : i + size]}) for i in range(0, len(paths), size)]
    answers = ray.data.from_arrow(groups).map_batches(
        _Worker,
        fn_constructor_args=[task],
        batch_size=None,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=1,
    )
    before = set(threading.enumerate())
    batches: Iterable[pa.Table] = answers.iter_batches(batch_size=None, batch_format="pyarrow")
    try:
        for rows in batches:
            if _FAILURE in rows.column_names:
                raise CXRError(rows.column(_FAILURE)[0].as_py())
            yield rows
    except ray.exceptions.RayError as error:
        raise own_error(error) from error
    # Threads of Ray Data tidy up after the last rows. If Ray is shut down before they have ended,
    # it ends this process.
    for thread in set(threading.enumerate()) - before:
        thread.join(_TIDYING)


class _Worker:
    """One of Ray's processes. If it is ended, Ray starts another, and gives it the same files."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._answerer: Answerer | None = None

    def __call__(self, files: pa.Table) -> pa.Table:
        """Rows of the files whose paths are in the column ``path``.

        Where the model cannot be used, the column `_FAILURE` says why: Ray Data wraps what is
        raised here in a message of its own.
        """
        import pyarrow as pa

        try:
            answerer = self._answerer = self._answerer or _load(self._task)
            return to_rows(answerer.answer(path) for path in files.column("path").to_pylist())
        except CXRError as error:
            return pa.table({_FAILURE: [str(error)]})


def _load(task: Task) -> Answerer:
    """What answers in this process: in a child, if its predecessor was ended."""
    import ray

    started_again = ray.get_runtime_context().was_current_actor_reconstructed
    return ChildAnswerer(task) if started_again else Answerer(task)
