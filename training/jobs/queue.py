"""A queue of commands on disk, and the worker that runs them one after the other.

RUNS/.studio/jobs/NAME/job.json     the command and its state
RUNS/.studio/jobs/NAME/preset.json  the configuration that the command names
RUNS/.studio/jobs/NAME/log.txt      what it printed
RUNS/.studio/jobs/NAME/stop         exists once it was asked to stop
RUNS/.studio/worker.lock            held by the worker

The worker is a process of its own that goes on when the page is closed. The page writes new jobs,
queues stopped ones again, and asks for a stop; the worker writes every other state, so that the two
never write at the same time. A command ends when its worker ends, even if that was killed
(`training.parent_process`): a job that is recorded as running without a worker is shown as stopped.
"""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from cxr.errors import RunError
from cxr.messages import Message
from training.files import make_folder, read_json, write_json, write_text
from training.fitting.config import TrainingConfig
from training.jobs.processes import command_line, last_lines, run_until_stopped, start

Command = Literal["fit", "tune"]
State = Literal["queued", "running", "stopped", "finished", "failed"]

_NAME = re.compile(r"\w[\w.-]{0,63}", re.ASCII)
_REST = 60.0  # seconds after a worker failed before another is started
_HANDOVER = 2.0  # seconds that a worker waits for the lock, since `has_worker` takes it briefly


@dataclass(frozen=True, kw_only=True)
class Job:
    """A command of the training package and its state: the content of job.json.

    Attributes:
        name: of the job, and of the folder that its results go to.
        arguments: what follows ``python -m training``; the command is the first.
        state: ``"stopped"`` also if its worker died, or if it was asked to stop while it waited.
        queued: when it was last queued, in seconds since 1970; it decides the order.
    """

    name: str
    arguments: tuple[str, ...]
    state: State
    queued: float

    @property
    def command(self) -> str:
        """The command line, to be run in the project's folder."""
        return command_line(self.arguments)


class JobQueue:
    """The jobs of one folder of runs."""

    def __init__(self, runs: Path) -> None:
        """Refer to a queue; nothing is read or written yet."""
        self.runs = runs.resolve()
        self.folder = self.runs / ".studio"
        self.jobs_folder = self.folder / "jobs"
        self.reports = self.folder / "reports"  # of `training.studio.compare_tab`
        self._worker: subprocess.Popen[bytes] | None = None
        self._rests_until = 0.0  # by the monotonic clock

    # --- For the page ----------------------------------------------------------------------------

    def add(
        self, command: Command, name: str, config: TrainingConfig, data: Path, *options: str
    ) -> Job:
        """Queue a command that takes a preset and a data folder.

        Args:
            command: ``"fit"`` or ``"tune"``.
            name: of the job, and of a new folder in the folder of runs.
            config: written to a file, which the command's ``--preset`` names.
            data: the data folder.
            options: further options of the command.

        Raises:
            RunError: the name is not allowed, or taken; or the folder cannot be made.
        """
        if not _NAME.fullmatch(name):
            raise RunError(Message("studio_bad_name", {"name": repr(name)}))
        folder = self.jobs_folder / name
        if (folder / "job.json").exists() or (self.runs / name).exists():
            raise RunError(Message("studio_name_taken", {"name": name}))
        make_folder(folder)
        (folder / "log.txt").unlink(missing_ok=True)  # of a job of this name that was removed
        preset = folder / "preset.json"
        write_json(preset, config.to_json())
        arguments = [command, "--data", str(data.resolve()), "--out", str(self.runs / name)]
        arguments += ["--preset", str(preset), *options]
        job = Job(name=name, arguments=tuple(arguments), state="queued", queued=self._now())
        self._write(job)
        return job

    def jobs(self) -> list[Job]:
        """All jobs, in the order in which they were queued."""
        found = self._recorded()
        orphaned = any(job.state == "running" for job in found) and not self.has_worker()

        def is_stopped(job: Job) -> bool:
            if job.state == "queued":
                return (self.jobs_folder / job.name / "stop").exists()
            return orphaned and job.state == "running"

        return [
            dataclasses.replace(job, state="stopped") if is_stopped(job) else job for job in found
        ]

    def job(self, name: str) -> Job | None:
        """The job of this name; None if there is none."""
        return next((job for job in self.jobs() if job.name == name), None)

    def stop(self, name: str) -> None:
        """Ask a job that runs or waits to stop; its results so far are kept."""
        job = self.job(name)
        if job and job.state in ("queued", "running"):
            write_text(self.jobs_folder / name / "stop", "")

    def resume(self, name: str) -> None:
        """Queue a job again that was stopped or has failed; it continues where it ended.

        Raises:
            RunError: there is no such job.
        """
        job = self.job(name)
        if job is None or job.state not in ("stopped", "failed"):
            raise RunError(Message("studio_not_stopped", {"name": name}))
        (self.jobs_folder / name / "stop").unlink(missing_ok=True)
        self._write(dataclasses.replace(job, state="queued", queued=self._now()))
        self._rests_until = 0.0

    def remove(self, name: str) -> None:
        """Remove a job that neither waits nor runs from the list.

        Its results are kept, and so is its configuration, which the command names.

        Raises:
            RunError: there is no such job.
        """
        job = self.job(name)
        if job is None or job.state in ("queued", "running"):
            raise RunError(Message("studio_not_ended", {"name": name}))
        for file in ("job.json", "stop"):
            (self.jobs_folder / name / file).unlink(missing_ok=True)

    def log(self, name: str, *, lines: int = 12) -> str:
        """The last lines that a job has printed; see `training.jobs.processes.last_lines`."""
        try:
            with (self.jobs_folder / name / "log.txt").open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 65_536))
                return last_lines(file.read(), lines)
        except OSError:  # nothing printed yet
            return ""

    # --- The worker -------------------------------------------------------------------------------

    def has_worker(self) -> bool:
        """Whether a worker is running."""
        if not self.folder.is_dir():
            return False
        try:
            with self._lock(timeout=0):
                return False
        except Timeout:
            return True

    def start_worker(self) -> None:
        """Start a worker if a job waits and none is running; it goes on when this process ends."""
        if self._worker and self._worker.poll() is not None:
            if self._worker.returncode > 0:  # as on a full disk: the next would fail likewise
                self._rests_until = time.monotonic() + _REST
            self._worker = None
        if time.monotonic() < self._rests_until:
            return
        if self._worker or not self._next() or self.has_worker():
            return
        detached: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            detached = {
                "creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
            }
        with (self.folder / "worker.log").open("ab") as log:
            self._worker = start(["work", "--runs", str(self.runs)], log, **detached)

    def work(self) -> None:
        """Run the waiting jobs one after the other; return at once if another worker does.

        Raises:
            RunError: the folder cannot be made.
        """
        make_folder(self.folder)
        # Checked again after the lock is released: a job may have been queued just before that.
        while self._next():
            try:
                with self._lock(timeout=_HANDOVER):
                    self._mark_orphans()
                    while job := self._next():
                        self._run(job)
            except Timeout:
                return

    def _next(self) -> Job | None:
        return next((job for job in self._recorded() if job.state == "queued"), None)

    def _mark_orphans(self) -> None:
        """Record jobs whose worker died as stopped."""
        for job in self._recorded():
            if job.state == "running":
                self._write(dataclasses.replace(job, state="stopped"))

    def _run(self, job: Job) -> None:
        folder = self.jobs_folder / job.name
        stop = folder / "stop"
        state: State = "stopped"
        if not stop.exists():
            self._write(dataclasses.replace(job, state="running"))
            with (folder / "log.txt").open("ab") as log:
                log.write(f"$ {job.command}\n".encode())
                log.flush()
                status = run_until_stopped(job.arguments, stop, log)
            state = "finished" if status == 0 else "stopped" if stop.exists() else "failed"
        self._write(dataclasses.replace(job, state=state))
        stop.unlink(missing_ok=True)

    # --- Files ------------------------------------------------------------------------------------

    def _now(self) -> float:
        """The time; later than that of all jobs, even if the clock was set back."""
        return max([time.time(), *(job.queued + 0.001 for job in self._recorded())])

    def _lock(self, *, timeout: float) -> FileLock:
        return FileLock(self.folder / "worker.lock", timeout=timeout)

    def _recorded(self) -> list[Job]:
        """Jobs as they are on disk, in the queue's order."""
        found = []
        for path in self.jobs_folder.glob("*/job.json"):
            try:
                document = read_json(path)
                job = Job(**{**document, "arguments": tuple(document["arguments"])})
                found.append(self._where_it_is_now(job))
            except (OSError, ValueError, TypeError, KeyError):
                continue  # just removed, or not a job
        return sorted(found, key=lambda job: job.queued)

    def _where_it_is_now(self, job: Job) -> Job:
        """A job with its results and preset in this folder, which may have been moved or copied."""
        arguments = list(job.arguments)
        preset = self.jobs_folder / job.name / "preset.json"
        for option, path in (("--out", self.runs / job.name), ("--preset", preset)):
            if option in arguments[:-1]:
                arguments[arguments.index(option) + 1] = str(path)
        return dataclasses.replace(job, arguments=tuple(arguments))

    def _write(self, job: Job) -> None:
        write_json(self.jobs_folder / job.name / "job.json", dataclasses.asdict(job))
