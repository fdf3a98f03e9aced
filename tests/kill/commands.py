"""What is killed: commands as a user gives them, with folders that a test chooses."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from types import ModuleType

from huggingface_hub import constants

import cxr.classify  # here, so that no process has to import it anew
import cxr.cli
import training.__main__
from cxr.gate.files import FEATURES, GRAPH, read_gate, write_gate
from cxr.model import bundle as bundles
from cxr.model import hub
from tests.kill.process import OFTEN
from tests.loopback_hub import TOKEN, client_settings
from training.files import replaced_whole
from training.fitting.presets import tiny
from training.jobs.queue import JobQueue
from training.sharing import deploy, local_model, pictures, publish  # noqa: F401


def use(run: Path, local: Path) -> None:
    """`use`, with another place for the model of this machine."""
    bundles.LOCAL_MODEL = hub.LOCAL_MODEL = local
    _training("use", run)


def use_bundled(local: Path) -> None:
    """`use --bundled`."""
    bundles.LOCAL_MODEL = hub.LOCAL_MODEL = local
    _training("use", "--bundled")


def card(folder: Path) -> None:
    """`card`, which writes the card of a bundle anew."""
    _training("card", "--model", folder)


def replace_gate(folder: Path, source: Path) -> None:
    """What ends `fit-gate`, with the network of another gate."""
    gate = read_gate(source)
    with replaced_whole(folder) as new:
        write_gate(
            new,
            write_graph=lambda path: shutil.copyfile(source / GRAPH, path),
            network=gate.network,
            limits=gate.limits,
            features=gate.features,
            evaluation=gate.evaluation,
        )
    assert (folder / FEATURES).exists()


def classify(films: Path, answers: Path, overlays: Path) -> None:
    """`classify --resume`."""
    command = ["classify", films, "--resume", answers, "--overlay", overlays]
    assert cxr.cli.main(list(map(str, command))) == 0


def add_job(runs: Path, name: str) -> None:
    """A training that the studio queues."""
    JobQueue(runs).add("fit", name, tiny.CONFIG, Path("images"))


def work(runs: Path) -> None:
    """`work`, the studio's worker."""
    _training("work", "--runs", runs)


def publish_run(run: Path, repo: str, tag: str, url: str, cache: Path) -> None:
    """`publish`, to a Hub of the test's."""
    _go_to_hub(url, cache)
    pictures._CASES = ()  # whose heatmaps take seconds
    _training("publish", run, "--repo", repo, "--tag", tag)


def deploy_page(space: str, model: str, url: str, cache: Path) -> None:
    """`deploy`, to a Hub of the test's."""
    _go_to_hub(url, cache)
    _training("deploy", "--space", space, "--model", model)


def _go_to_hub(url: str, cache: Path) -> None:
    os.environ |= {"HF_TOKEN": TOKEN, "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    for name, value in client_settings(url, cache).items():
        setattr(constants, name, value)
    if not OFTEN:  # a check of the weights that sends nothing: Keras would take seconds each time
        unchecked = ModuleType("training.networks.loading")
        unchecked.load_network = lambda bundle: bundle  # type: ignore[attr-defined]
        sys.modules[unchecked.__name__] = unchecked


def _training(*arguments: object) -> None:
    assert training.__main__.main(list(map(str, arguments))) == 0, arguments
