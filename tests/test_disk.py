"""Full and read-only disks, clocks that are set back, two processes at once.

What cannot be written is said, with what to do, and nothing that was there is lost.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import keras
import pytest
from filelock import FileLock

from cxr.classify import ClassifyOptions, classify_files
from cxr.errors import CXRError, RunError
from cxr.gate.files import BUNDLED_GATE, read_gate
from cxr.model import bundle as bundles
from cxr.model.bundle import BUNDLED_MODEL, load_bundle, save_evaluation
from cxr.output.table import Table, to_rows
from cxr.page.notes import note_keeper
from cxr.resuming import locked
from cxr.saved_files import where_it_is
from tests.conftest import QUICK_FIT, ROOT
from tests.kill.commands import add_job, replace_gate
from training.files import replaced_whole
from training.fitting.fit import fit
from training.fitting.loading import load_splits
from training.fitting.run_folder import RunFolder
from training.fitting.tensorboard import TensorBoardLog
from training.fitting.tuning import tune
from training.jobs.queue import JobQueue
from training.sharing import local_model

FILMS = [ROOT / "examples" / name for name in ("first-look.jpeg", "hila.jpeg", "dicom.dcm")]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own, where the system lets a test have one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if _run("mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder):
        pytest.skip("only root may mount a disk")
    yield folder
    assert _run("umount", "--lazy", folder) == 0


def _run(program: str, *arguments: object) -> int:
    found = shutil.which(program)
    if found is None:
        return 127
    return subprocess.run([found, *map(str, arguments)], capture_output=True).returncode


# --- What is written: first anew, then again beside what is there ---------------------------------


def answers(folder: Path) -> None:
    options = ClassifyOptions(resume=str(folder / "answers.jsonl"))
    classify_files(list(map(str, FILMS)), options)


def overlays(folder: Path) -> None:
    out = folder / f"overlays-{len(list(folder.iterdir()))}"
    options = ClassifyOptions(resume=str(folder / "a.jsonl"), overlays=str(out))
    classify_files([str(FILMS[0])], options)
    (folder / "a.jsonl").unlink()


def part(folder: Path) -> None:
    origin: Any = {"source": "films", "threshold": 0.5, "model": {"sha256": "x"}}
    table = Table(str(folder / "table"), origin)
    table.add(to_rows([_ROW | {"path": f"{len(table.status)}.png"}]))
    table.flush()


_ROW: dict[str, Any] = {"status": "ok"}


def note(folder: Path) -> None:
    note_keeper(folder, model="a model")({"feedback": "agree", "comment": "one more " * 99})


def epoch(folder: Path) -> None:
    run = RunFolder(folder)
    with run.locked():
        run.save_history([*run.read_history(99), {"epoch": 1.0, "loss": 0.5}])


def job(folder: Path) -> None:
    add_job(folder, f"job-{len(JobQueue(folder).jobs())}")


def card(folder: Path) -> None:
    if not (folder / "bundle").exists():
        shutil.copytree(BUNDLED_MODEL, folder / "bundle")
    bundle = load_bundle(folder / "bundle")
    save_evaluation(bundle, evaluation=bundle.evaluation, card="# New\n")


def model(folder: Path) -> None:
    local_model.use(BUNDLED_MODEL)
    assert load_bundle(folder / "local").sha256 == load_bundle().sha256


def gate(folder: Path) -> None:
    replace_gate(folder / "gate", BUNDLED_GATE)
    assert read_gate(folder / "gate").limits == read_gate(BUNDLED_GATE).limits


WRITERS = (answers, overlays, part, note, epoch, job, card, model, gate)


def fill(folder: Path) -> None:
    """Leave no room for another page."""
    with (folder / "filler").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def write_often(write: Callable[[Path], None], folder: Path) -> None:
    """Until a page is full: the last one of a file that is there may have room."""
    for _ in range(99):
        write(folder)


def contents(folder: Path) -> dict[Path, bytes]:
    return {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("filler", ".lock")
    }


def is_kept(before: dict[Path, bytes]) -> bool:
    """Whether what was there is there, or has grown if it grows line by line."""
    return all(
        path.read_bytes().startswith(content)
        if path.suffix == ".jsonl"
        else path.read_bytes() == content
        for path, content in before.items()
    )


@pytest.mark.parametrize("write", WRITERS)
def test_a_full_disk_is_said_and_takes_nothing_away(
    write: Callable[[Path], None], disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundles, "LOCAL_MODEL", disk / "local")
    if write is not answers:  # of which there are only so many
        write(disk)
    before = contents(disk)
    fill(disk)
    with pytest.raises(CXRError, match=r"No space left on device.*Free some space") as raised:
        write_often(write, disk)
    assert str(raised.value).startswith(f"{disk}/")
    assert is_kept(before)
    (disk / "filler").unlink()
    assert not [path for path in contents(disk) if "partial-" in str(path) or "next-" in path.name]
    write(disk)  # the same again, and all is well
    assert is_kept({path: content for path, content in before.items() if path.suffix == ".jsonl"})
    for path in disk.glob("*.jsonl"):
        lines = path.read_bytes().splitlines()
        assert json.loads(lines[-1])
        if write is answers:
            assert [json.loads(line)["file"] for line in lines] == list(map(str, FILMS))


def leave(folder: Path, room: int) -> None:
    """Leave no more than this room."""
    fill(folder)
    os.truncate(folder / "filler", max(0, (folder / "filler").stat().st_size - room))


def test_weights_are_whole_or_an_error_whatever_room_there_is(disk: Path) -> None:
    """HDF5 would end the process at some of these."""
    network = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1000)])
    network.compile("adam")
    network.optimizer.build(network.trainable_variables)
    run = RunFolder(disk / "run")
    (disk / "run").mkdir()
    run.save_checkpoint(network, 1)
    whole = run.latest_checkpoint()[1]
    assert whole
    size, refused = whole.stat().st_size, 0
    for room in range(0, 2 * size, size // 20):
        leave(disk, room)
        said = f"{run.checkpoints}/epoch-0002.*No space left.*Free some"
        try:
            run.save_checkpoint(network, 2)
        except RunError as error:
            assert re.match(said, str(error))  # noqa: PT017  # it has to be raised at some sizes
            assert run.latest_checkpoint() == (1, whole)
            network.load_weights(whole)
            assert [path.name for path in run.checkpoints.iterdir()] == [whole.name]
            refused += 1
        else:
            break
    assert refused > 5
    assert run.latest_checkpoint()[0] == 2
    network.load_weights(run.latest_checkpoint()[1])


class Fills(keras.callbacks.Callback):  # type: ignore[misc]
    """Fills a disk after an epoch."""

    def __init__(self, disk: Path, room: int) -> None:
        super().__init__()
        self.disk, self.room = disk, room

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        leave(self.disk, self.room)


@pytest.mark.slow
def test_a_fit_and_a_search_go_on_when_there_is_room_again(chest_images: Path, disk: Path) -> None:
    config = dataclasses.replace(QUICK_FIT, epochs=3)
    short = dataclasses.replace(QUICK_FIT, epochs=2)
    splits = load_splits(config, chest_images)
    run = RunFolder(disk / "run")
    run.start(config, chest_images, splits)
    for room, epochs in ((0, 1), (60_000, 2)):  # enough for the history, not for the weights
        after = [Fills(disk, room), TensorBoardLog(disk / "logs")]
        with pytest.raises(RunError, match=r"^\S+: .*No space left.*Free some space"):
            fit(config, splits, run, callbacks=after if room == 0 else after[::-1])
        assert run.latest_checkpoint()[0] == epochs
        assert len(run.read_history(9)) >= epochs
        (disk / "filler").unlink()
    fit(config, splits, run, callbacks=[TensorBoardLog(disk / "logs")])
    assert [row["epoch"] for row in run.read_history(9)] == [1, 2, 3]

    search = functools.partial(
        tune, short, splits, chest_images, disk / "search", until=1, spreading=None
    )
    (disk / "search").mkdir()
    leave(disk, 0)
    with pytest.raises(RunError, match=r"study\.db: .*disk is full.*Free some space"):
        search()
    (disk / "filler").unlink()
    with pytest.raises(RunError, match=r"(No space left|disk is full).*Free some space"):
        search(callbacks=lambda _: [Fills(disk, 0)])
    (disk / "filler").unlink()
    assert search()["trials"]["complete"] == 1


@pytest.mark.parametrize("write", WRITERS)
def test_a_read_only_disk_is_said(
    write: Callable[[Path], None], disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundles, "LOCAL_MODEL", disk / "local")
    if write is not answers:
        write(disk)
    before = contents(disk)
    assert _run("mount", "-o", "remount,ro", disk) == 0
    with pytest.raises(CXRError, match=r"Read-only file system") as raised:
        write(disk)
    assert str(raised.value).startswith(f"{disk}")
    assert contents(disk) == before


def test_a_clock_that_was_set_back_keeps_the_order_of_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, now in enumerate((2_000_000_000, 1_000_000_000, 1_000_000_001)):
        monkeypatch.setattr("time.time", lambda now=now: now)
        add_job(tmp_path, f"job-{number}")
    queue = JobQueue(tmp_path)
    assert [job.name for job in queue.jobs()] == ["job-0", "job-1", "job-2"]
    queue.stop("job-0")
    queue.resume("job-0")
    assert [job.name for job in queue.jobs()] == ["job-1", "job-2", "job-0"]


def test_a_link_is_replaced_as_often_as_one_likes(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    link = tmp_path / "local"
    link.symlink_to(tmp_path / "model")
    for content in ("first", "second", "third"):
        with replaced_whole(link) as new:
            (new / "file").write_text(content)
    assert (link / "file").read_text() == "third"
    assert not list((tmp_path / "model").iterdir())  # what the link led to is as it was


def test_a_table_is_locked_where_it_is_if_not_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a folder that is mounted: the user may write in it, and not beside it."""
    table = tmp_path / "table"
    table.mkdir()
    acquire = FileLock.acquire

    def forbidden_beside(lock: FileLock, *args: Any, **settings: Any) -> Any:
        if Path(lock.lock_file).parent == tmp_path:
            raise PermissionError(13, "Permission denied")
        return acquire(lock, *args, **settings)

    monkeypatch.setattr(FileLock, "acquire", forbidden_beside)
    another = pytest.raises(CXRError, match="another process")
    with locked(str(table), option="--out"), another, locked(str(table), option="--out"):
        pass
    answers = str(tmp_path / "answers.jsonl")
    with pytest.raises(CXRError, match="cannot be written"), locked(answers, option="--resume"):
        pass


def test_a_folder_that_several_replace_at_once_is_always_whole(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    names = [f"{number}.txt" for number in range(20)]

    def replace(content: str) -> None:
        with replaced_whole(folder) as new:
            for name in names:
                (new / name).write_text(content)

    replace("first")
    with ThreadPoolExecutor(3) as pool:
        replacing = [pool.submit(replace, str(number)) for number in range(12)]
        while not all(each.done() for each in replacing):
            # It may be renamed between being found and being looked at, so look again.
            assert any(where_it_is(folder).is_dir() for _ in range(100))
        for each in replacing:
            each.result()
    assert len({(folder / name).read_text() for name in names}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
