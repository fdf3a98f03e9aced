"""The queue: who waits, who runs, and what becomes of whom."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from cxr.errors import RunError
from tests.conftest import QUICK_FIT, ROOT
from training.fitting.presets import load_preset, tiny
from training.fitting.run_folder import RunFolder
from training.fitting.runs import read_run
from training.jobs import processes
from training.jobs.processes import last_lines
from training.jobs.queue import JobQueue, State


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[JobQueue]:
    """A queue that nobody works on any more when the test is over."""
    queue = JobQueue(tmp_path / "runs")
    yield queue
    for job in queue.jobs():
        queue.stop(job.name)
    wait_until(lambda: not queue.has_worker())
    if queue._worker:
        queue._worker.wait(timeout=30)


def states(queue: JobQueue) -> dict[str, State]:
    return {job.name: job.state for job in queue.jobs()}


def wait_until(condition: Callable[[], object], *, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_job_is_a_command_that_can_be_copied(queue: JobQueue, tmp_path: Path) -> None:
    data = tmp_path / "my images"
    job = queue.add("fit", "first", tiny.CONFIG, data, "--skip-unreadable")
    python, flag, package, *arguments = shlex.split(job.command)
    assert (python, flag, package) == ("python", "-m", "training")
    assert arguments[:3] == ["fit", "--data", str(data)]
    assert arguments[-1] == "--skip-unreadable"
    preset = arguments[arguments.index("--preset") + 1]
    assert load_preset(preset) == tiny.CONFIG
    assert states(queue) == {"first": "queued"}


@pytest.mark.parametrize("name", ["worker.log", "reports", "jobs", "default"])
def test_any_name_is_as_good_as_another(queue: JobQueue, name: str) -> None:
    queue.add("fit", name, tiny.CONFIG, Path("images"))
    queue.stop(name)
    queue.work()
    assert states(queue) == {name: "stopped"}
    assert queue.log(name) == ""


@pytest.mark.parametrize("name", ["", "../up", ".hidden", "a b", "a/b", "x" * 65, "-out"])
def test_what_is_no_name(queue: JobQueue, name: str) -> None:
    with pytest.raises(RunError, match="expected a name"):
        queue.add("fit", name, tiny.CONFIG, Path("images"))


def test_a_name_is_taken_once(queue: JobQueue) -> None:
    queue.add("fit", "first", tiny.CONFIG, Path("images"))
    (queue.runs / "second").mkdir()
    for name in ("first", "second"):
        with pytest.raises(RunError, match="already"):
            queue.add("fit", name, tiny.CONFIG, Path("images"))


def test_jobs_wait_in_order_and_a_stopped_one_goes_to_the_end(queue: JobQueue) -> None:
    for name in ("b", "a", "c"):
        queue.add("fit", name, tiny.CONFIG, Path("images"))
    assert list(states(queue)) == ["b", "a", "c"]
    stopped: dict[str, State] = {"b": "stopped", "a": "stopped", "c": "stopped"}
    for name in stopped:
        queue.stop(name)
    assert states(queue) == stopped  # at once, whatever the worker is busy with
    queue.work()  # runs nothing
    assert states(queue) == stopped
    queue.resume("a")
    assert list(states(queue).items())[-1] == ("a", "queued")


def test_the_output_of_a_job_that_was_removed_is_not_that_of_its_namesake(queue: JobQueue) -> None:
    queue.add("fit", "first", tiny.CONFIG, Path("images"))
    (queue.jobs_folder / "first" / "log.txt").write_text("no space")
    queue.stop("first")
    queue.work()
    queue.remove("first")
    queue.add("fit", "first", tiny.CONFIG, Path("images"))
    assert queue.log("first") == ""


def test_a_folder_of_runs_that_was_copied_has_jobs_of_its_own(
    queue: JobQueue, tmp_path: Path
) -> None:
    queue.add("fit", "first", tiny.CONFIG, Path("images"))
    queue.stop("first")
    queue.work()
    shutil.copytree(queue.runs, tmp_path / "copy")
    copied = JobQueue(tmp_path / "copy")
    copied.resume("first")
    (job,) = copied.jobs()
    assert str(queue.runs) not in job.command
    assert job.arguments[job.arguments.index("--out") + 1] == str(copied.runs / "first")
    preset = job.arguments[job.arguments.index("--preset") + 1]
    assert load_preset(preset) == tiny.CONFIG


def test_a_command_that_the_system_ends_says_what_it_may_be(tmp_path: Path) -> None:
    end = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    with (tmp_path / "log.txt").open("wb") as log, pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "_PROGRAM", [sys.executable, "-c", end])
        assert processes.run_until_stopped([], tmp_path / "stop", log) == -signal.SIGKILL
    assert "signal 9" in (tmp_path / "log.txt").read_text()
    assert "smaller batch" in (tmp_path / "log.txt").read_text()


def test_only_what_has_ended_is_resumed_or_removed(queue: JobQueue) -> None:
    queue.add("fit", "first", tiny.CONFIG, Path("images"))
    with pytest.raises(RunError, match="stopped or has failed"):
        queue.resume("first")
    with pytest.raises(RunError, match="Stop it first"):
        queue.remove("first")
    queue.stop("first")
    queue.work()
    queue.remove("first")
    assert queue.jobs() == []
    assert (queue.jobs_folder / "first" / "preset.json").is_file()  # the command still names it
    with pytest.raises(RunError):
        queue.remove("first")


def test_a_job_whose_worker_died_counts_as_stopped(queue: JobQueue) -> None:
    job = queue.add("fit", "first", tiny.CONFIG, Path("images"))
    queue._write(dataclasses.replace(job, state="running"))
    assert states(queue) == {"first": "stopped"}
    with FileLock(queue.folder / "worker.lock"):
        assert states(queue) == {"first": "running"}
        assert queue.has_worker()
    # Another worker runs what waits, and does not take that one for running.
    queue.add("fit", "second", tiny.CONFIG, Path("images"))
    queue.stop("second")
    queue.work()
    with FileLock(queue.folder / "worker.lock"):
        assert states(queue) == {"first": "stopped", "second": "stopped"}
    queue.resume("first")
    assert states(queue)["first"] == "queued"


def test_what_is_no_job_is_passed_over(queue: JobQueue) -> None:
    queue.add("fit", "first", tiny.CONFIG, Path("images"))
    (queue.jobs_folder / "broken").mkdir()
    (queue.jobs_folder / "broken" / "job.json").write_text("{")
    assert states(queue) == {"first": "queued"}


def test_a_second_worker_leaves_the_queue_to_the_first(queue: JobQueue) -> None:
    queue.add("fit", "first", tiny.CONFIG, Path("images"))
    with FileLock(queue.folder / "worker.lock"):
        queue.work()
    assert states(queue) == {"first": "queued"}


def test_a_bar_is_shown_as_it_was_drawn_last() -> None:
    printed = b"I0000 00:00 chatter\nread\nfit:  0%\rfit: 50%\rfit: 99%\n\nepoch 1\n"
    assert last_lines(printed, 9) == "read\nfit: 99%\nepoch 1"
    assert last_lines(printed, 1) == "epoch 1"


@pytest.mark.slow
def test_a_worker_outlives_who_started_it_and_takes_one_after_the_other(
    queue: JobQueue, chest_images: Path
) -> None:
    config = dataclasses.replace(QUICK_FIT, epochs=2)
    queue.add("fit", "good", config, chest_images)
    queue.add("fit", "bad", config, queue.runs / "nowhere")
    starter = (
        "import sys, time; from pathlib import Path; from training.jobs.queue import JobQueue; "
    )
    starter += (
        "q = JobQueue(Path(sys.argv[1])); q.start_worker(); print(flush=True); time.sleep(99)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", starter, str(queue.runs)], cwd=ROOT, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        # With all that belongs to its terminal, as when that is closed.
        os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: states(queue) == {"good": "finished", "bad": "failed"})
    wait_until(lambda: not queue.has_worker())
    good = read_run(queue.runs / "good")
    assert good is not None
    assert len(good.history) == 2
    assert good.bundle is not None
    assert "nowhere: expected a folder with train or val" in queue.log("bad")
    assert json.loads((queue.jobs_folder / "good" / "job.json").read_text())["state"] == "finished"


@pytest.mark.slow
def test_a_training_ends_with_its_worker_and_can_be_resumed(
    queue: JobQueue, chest_images: Path
) -> None:
    queue.add("fit", "long", dataclasses.replace(QUICK_FIT, epochs=5000), chest_images)
    queue.start_worker()
    assert queue._worker is not None
    wait_until(lambda: (run := read_run(queue.runs / "long")) and len(run.history) > 1)
    assert states(queue) == {"long": "running"}
    queue._worker.kill()
    wait_until(lambda: states(queue) == {"long": "stopped"})

    def nobody_fits() -> bool:
        try:
            with RunFolder(queue.runs / "long").locked():
                return True
        except RunError:
            return False

    wait_until(nobody_fits, seconds=60)
    queue.resume("long")
    queue.start_worker()
    log = queue.jobs_folder / "long" / "log.txt"
    wait_until(lambda: "going on after epoch" in log.read_text())
    queue.stop("long")
    wait_until(lambda: not queue.has_worker())
    assert states(queue) == {"long": "stopped"}
