"""What ``cxr classify`` does with its files."""

from __future__ import annotations

import glob
import io
import json
import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from tqdm import tqdm

from cxr.classifier import Classifier, Prediction
from cxr.cores import cores
from cxr.errors import CXRError, for_terminal, not_written
from cxr.files_within import files_within
from cxr.model.hub import find_bundle
from cxr.outcome import Outcome, answer_file
from cxr.output.output_folder import OutputFolder, place_of
from cxr.output.overlay import draw_overlay, png
from cxr.output.record import Record, to_record
from cxr.reading.radiograph import Radiograph
from cxr.resuming import lacks, locked, read_answers, without_answers

_AHEAD = 1  # files a thread that may be answered before the one that is printed next


@dataclass(frozen=True, kw_only=True)
class ClassifyOptions:
    """What is made of the files.

    Attributes:
        model: see `cxr.model.hub.find_bundle`.
        threshold: the reader's own in [0, 1]; the model's if None.
        as_json: one JSON object a line on standard output, in the documented shape.
        overlays: folder for ``<stem>.png``, made if missing.
        heatmaps: folder for ``<stem>.npy``, float32 (H, W) in [0, 1], made if missing.
        resume: file that gets the JSON lines instead of standard output; files that it has already
            are not answered again.
        retry_errors: with `resume`, answer those files again that could not be read before.
            Those whose overlay or heatmap is asked for and not there are answered again anyway.
    """

    model: str | None = None
    threshold: float | None = None
    as_json: bool = False
    overlays: str | None = None
    heatmaps: str | None = None
    resume: str | None = None
    retry_errors: bool = False


def classify_files(sources: Sequence[str], options: ClassifyOptions) -> int:
    """Classify files and print a line for each, in order.

    Args:
        sources: paths of radiographs, of folders of them, or patterns like ``"radiographs/*.png"``.
        options: what is made of them.

    Returns:
        0 if every file was read and classified, 1 if not.

    Raises:
        BundleError, HubError: the model cannot be used.
        CXRError: a folder or file for results cannot be written, lies in a folder that is to be
            classified, holds answers of another model or threshold, or is written by another
            process.
    """
    files = _files_to_classify(sources, options)
    results = _Results(files, options)
    workers = min(len(files), cores())
    # One thread an answer and an answer a core is faster than one answer on all cores.
    classifier = Classifier(find_bundle(options.model), threads=1 if workers > 1 else None)
    if not options.as_json and options.resume is None:
        model = ", ".join(classifier.bundle.identity().values())
        print(for_terminal(f"Model: {model}"), file=sys.stderr)
    with locked(options.resume, option="--resume"):
        done, again = _earlier_records(files, classifier, results, options)
        results.reserve(done.values())
        places = {place_of(file): file for file in files}
        all_ok = all(done[place]["status"] == "ok" for place in places if place in done)
        waiting = [file for place, file in places.items() if place not in done]
        # Without a terminal, no progress: standard error is for what goes wrong.
        hidden = None if len(files) > 1 else True
        with (
            _opened(options.resume) as out,
            tqdm(total=len(waiting), unit="file", disable=hidden) as progress,
        ):
            for outcome in _answers(waiting, classifier, workers):
                record = to_record(outcome, classifier, threshold=options.threshold)
                results.write(outcome, record, again.get(place_of(record["file"])))
                all_ok = all_ok and outcome.status == "ok"
                as_json = options.as_json or options.resume
                print(json.dumps(record) if as_json else _lines(record), file=out, flush=True)
                progress.update()
    if not options.as_json and not all_ok:
        print("Some files were refused or could not be read.", file=sys.stderr)
    return 0 if all_ok else 1


def _files_to_classify(sources: Sequence[str], options: ClassifyOptions) -> list[str]:
    """The files that are meant, but those that earlier runs wrote."""
    if options.retry_errors and options.resume is None:
        raise CXRError("--retry-errors needs --resume: the file of an earlier run.")
    for location in filter(None, (options.overlays, options.heatmaps, options.resume)):
        _check_apart(sources, location)
    files = list({place_of(file): file for file in _find_files(sources)}.values())
    return without_answers(files, sources, options.resume) if options.resume else files


def _earlier_records(
    files: Sequence[str], classifier: Classifier, results: _Results, options: ClassifyOptions
) -> tuple[dict[str, Record], dict[str, Record]]:
    """Records that the file to resume has already, and of what is to be done again; by place."""
    if options.resume is None:
        return {}, {}
    again: dict[str, Record] = {}
    asked_for = {place_of(file) for file in files}

    def is_done(record: Record) -> bool:
        place = place_of(record["file"])
        failed = options.retry_errors and record["status"] == "error"
        if place not in asked_for or not (failed or results.lack(record)):
            return True
        again[place] = record
        return False

    kept = read_answers(options.resume, classifier, options.threshold, is_done)
    return {place_of(file): record for file, record in kept.items()}, again


class _Results:
    """The folders for overlays and heatmaps, where they are asked for."""

    def __init__(self, files: Sequence[str], options: ClassifyOptions) -> None:
        self._overlays = OutputFolder(options.overlays, ".png", files)
        self._heatmaps = OutputFolder(options.heatmaps, ".npy", files)

    def reserve(self, records: Iterable[Record]) -> None:
        """Keep the names of results that exist already from being given to others."""
        for record in records:
            self._overlays.reserve(record["overlay"])
            self._heatmaps.reserve(record["heatmap"])

    def lack(self, record: Record) -> bool:
        """Whether one is asked for that an earlier record has not."""
        return lacks(record, "overlay", self._overlays) or lacks(record, "heatmap", self._heatmaps)

    def write(self, outcome: Outcome, record: Record, former: Record | None) -> None:
        """Write what is asked for of one file, and its paths into its record.

        Args:
            outcome: of the file.
            record: of it.
            former: that it replaces, whose other results stay; None if there was none.
        """
        if not outcome.answer:
            return
        record["overlay"] = self._overlays.write(outcome.file, _overlay_png, *outcome.answer)
        record["heatmap"] = self._heatmaps.write(outcome.file, _heatmap_npy, *outcome.answer)
        for result in ("overlay", "heatmap"):
            before = former and former[result]
            if record[result] is None and before and os.path.isfile(before):
                record[result] = before


def _check_apart(sources: Sequence[str], location: str) -> None:
    """Refuse results within a folder that is to be classified: the next run would classify them."""
    for source in filter(os.path.isdir, sources):
        folder = Path(source).resolve()
        if folder in (Path(location).resolve(), *Path(location).resolve().parents):
            raise CXRError(
                f"{location}: lies in {source}, whose files are classified, and a result could "
                "overwrite one or be taken for one. Choose another place."
            )


@contextmanager
def _opened(resume: str | None) -> Iterator[TextIO]:
    """Where lines go: the end of this file, or standard output.

    Raises:
        CXRError: nothing can be written there, or whoever read it is gone.
    """
    if resume is None:
        try:
            yield sys.stdout
        except OSError as error:  # a full disk, or a pipe that nobody reads any more
            # What is left in its buffer would fail once more when this process ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise CXRError(not_written("standard output", error)) from error
        return
    try:
        with open(resume, "a", encoding="utf-8") as out:
            yield out
    except OSError as error:
        raise CXRError(not_written(resume, error)) from error


def _find_files(sources: Sequence[str]) -> Iterator[str]:
    """The files that are meant: of a folder all, at any depth, but hidden ones."""
    for source in sources:
        if os.path.isdir(source):
            try:
                links: list[str] = []
                visible = [str(Path(source, file)) for file in files_within(source, links)]
            except OSError as error:
                raise CXRError(
                    f"{error.filename}: cannot be read ({error.strerror}). Make it readable, or "
                    "name the files that are to be classified."
                ) from error
            if links:
                named = ", ".join([*links[:3], *(["…"] if len(links) > 3 else [])])
                said = f"Links to folders, or that lead nowhere, are left out: {named}"
                print(for_terminal(said), file=sys.stderr)
            if not visible:
                raise CXRError(f"{source}: the folder holds no files.")
            yield from sorted(visible)
        elif glob.has_magic(source) and not os.path.exists(source):
            matches = sorted(path for path in glob.glob(source) if os.path.isfile(path))
            if not matches:
                raise CXRError(f"{source}: no file matches this pattern.")
            yield from matches
        else:
            yield source


def _answers(files: Sequence[str], classifier: Classifier, workers: int) -> Iterator[Outcome]:
    """Outcomes in the files' order, some files ahead: one is decoded while another is answered."""
    if workers < 2:
        yield from (answer_file(file, classifier, file=file) for file in files)
        return
    with ThreadPoolExecutor(workers) as pool:
        running: deque[Future[Outcome]] = deque()
        for file in files:
            running.append(pool.submit(answer_file, file, classifier, file=file))
            if len(running) > _AHEAD * workers:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


def _overlay_png(radiograph: Radiograph, prediction: Prediction) -> bytes:
    return png(draw_overlay(radiograph, prediction.heatmap))


def _heatmap_npy(_: Radiograph, prediction: Prediction) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, prediction.heatmap, allow_pickle=False)
    return buffer.getvalue()


def _lines(record: Record) -> str:
    """A record for people: the answer, then warnings and what the heatmap is worth.

    OUTSIDE stands for a radiograph outside the model's range.
    """
    file = for_terminal(record["file"].replace("\n", "\\n"))
    if record["probability"] is None or record["evidence"] is None:
        # The reason why a file cannot be read begins with its name, without the folder.
        reasons = "; ".join(record["reasons"]).removeprefix(f"{Path(record['file']).name}: ")
        return f"{record['status']:<10} {file}: {for_terminal(reasons)}"
    label = record["label"] if record["in_range"] else "OUTSIDE"
    worth = record["evidence"]["worth"].replace("_", " ")
    lines = [f"{label:<10} {record['probability']:6.1%}  {file}"]
    lines += [f"{'':<11}Warning: {warning}." for warning in record["warnings"]]
    return "\n".join([*lines, f"{'':<11}Evidence {worth}. {record['evidence']['text']}"])
