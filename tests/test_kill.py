"""Commands that write are killed anywhere; what they wrote is as before or complete.

Given again, each ends as if nothing had happened. `make kill ROUNDS=100` kills each more often.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cxr.gate.files import BUNDLED_GATE, read_gate
from cxr.model.bundle import (
    BUNDLED_MODEL,
    CARD,
    FILES,
    MANIFEST,
    WEIGHTS,
    Bundle,
    load_bundle,
    save_bundle,
    save_evaluation,
)
from cxr.model.graph import GRAPH
from cxr.saved_files import where_it_is
from tests.conftest import ROOT
from tests.kill import commands
from tests.kill.case import KilledCase, survive
from tests.kill.process import Ending, Kill, kills, run
from tests.loopback_hub import REPO, LoopbackHub, Repository, serve
from training.jobs.queue import Job, JobQueue
from training.sharing.deploy import WRITTEN

ROUNDS = int(os.environ.get("CXR_KILL_ROUNDS") or 2)
SPACE = "me/demo"


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The bundled model as another version."""
    bundle = load_bundle()

    def write_network(folder: Path) -> None:
        for name in (GRAPH, WEIGHTS):
            shutil.copyfile(bundle.folder / name, folder / name)

    return save_bundle(
        tmp_path_factory.mktemp("other") / "bundle",
        write_network=write_network,
        config={**bundle.config, "version": "other"},
        operating_points=bundle.operating_points,
        evaluation=bundle.evaluation,
        card="# Other\n",
    )


# --- Files ----------------------------------------------------------------------------------------


class Case(KilledCase):
    """A command that needs another model than the bundled one."""

    def __init__(self, folder: Path, other: Bundle) -> None:
        self.other = other
        super().__init__(folder)


class Use(Case):
    """A run's model takes the place of another."""

    def prepare(self) -> None:
        shutil.copytree(BUNDLED_MODEL, self.folder / "local")

    def call(self, kill: Kill | None = None) -> Ending:
        local = self.folder / "local"
        return run(commands.use, self.other.folder, local, folder=self.folder, kill=kill)

    def check(self) -> None:
        found = load_bundle(self.folder / "local")
        assert found.sha256 in (load_bundle().sha256, self.other.sha256)


class UseBundled(Case):
    """The model of this machine goes."""

    def prepare(self) -> None:
        shutil.copytree(self.other.folder, self.folder / "local")

    def call(self, kill: Kill | None = None) -> Ending:
        return run(commands.use_bundled, self.folder / "local", folder=self.folder, kill=kill)

    def check(self) -> None:
        if where_it_is(self.folder / "local").exists():
            assert load_bundle(self.folder / "local").sha256 == self.other.sha256


class Card(Case):
    """A bundle's card is written anew."""

    def prepare(self) -> None:
        shutil.copytree(BUNDLED_MODEL, self.folder / "bundle")
        bundle = load_bundle(self.folder / "bundle")
        save_evaluation(bundle, evaluation=bundle.evaluation, card="# Former\n")

    def call(self, kill: Kill | None = None) -> Ending:
        return run(commands.card, self.folder / "bundle", folder=self.folder, kill=kill)

    def check(self) -> None:
        assert load_bundle(self.folder / "bundle").sha256 == load_bundle().sha256
        card = (self.folder / "bundle" / CARD).read_text(encoding="utf-8")
        assert card in ("# Former\n", (BUNDLED_MODEL / CARD).read_text(encoding="utf-8"))


class MadeGate(Case):
    """A gate takes the place of another."""

    def prepare(self) -> None:
        shutil.copytree(BUNDLED_GATE, self.folder / "gate")
        gate_json = self.folder / "gate" / "gate.json"
        document = json.loads(gate_json.read_text(encoding="utf-8"))
        document["limits"]["frontal"] = 0.123
        gate_json.write_text(json.dumps(document), encoding="utf-8")

    def call(self, kill: Kill | None = None) -> Ending:
        gate = self.folder / "gate"
        return run(commands.replace_gate, gate, BUNDLED_GATE, folder=self.folder, kill=kill)

    def check(self) -> None:
        limits = read_gate(self.folder / "gate").limits
        assert limits.frontal in (0.123, read_gate(BUNDLED_GATE).limits.frontal)


class Classify(Case):
    """A folder is classified, for a part of which there are answers; the last was cut off."""

    def prepare(self) -> None:
        answers = self.folder / "answers.jsonl"
        self._add("a.jpeg")
        self._classify(self.folder / "films", None)
        first = json.loads(answers.read_text()) | {"probability": 0.123}
        answers.write_text(json.dumps(first) + '\n{"file": "cut')
        self._add("b.jpeg")
        self._add("deeper/a.jpeg")

    def _add(self, name: str) -> None:
        path = self.folder / "films" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        shutil.copyfile(ROOT / "examples" / "first-look.jpeg", path)

    def _classify(self, films: Path, kill: Kill | None) -> Ending:
        answers, overlays = self.folder / "answers.jsonl", self.folder / "overlays"
        return run(commands.classify, films, answers, overlays, folder=self.folder, kill=kill)

    def call(self, kill: Kill | None = None) -> Ending:
        return self._classify(self.folder / "films", kill)

    def answers(self) -> list[dict[str, Any]]:
        """The answers whose lines are whole."""
        content = (self.folder / "answers.jsonl").read_text()
        return [json.loads(line) for line in content.splitlines(keepends=True) if line[-1] == "\n"]

    def check(self) -> None:
        first, *others = self.answers()
        assert first["probability"] == 0.123
        assert len(others) <= 2
        for record in others:
            assert Path(record["overlay"]).read_bytes() == Path(first["overlay"]).read_bytes()

    def files(self) -> dict[str, str]:
        assert len({record["overlay"] for record in self.answers()}) == 3
        found = super().files()
        found.pop("overlays/.cxr-sources.jsonl")  # has digests of this folder's paths
        text = (self.folder / "answers.jsonl").read_text()
        return found | {"answers.jsonl": text.replace(str(self.folder), "")}


class AddJob(Case):
    """A training is queued."""

    def prepare(self) -> None:
        commands.add_job(self.folder, "former")

    def call(self, kill: Kill | None = None) -> Ending:
        return run(commands.add_job, self.folder, "new", folder=self.folder, kill=kill)

    def names(self) -> list[str]:
        """Of the jobs, in their order."""
        return [job.name for job in JobQueue(self.folder).jobs()]

    def again(self) -> None:
        if "new" not in self.names():
            self.call()

    def check(self) -> None:
        assert self.names() in (["former"], ["former", "new"])

    def files(self) -> dict[str, str]:
        jobs = JobQueue(self.folder).jobs()
        assert self.names() == ["former", "new"]
        return {job.name: job.state for job in jobs}


class Work(Case):
    """The studio's worker runs what waits."""

    def prepare(self) -> None:
        queue = JobQueue(self.folder)
        for number, name in enumerate("ab"):
            (queue.jobs_folder / name).mkdir(parents=True)
            queue._write(Job(name=name, arguments=("use", "--help"), state="queued", queued=number))

    def call(self, kill: Kill | None = None) -> Ending:
        return run(commands.work, self.folder, folder=self.folder, kill=kill)

    def states(self) -> dict[str, str]:
        """Of the jobs, in their order."""
        return {job.name: job.state for job in JobQueue(self.folder).jobs()}

    def again(self) -> None:
        for name, state in self.states().items():
            if state == "stopped":
                JobQueue(self.folder).resume(name)
        self.call()

    def check(self) -> None:
        ended = [state == "finished" for state in self.states().values()]
        assert ended in ([False, False], [True, False], [True, True])
        assert set(self.states().values()) <= {"queued", "stopped", "finished"}

    def files(self) -> dict[str, str]:
        for name in "ab":
            assert "usage: python -m training use" in JobQueue(self.folder).log(name, lines=99)
        return self.states()


CASES = (Use, UseBundled, Card, MadeGate, Classify, AddJob, Work)


@pytest.mark.parametrize("case", CASES)
def test_a_command_that_is_killed_leaves_what_was_there_or_all_that_is_new(
    case: type[Case], tmp_path: Path, other: Bundle
) -> None:
    survive(lambda folder: case(folder, other), tmp_path, rounds=ROUNDS, seed=len(case.__name__))


# --- The Hub --------------------------------------------------------------------------------------


@pytest.fixture
def small_hub() -> Iterator[LoopbackHub]:
    with serve() as hub:
        yield hub


def requests_until_killed(hub: LoopbackHub, at: int | None, *call: Any, folder: Path) -> int:
    """Call a command that is killed when the Hub gets its request of this number.

    Returns:
        How many requests came.
    """
    victim, count = 0, 0

    def interfere(_: str) -> int | None:
        nonlocal count
        count += 1
        if count != at:
            return None
        os.kill(victim, signal.SIGKILL)
        return 503

    def started(process: int) -> None:
        nonlocal victim
        victim = process

    hub.interfere = interfere
    ending = run(*call, folder=folder, started=started)
    hub.interfere = lambda _: None
    # Another state before, or a cache, may save some requests: then it has ended by itself.
    assert ending.killed == (at is not None and count >= at)
    return count


def state(repository: Repository | None) -> dict[str, bytes] | None:
    """What the main branch holds; None if there is no repository, or an empty one."""
    if repository is None:
        return None
    files = repository.commits[repository.branches["main"]]
    return {path: files[path] for path in files.keys() - {".gitattributes"}} or None


def killed_at(count: int) -> list[tuple[int, bool]]:
    """Numbers of requests at which a command is killed, and whether something is there before."""
    some = kills(count, 2 * ROUNDS, largest=2, seed=count)
    numbers = [kill.change for kill in some if kill.change]
    if count <= ROUNDS:
        return [(number, former) for number in numbers for former in (False, True)]
    return [(number, bool(place % 2)) for place, number in enumerate(numbers)]


def test_a_publication_that_is_killed_is_whole_or_not_there(
    small_hub: LoopbackHub, tmp_path: Path, other: Bundle
) -> None:
    earlier = {name: (BUNDLED_MODEL / name).read_bytes() for name in FILES}

    def prepare(*, former: bool) -> None:
        small_hub.repositories.clear()
        small_hub.large_files.clear()
        if former:
            small_hub.repositories[REPO] = Repository()
            commit = small_hub.repositories[REPO].commit(dict(earlier))
            small_hub.repositories[REPO].tags["v1"] = commit

    command = (commands.publish_run, other.folder, REPO, "v2", small_hub.url, tmp_path)
    wholes = {}
    for former in (False, True):
        prepare(former=former)
        count = requests_until_killed(small_hub, None, *command, folder=tmp_path)
        wholes[former] = small_hub.repositories[REPO]
    published = state(wholes[False])
    assert published
    assert json.loads(published[MANIFEST])[WEIGHTS]
    for at, former in killed_at(count):
        prepare(former=former)
        requests_until_killed(small_hub, at, *command, folder=tmp_path)
        found = small_hub.repositories.get(REPO)
        assert state(found) in ((earlier if former else None), published), at
        if found and "v2" in found.tags:
            assert found.tags["v2"] == found.branches["main"]
            assert state(found) == published
        requests_until_killed(small_hub, None, *command, folder=tmp_path)
        assert small_hub.repositories[REPO] == wholes[former], (at, former)


def test_a_deployment_that_is_killed_is_whole_or_not_there(
    small_hub: LoopbackHub, tmp_path: Path
) -> None:
    small_hub.repositories[REPO] = Repository()
    small_hub.repositories[REPO].commit(
        {name: (BUNDLED_MODEL / name).read_bytes() for name in FILES}
    )
    earlier = {
        WRITTEN: json.dumps([WRITTEN, "old.py", "app.py"]).encode(),
        "old.py": b"# old",
        "app.py": b"# app",
        "notes.txt": b"the owner's",
    }

    def prepare(*, former: bool) -> None:
        small_hub.spaces.clear()
        if former:
            small_hub.spaces[SPACE] = Repository()
            small_hub.spaces[SPACE].commit(dict(earlier))

    command = (commands.deploy_page, SPACE, f"{REPO}@main", small_hub.url, tmp_path)
    wholes = {}
    for former in (False, True):
        prepare(former=former)
        count = requests_until_killed(small_hub, None, *command, folder=tmp_path)
        wholes[former] = small_hub.spaces[SPACE]
    assert "old.py" not in (state(wholes[True]) or {})
    for at, former in killed_at(count):
        prepare(former=former)
        requests_until_killed(small_hub, at, *command, folder=tmp_path)
        found = state(small_hub.spaces.get(SPACE))
        assert found in ((earlier if former else None), state(wholes[former])), at
        requests_until_killed(small_hub, None, *command, folder=tmp_path)
        assert small_hub.spaces[SPACE] == wholes[former], (at, former)
