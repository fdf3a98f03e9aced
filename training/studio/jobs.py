"""Commands that wait for each other: a queue on disk, and the process that works it off.

RUNS/.studio/jobs/NAME/job.json     the command, and how far it is
RUNS/.studio/jobs/NAME/preset.json  the settings that the command names
RUNS/.studio/jobs/NAME/log.txt      what it printed
RUNS/.studio/jobs/NAME/stop         there once it was asked to stop
RUNS/.studio/worker.lock            held by the worker

Whoever queues writes new jobs, queues stopped ones again, and asks for a stop; the worker, a
process of its own that outlives whoever started it, writes everything else. So nobody overwrites
the other's word. A command ends with its worker, however that ends
(`training.parent_process`): a run without a live worker is shown as stopped.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from filelock import FileLock, Timeout

from cxr.errors import RunError
from training.files import ROOT, make_folder, write_text
from training.fitting.config import TrainingConfig
from training.parent_process import TETHERED

State = Literal["queued", "running", "stopped", "finished", "failed"]

_NAME = re.compile(r"\w[\w.-]{0,63}", re.ASCII)
# TensorFlow says at every start, before its log level counts, that it runs on a processor.
_CHATTER = re.compile(r"I0000 |WARNING: All log messages before absl")
_LOOK = 0.3  # seconds between two looks at a running command
_PATIENCE = 20.0  # seconds from asking a command to end to ending it
_HANDOVER = 2.0  # seconds that a worker waits for the lock, which others hold for a glance


@dataclass(frozen=True, kw_only=True)
class Job:
    """A command of the training package, and how far it is.

    Attributes:
        name: of the job, and of the folder that its results go to.
        arguments: what follows ``python -m training``.
        state: "stopped" also where the worker died over it, or will pass it over.
        queued: when it was queued last, in seconds since 1970: the queue's order.
    """

    name: str
    arguments: tuple[str, ...]
    state: State
    queued: float

    @property
    def command(self) -> str:
        """The command as one would type it, in the project's folder."""
        return shlex.join(["python", "-m", "training", *self.arguments])


class JobQueue:
    """The jobs of one folder of runs."""

    def __init__(self, runs: Path) -> None:
        """Refer to a queue; nothing is read or written yet."""
        self.runs = runs.resolve()
        self.folder = self.runs / ".studio"
        self.jobs_folder = self.folder / "jobs"
        self._worker: subprocess.Popen[bytes] | None = None

    # --- For whoever queues ----------------------------------------------------------------------

    def add(
        self, command: str, name: str, config: TrainingConfig, data: Path, *options: str
    ) -> Job:
        """Queue a command that takes a preset and a data folder.

        Args:
            command: ``"fit"`` or ``"tune"``.
            name: of the job, and of a new folder in the folder of runs.
            config: written to a file, which the command's ``--preset`` names.
            data: the data folder.
            options: further ones.

        Raises:
            RunError: the name is none, or taken; or the folder cannot be made.
        """
        if not _NAME.fullmatch(name):
            raise RunError(
                f"{name!r}: expected a name of letters, digits, dots, dashes and underscores, up "
                "to 64 of them."
            )
        folder = self.jobs_folder / name
        if (folder / "job.json").exists() or (self.runs / name).exists():
            raise RunError(f"{name}: there is a run of this name already. Choose another.")
        make_folder(folder)
        preset = folder / "preset.json"
        write_text(preset, json.dumps(config.to_json(), indent=1) + "\n")
        arguments = [command, "--data", str(data.resolve()), "--out", str(self.runs / name)]
        arguments += ["--preset", str(preset), *options]
        job = Job(name=name, arguments=tuple(arguments), state="queued", queued=time.time())
        self._write(job)
        return job

    def jobs(self) -> list[Job]:
        """All jobs, in the order in which they were queued."""
        found = self._recorded()
        dead = any(job.state == "running" for job in found) and not self.is_worked()

        def will_not_run(job: Job) -> bool:
            if job.state == "queued":
                return (self.jobs_folder / job.name / "stop").exists()
            return dead and job.state == "running"

        return [
            dataclasses.replace(job, state="stopped") if will_not_run(job) else job for job in found
        ]

    def job(self, name: str) -> Job | None:
        """One job; None if there is none of this name."""
        return next((job for job in self.jobs() if job.name == name), None)

    def stop(self, name: str) -> None:
        """Ask for the end of a job that runs or waits; what it has finished stays."""
        job = self.job(name)
        if job and job.state in ("queued", "running"):
            write_text(self.jobs_folder / name / "stop", "")

    def resume(self, name: str) -> None:
        """Queue a job again that was stopped or has failed; it goes on where it was.

        Raises:
            RunError: there is no such job.
        """
        job = self.job(name)
        if job is None or job.state not in ("stopped", "failed"):
            raise RunError(f"{name}: no job that was stopped or has failed.")
        (self.jobs_folder / name / "stop").unlink(missing_ok=True)
        self._write(dataclasses.replace(job, state="queued", queued=time.time()))

    def remove(self, name: str) -> None:
        """Forget a job that neither waits nor runs.

        Its results stay in the folder of runs, and its settings, which the command names.

        Raises:
            RunError: there is no such job.
        """
        job = self.job(name)
        if job is None or job.state in ("queued", "running"):
            raise RunError(f"{name}: no job that has ended. Stop it first.")
        for file in ("job.json", "stop"):
            (self.jobs_folder / name / file).unlink(missing_ok=True)

    def log(self, name: str, *, lines: int = 12) -> str:
        """The end of what a job has printed; of a bar that was drawn over, the last state."""
        try:
            with (self.jobs_folder / name / "log.txt").open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 65_536))
                return last_lines(file.read(), lines)
        except OSError:  # nothing printed yet
            return ""

    # --- The worker -------------------------------------------------------------------------------

    def is_worked(self) -> bool:
        """Whether a worker is at it."""
        if not self.folder.is_dir():
            return False
        try:
            with self._lock(timeout=0):
                return False
        except Timeout:
            return True

    def start_worker(self) -> None:
        """Have a worker, if anything waits: a process that goes on when this one ends."""
        if self._worker and self._worker.poll() is not None:
            self._worker = None
        if self._worker or not self._next() or self.is_worked():
            return
        detached: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            detached = {
                "creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
            }
        with (self.folder / "worker.log").open("ab") as log:
            self._worker = subprocess.Popen(
                [sys.executable, "-m", "training", "work", "--runs", str(self.runs)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **detached,
            )

    def work(self) -> None:
        """Run what waits, one after the other, until nothing does; or leave it to another worker.

        Raises:
            RunError: the folder cannot be made.
        """
        make_folder(self.folder)
        while self._next():
            try:
                with self._lock(timeout=_HANDOVER):
                    self._note_what_a_dead_worker_left()
                    while job := self._next():
                        self._run(job)
            except Timeout:
                return
            # What was queued just before the lock was given back is seen by the loop's condition.

    def _next(self) -> Job | None:
        return next((job for job in self._recorded() if job.state == "queued"), None)

    def _note_what_a_dead_worker_left(self) -> None:
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
                status = _run_command(job, stop, log)
            state = "finished" if status == 0 else "stopped" if stop.exists() else "failed"
        self._write(dataclasses.replace(job, state=state))
        stop.unlink(missing_ok=True)

    # --- Files ------------------------------------------------------------------------------------

    def _lock(self, *, timeout: float) -> FileLock:
        return FileLock(self.folder / "worker.lock", timeout=timeout)

    def _recorded(self) -> list[Job]:
        """Jobs as they are on disk, in the queue's order."""
        found = []
        for path in self.jobs_folder.glob("*/job.json"):
            try:
                document = json.loads(path.read_text(encoding="utf-8"))
                found.append(Job(**{**document, "arguments": tuple(document["arguments"])}))
            except (OSError, ValueError, TypeError, KeyError):
                continue  # taken off the list just now, or none of ours
        return sorted(found, key=lambda job: job.queued)

    def _write(self, job: Job) -> None:
        text = json.dumps(dataclasses.asdict(job), indent=1) + "\n"
        write_text(self.jobs_folder / job.name / "job.json", text)


def _run_command(job: Job, stop: Path, log: IO[bytes]) -> int:
    """Run a job's command until it ends, or until the file `stop` is there; its exit status."""
    log.write(f"$ {job.command}\n".encode())
    log.flush()
    with subprocess.Popen(
        [sys.executable, "-m", "training", *job.arguments],
        cwd=ROOT,
        env={**os.environ, TETHERED: "1"},
        stdin=subprocess.PIPE,  # which is closed when this process ends
        stdout=log,
        stderr=subprocess.STDOUT,
    ) as process:
        asked: float | None = None
        while process.poll() is None:
            if asked is None and stop.exists():
                asked = time.monotonic()
                process.terminate()
            elif asked is not None and time.monotonic() - asked > _PATIENCE:
                process.kill()
            time.sleep(_LOOK)
    if asked is not None:
        log.write(b"\nStopped. What it had finished stays; it can be resumed.\n")
    return process.returncode


def last_lines(printed: bytes, count: int) -> str:
    """The last lines of what a command has printed: a bar as it was drawn last, no chatter."""
    lines = printed.decode("utf-8", errors="replace").split("\n")
    shown = [line.rstrip("\r").rpartition("\r")[2] for line in lines]
    told = [line for line in shown if line.strip() and not _CHATTER.match(line)]
    return "\n".join(told[-count:])
