"""Reads files of any filesystem and answers them as rows of a table, here or in a child process."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import platform
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from cxr.classifier import Classifier
from cxr.errors import BundleError
from cxr.messages import Message
from cxr.model.bundle import BUNDLED_MODEL, Bundle
from cxr.model.hub import find_bundle
from cxr.outcome import Outcome, answer_file
from cxr.output.record import to_record
from cxr.output.table import to_row
from cxr.reading.radiograph import MAX_BYTES

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

Row = dict[str, Any]  # of a table, by column: see `cxr.output.table`

_ATTEMPTS = 3  # to answer a file whose process ends


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is to be answered, and by which model; it can be sent to other processes.

    Attributes:
        filesystem: that the files are in.
        folder: that their paths are relative to.
        model: a folder, or NAME/REPO@COMMIT; None for the one that comes with the code.
        identity: of the model and the gate; see `cxr.classifier.Classifier.identity`.
        threshold: the reader's own in [0, 1]; the model's if None.
    """

    filesystem: FileSystem
    folder: str
    model: str | None
    identity: dict[str, str]
    threshold: float | None

    def read(self, path: str, size: int) -> bytes:
        """The content of a file, at most the first `size` bytes.

        Raises:
            OSError: it cannot be read.
        """
        # As it is: by its name, a file that ends in .gz would be unpacked.
        location = f"{self.folder}/{path}"
        with self.filesystem.open_input_stream(location, compression=None) as file:
            return bytes(file.read(size))


def reference(bundle: Bundle) -> str | None:
    """How another process finds the bundle: see `Task`. Another machine may have it elsewhere."""
    if bundle.folder == BUNDLED_MODEL:
        return None
    return bundle.origin or str(bundle.folder.resolve())


class Answerer:
    """Reads and answers files."""

    def __init__(self, task: Task) -> None:
        """Load the model.

        Raises:
            BundleError: it cannot be used, or is another one than the task says.
            HubError: it cannot be fetched.
        """
        self._task = task
        model = task.model or BUNDLED_MODEL
        self._classifier = Classifier(find_bundle(model), threads=1)
        if self._classifier.identity() != task.identity:
            raise BundleError(
                f"{model}: the model or the gate on {platform.node()} is another one than where "
                "the command was given. Install the same version on both."
            )

    def answer(self, path: str) -> Row:
        """The row of a file, whatever becomes of it.

        Raises:
            BundleError: the model cannot be used; no file would be answered.
        """
        digest = None
        try:
            content = self._task.read(path, MAX_BYTES + 1)  # one more, to tell that it is larger
            if len(content) <= MAX_BYTES:
                digest = hashlib.sha256(content).hexdigest()
            outcome = answer_file(content, self._classifier, file=path)
        except BundleError:
            raise
        except OSError as error:
            return self.error_row(path, Message("unopened", {"reason": reason(error)}))
        except Exception as error:  # must not end a run of a million files
            return self.error_row(path, Message("unforeseen", {"error": repr(error)}))
        return to_row(to_record(outcome, self._classifier, threshold=self._task.threshold), digest)

    def error_row(self, path: str, problem: Message) -> Row:
        """The row of a file that cannot be answered."""
        outcome = Outcome(file=path, status="error", problem=problem)
        return to_row(to_record(outcome, self._classifier, threshold=self._task.threshold), None)


class ChildAnswerer(Answerer):
    """Answers in a child process, so that this process outlives a file that ends the child.

    The decoders of some formats are written in C, and a damaged file may end their process.
    """

    def __init__(self, task: Task) -> None:
        """Load the model, for the identity; the child is started at the first file."""
        super().__init__(task)
        self._child: Connection | None = None

    def answer(self, path: str) -> Row:
        """The row of a file; of one that ends several children in a row, an error."""
        for _ in range(_ATTEMPTS):
            self._child = self._child or self._start_child()
            try:
                self._child.send(path)
                answer: Row | Exception = self._child.recv()
            except (EOFError, OSError):
                self._child.close()
                self._child = None
                continue
            if isinstance(answer, Exception):
                raise answer
            return answer
        return self.error_row(path, Message("ends_process"))

    def _start_child(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        context.Process(target=_answer_parent, args=(theirs, self._task), daemon=True).start()
        theirs.close()  # so that only the child holds it, and its end is noticed
        return ours


def _answer_parent(parent: Connection, task: Task) -> None:
    """Answer the paths that arrive, until the parent ends."""
    answerer = Answerer(task)
    while True:
        try:
            path = parent.recv()
        except EOFError:
            return
        try:
            parent.send(answerer.answer(path))
        except BundleError as error:
            parent.send(error)


def reason(error: OSError) -> str:
    """Why a file or folder cannot be read, in a few words."""
    return os.strerror(error.errno) if error.errno else str(error)
