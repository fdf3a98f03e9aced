"""A Space gets what the page needs and nothing else, and starts from that alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml
from packaging.utils import canonicalize_name

from cxr.cases import read_cases
from cxr.errors import HubError
from cxr.gate.files import FILES as GATE_FILES
from cxr.model.bundle import FILES
from tests.conftest import ROOT
from tests.loopback_hub import REPO, LoopbackHub, Repository
from tests.test_lock import pins
from training.sharing.deploy import HARDWARE, WRITTEN, app_files, deploy

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

SPACE = "me/demo"


def files_of(hub: LoopbackHub) -> dict[str, bytes]:
    space = hub.spaces[SPACE]
    return space.commits[space.branches["main"]]


def front_matter(readme: bytes) -> dict[str, object]:
    front: dict[str, object] = yaml.safe_load(readme.decode().split("---\n")[1])
    return front


def test_the_space_holds_the_page_and_names_the_commit(hub: LoopbackHub, published: str) -> None:
    deployment = deploy(SPACE, f"{REPO}@v1")
    files = files_of(hub)
    assert {"app.py", "requirements.txt", "README.md", "cxr/classifier.py"} <= files.keys()
    assert {f"cxr/models/gate/{name}" for name in GATE_FILES} <= files.keys()
    assert {"cxr/page/icon.svg", "cxr/page/preview.jpg"} <= files.keys()
    assert {"cxr/card/card.en.md.jinja", "cxr/card/card.fr.md.jinja"} <= files.keys()
    assert not [path for path in files if path.startswith(("tests/", "training/", ".ci/"))]
    front = front_matter(files["README.md"])
    assert front["sdk"] == "gradio"
    assert front["models"] == [REPO]
    assert front["preload_from_hub"] == [f"{REPO} {','.join(FILES)} {published}"]
    assert {"sdk_version", "python_version", "app_file"} <= front.keys()
    assert front["app_file"] == "space.py"
    assert f'"CXR_MODEL", "{REPO}@{published}"' in files["space.py"].decode()
    assert deployment.model == f"{REPO}@{published}"
    assert len(hub.spaces[SPACE].commits) == 2  # the empty one, and ours


def test_deploying_again_updates_and_spares_what_is_not_ours(
    hub: LoopbackHub, published: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(SPACE, f"{REPO}@v1", hardware="zero")
    space = hub.spaces[SPACE]
    space.commit({**files_of(hub), "notes.txt": b"the owner's"})
    monkeypatch.setattr("training.sharing.deploy.example_files", list)  # as if they were gone
    deployment = deploy(SPACE, f"{REPO}@v1")
    files = files_of(hub)
    assert files["notes.txt"] == b"the owner's"
    assert ".gitattributes" in files
    assert "examples/SOURCES.md" in deployment.deleted
    assert not [path for path in files if path.startswith("examples/")]
    assert b"@spaces.GPU" not in files["space.py"]


@pytest.mark.parametrize(("first", "then"), [("cpu", "zero"), ("zero", "cpu")])
def test_a_space_that_is_there_gets_the_hardware_that_is_asked_for(
    hub: LoopbackHub, published: str, first: str, then: str
) -> None:
    deploy(SPACE, f"{REPO}@v1", hardware=first)
    assert hub.hardware[SPACE] == HARDWARE[first].value
    deploy(SPACE, f"{REPO}@v1", hardware=then)
    assert hub.hardware[SPACE] == HARDWARE[then].value


def test_somebody_elses_space_is_left_alone(hub: LoopbackHub, published: str) -> None:
    hub.spaces[SPACE] = Repository()
    hub.spaces[SPACE].commit({"app.py": b"print('mine')", "README.md": b""})
    with pytest.raises(HubError, match="none from an earlier deployment"):
        deploy(SPACE, f"{REPO}@v1")
    assert files_of(hub) == {"app.py": b"print('mine')", "README.md": b""}


def test_a_private_model_is_not_deployed(hub: LoopbackHub, published: str) -> None:
    hub.repositories[REPO].private = True
    with pytest.raises(HubError, match="Make it public"):
        deploy(SPACE, f"{REPO}@v1")
    assert SPACE not in hub.spaces


def test_a_gated_model_is_not_deployed(hub: LoopbackHub, published: str) -> None:
    """Everybody sees that it is there; a Space, which has no token, could not fetch it."""
    hub.repositories[REPO].gated = True
    with pytest.raises(HubError, match="is gated"):
        deploy(SPACE, f"{REPO}@v1")
    assert SPACE not in hub.spaces


def test_a_commit_that_fails_leaves_the_space_as_it_was(hub: LoopbackHub, published: str) -> None:
    deploy(SPACE, f"{REPO}@v1")
    before = files_of(hub)
    hub.interfere = lambda request: 500 if "/commit/" in request else None
    with pytest.raises(HubError, match="500"):
        deploy(SPACE, f"{REPO}@v1", hardware="zero")
    assert files_of(hub) == before
    assert hub.hardware[SPACE] == "cpu-basic"


def test_a_zero_gpu_space_declares_its_function(hub: LoopbackHub, published: str) -> None:
    deploy(SPACE, f"{REPO}@v1", hardware="zero")
    files = files_of(hub)
    assert hub.hardware[SPACE] == "zero-a10g"
    assert b"@spaces.GPU" in files["space.py"]
    assert "spaces" in pins(files["requirements.txt"].decode())
    compile(files["space.py"], "space.py", "exec")


@pytest.mark.parametrize("status", [402, 403, 500])
def test_a_refusal_leaves_the_space_as_it_was(
    hub: LoopbackHub, published: str, status: int
) -> None:
    hub.interfere = lambda request: status if "/repos/create" in request else None
    with pytest.raises(HubError, match=str(status)):
        deploy(SPACE, f"{REPO}@v1")
    assert SPACE not in hub.spaces


def test_a_model_that_is_not_there_is_said_before_a_space_is_made(
    hub: LoopbackHub, published: str
) -> None:
    with pytest.raises(HubError, match="has no revision v9"):
        deploy(SPACE, f"{REPO}@v9")
    assert SPACE not in hub.spaces


def hide_all_but(packages: set[str], folder: Path) -> None:
    """Write what keeps an interpreter with this folder on its path from importing others."""
    hidden = [
        module
        for module, names in packages_distributions().items()
        if not packages & set(map(canonicalize_name, names))
    ]
    folder.mkdir()
    code = f"import sys\nsys.modules.update(dict.fromkeys({hidden!r}))\n"
    (folder / "sitecustomize.py").write_text(code)


def test_the_space_installs_what_is_locked(hub: LoopbackHub, published: str) -> None:
    deploy(SPACE, f"{REPO}@v1")
    requirements = files_of(hub)["requirements.txt"].decode()
    assert "--hash" not in requirements  # its builder adds packages that have none
    locked = pins((ROOT / "requirements-page.lock").read_text(encoding="utf-8"))
    assert locked.items() <= pins(requirements).items()


@pytest.mark.slow
def test_the_deployed_page_starts_on_its_own(
    hub: LoopbackHub, published: str, tmp_path: Path
) -> None:
    """With its own requirements, in its own folder, with the pinned model fetched from the Hub."""
    folder = tmp_path / "space"
    for path, content in app_files(f"{REPO}@{published}").items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    packages = set(pins((folder / "requirements.txt").read_text(encoding="utf-8")))
    assert "pytest" not in packages
    hide_all_but(packages, tmp_path / "site")
    environment = {
        **{name: value for name, value in os.environ.items() if name != "HF_TOKEN"},
        "SYSTEM": "spaces",
        "HF_ENDPOINT": hub.url,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(tmp_path / "home"),
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "PYTHONPATH": str(tmp_path / "site"),
    }
    with subprocess.Popen(
        [sys.executable, "space.py"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            line = process.stdout.readline()  # type: ignore[union-attr]
            address = re.match(r"Page: (http://127\.0\.0\.1:\d+)", line)
            assert address, line + process.stderr.read()  # type: ignore[union-attr]
            with urlopen(address[1] + "/config") as answer:  # noqa: S310  # loopback
                assert b"Pneumonia" in answer.read()
        finally:
            process.terminate()
            _, error = process.communicate(timeout=60)
    assert "bundled model is used instead" not in error
    assert any(f"/resolve/{published}/model.weights.h5" in request for request in hub.requests)


def test_nothing_of_the_machine_is_sent() -> None:
    files = app_files(f"{REPO}@{'a' * 40}")
    assert WRITTEN in files
    assert not [path for path in files if "__pycache__" in path or path.endswith(".pyc")]
    assert sys.prefix.encode() not in b"".join(files.values())


def test_the_examples_of_the_page_are_sent() -> None:
    files = app_files(f"{REPO}@{'a' * 40}")
    for case in read_cases().cases:
        assert files[f"examples/{case.path.name}"] == case.path.read_bytes()
    examples = {path: content for path, content in files.items() if path.startswith("examples/")}
    assert {"examples/cases.toml", "examples/SOURCES.md"} < examples.keys()
    assert sum(map(len, examples.values())) < 4_000_000
