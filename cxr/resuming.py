"""The file of answers that ``cxr classify --resume`` goes on with."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from cxr.classifier import Classifier
from cxr.errors import CXRError, not_written
from cxr.output.output_folder import OutputFolder
from cxr.output.record import Record, rule

_BEGINNING = b'{"file": '  # of a line with an answer


@contextmanager
def locked(answers: str | None, *, option: str) -> Iterator[None]:
    """Keep other processes from a file or folder: their answers would be mixed with ours, or lost.

    Args:
        answers: its path; None for one that cannot be kept from others.
        option: of the command line, which names it.

    Raises:
        CXRError: another process has it, or nothing can be written beside it, nor in it.
    """
    if answers is None:
        yield
        return
    path = Path(answers).resolve()  # it may be a link
    beside = path.with_name(f".{path.name}.lock")
    try:
        try:
            lock = FileLock(beside).acquire(blocking=False)
        except OSError as error:  # as beside a folder that was mounted
            forbidden = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
            if not (forbidden and path.is_dir()):
                raise
            lock = FileLock(path / ".lock").acquire(blocking=False)
    except Timeout as error:
        raise CXRError(
            f"{answers}: another process is writing its answers there. Wait until it has ended, or "
            f"name another place to {option}."
        ) from error
    except OSError as error:
        raise CXRError(not_written(answers, error)) from error
    with lock:
        yield


def without_answers(files: Sequence[str], sources: Sequence[str], resume: str) -> list[str]:
    """The files but the one with the answers, which a pattern may mean, too.

    Raises:
        CXRError: it is named as a radiograph.
    """
    answers = Path(resume).resolve()
    if any(Path(source).resolve() == answers for source in sources):
        raise CXRError(
            f"{resume}: is to be classified, and the answers would overwrite it. Name another file "
            "to --resume."
        )
    return [file for file in files if Path(file).resolve() != answers]


def lacks(record: Record, result: Literal["overlay", "heatmap"], folder: OutputFolder) -> bool:
    """Whether an answered radiograph that still exists has no such result in a folder."""
    if folder.folder is None or record["status"] != "ok" or not os.path.isfile(record["file"]):
        return False
    path = Path(record[result] or "")
    is_there = path.is_file() and path.parent.resolve() == folder.folder.resolve()
    return not (is_there and folder.is_of(path, record["file"]))


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def read_answers(
    path: str,
    classifier: Classifier,
    threshold: float | None,
    is_done: Callable[[Record], bool],
) -> dict[str, Record]:
    """The answers that a file has, by the name of the radiograph's file.

    A line that was cut off, as by a kill, is removed; so are those of files that are to be answered
    again. A file of anything else stays as it is.

    Raises:
        CXRError: it is no file of answers, or they are another model's or at another threshold.
    """
    if os.path.exists(path) and not os.path.isfile(path):  # /dev/full would be read for ever
        raise CXRError(f"{path}: is not a file. Name another one to --resume.")
    try:
        content = Path(path).read_bytes() if os.path.exists(path) else b""
    except OSError as error:
        raise CXRError(f"{path}: cannot be read ({error.strerror}).") from error
    whole = content[: content.rfind(b"\n") + 1]
    cut_off = content[len(whole) :]
    expected = rule(classifier, threshold)
    answers: dict[str, Record] = {}
    lines = whole.splitlines()
    may_be_ours = lines or cut_off.startswith(_BEGINNING[: len(cut_off)])
    if cut_off and (_is_json(cut_off) or not may_be_ours):
        lines.append(cut_off)  # nothing was cut off: it may be the last line of some other file
    for number, line in enumerate(lines, 1):
        try:
            record: Record = json.loads(line)
            same = record["model"] == classifier.identity()
            by_rule = (record["threshold"], record.get("uncertain", expected[1])) == expected
            answers[record["file"]] = record
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise CXRError(
                f"{path}, line {number}: expected an answer of `cxr classify --json`. Name another "
                "file to --resume."
            ) from error
        if not same:
            raise CXRError(
                f"{path}, line {number}: was answered by another model. Name another file to "
                "--resume, or give that --model."
            )
        if not by_rule:
            raise CXRError(
                f"{path}, line {number}: was answered at another threshold. Name another file to "
                "--resume, or give that --threshold."
            )
    kept = {file: record for file, record in answers.items() if is_done(record)}
    if cut_off or len(kept) < len(answers):
        _replace(path, "".join(f"{json.dumps(record)}\n" for record in kept.values()))
    return kept


def _replace(path: str, content: str) -> None:
    path = os.path.realpath(path)  # it may be a link
    beside = f"{path}.partial"
    try:
        Path(beside).write_text(content, encoding="utf-8")
        os.replace(beside, path)
    except OSError as error:
        with suppress(OSError):  # on a full disk, half of it would take what is left
            os.unlink(beside)
        raise CXRError(not_written(path, error)) from error
