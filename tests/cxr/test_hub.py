"""Fetching from the Hub with the real client, against a Hub on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import hf_hub_download

from cxr.errors import BundleError, HubError
from cxr.model.bundle import FILES, Bundle
from cxr.model.hub import (
    LIMITS,
    fetch_bundle,
    find_bundle,
    parse_reference,
    without_token,
)
from tests.conftest import ROOT
from tests.loopback_hub import REPO, LoopbackHub, Repository
from training.sharing.publish import publish

# The Hub's client passes content to its HTTP library in a way that the latter warns of.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


def fetch(text: str) -> Bundle:
    reference = parse_reference(text)
    assert reference
    return fetch_bundle(reference)


# --- References -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "repo", "revision"),
    [
        ("me/cxr", "me/cxr", "main"),
        ("me/cxr@v1", "me/cxr", "v1"),
        ("me/cxr@refs/pr/3", "me/cxr", "refs/pr/3"),
        ("me/c-x.r_1@" + "a" * 40, "me/c-x.r_1", "a" * 40),
    ],
)
def test_a_reference_names_repository_and_revision(text: str, repo: str, revision: str) -> None:
    reference = parse_reference(text)
    assert reference
    assert (reference.repo, reference.revision) == (repo, revision)


@pytest.mark.parametrize(
    "text",
    [
        "cxr",
        "/runs/mine",
        "me/cxr@",
        "me/cxr@../../x",
        "../cxr",
        "a/b/c",
        "me/cxr@v 1",
        "me/my--run",
        "me/x.git",
        "me/cxr-",
        "",
    ],
)
def test_what_is_no_reference_is_taken_as_a_folder(text: str) -> None:
    assert parse_reference(text) is None


def test_a_folder_of_that_name_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_bundle: Callable[[Path], Bundle]
) -> None:
    write_bundle(tmp_path / "me" / "cxr")
    monkeypatch.chdir(tmp_path)
    assert find_bundle("me/cxr").origin is None


def test_the_environment_names_the_model(
    published: str, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXR_MODEL", f"{REPO}@v1")
    assert find_bundle().sha256 == bundle.sha256
    assert find_bundle(bundle.folder).origin is None


# --- Fetching -------------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", ["", "@main", "@v1", "@{commit}"])
def test_what_was_published_comes_back(published: str, bundle: Bundle, revision: str) -> None:
    fetched = fetch(REPO + revision.format(commit=published))
    assert fetched.sha256 == bundle.sha256
    assert fetched.origin == f"{REPO}@{published}"
    assert fetched.identity()["origin"] == f"{REPO}@{published}"


def test_a_cached_commit_costs_no_request(hub: LoopbackHub, published: str) -> None:
    fetch(f"{REPO}@{published}")
    hub.requests.clear()
    fetch(f"{REPO}@{published}")
    assert hub.requests == []


@pytest.mark.parametrize("how", ["no connection", "HF_HUB_OFFLINE", "the Hub is down"])
def test_a_tag_that_was_fetched_works_without_the_hub(
    hub: LoopbackHub, published: str, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    fetch(f"{REPO}@v1")
    monkeypatch.setattr("time.sleep", lambda _: None)  # the client waits before it tries again
    cut_off(hub, monkeypatch, how)
    assert fetch(f"{REPO}@v1").origin == f"{REPO}@{published}"


def cut_off(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    if how == "HF_HUB_OFFLINE":
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    elif how == "no connection":
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    else:
        hub.interfere = lambda _: 503


@pytest.mark.parametrize("how", ["no connection", "HF_HUB_OFFLINE"])
def test_nothing_cached_and_no_connection_is_said(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    cut_off(hub, monkeypatch, how)
    with pytest.raises(HubError, match="cannot be reached, and no copy of it is cached"):
        fetch(f"{REPO}@v1")


@pytest.mark.parametrize("revision", ["v9", "f" * 40])
def test_a_missing_revision_is_said(published: str, revision: str) -> None:
    with pytest.raises(HubError, match=f"has no revision {revision}"):
        fetch(f"{REPO}@{revision}")


def test_a_missing_repository_is_said(hub: LoopbackHub) -> None:
    with pytest.raises(HubError, match=r"not on the Hub, or private.*HF_TOKEN"):
        fetch("me/nothing")


def test_a_private_model_wants_a_token(
    hub: LoopbackHub, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(bundle.folder, REPO, private=True)
    assert fetch(REPO).sha256 == bundle.sha256
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(HubError, match="or private"):
        fetch(f"{REPO}@{'0' * 40}")  # a commit that is not in the cache


def test_a_file_that_is_no_part_of_a_bundle_never_arrives(
    hub: LoopbackHub, published: str, bundle: Bundle
) -> None:
    repository = hub.repositories[REPO]
    files = repository.commits[published]
    repository.commit({**files, "evil.py": b"import os", "cxr/__init__.py": b"", "model.pkl": b""})
    fetched = fetch(REPO)
    assert fetched.sha256 == bundle.sha256
    assert {path.name for path in fetched.folder.iterdir()} == set(FILES)
    assert not any("evil" in request or "pkl" in request for request in hub.requests)


def test_a_repository_without_a_bundle_is_refused_before_anything_is_fetched(
    hub: LoopbackHub, published: str
) -> None:
    repository = hub.repositories[REPO]
    files = dict(repository.commits[published])
    del files["operating_points.json"]
    repository.commit(files)
    hub.requests.clear()
    with pytest.raises(HubError, match=r"it lacks operating_points\.json"):
        fetch(REPO)
    assert not [request for request in hub.requests if "GET" in request and "resolve" in request]


def test_a_file_too_large_for_a_model_is_not_fetched(
    published: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, "model.weights.h5", 1000)
    with pytest.raises(HubError, match="It was not fetched"):
        fetch(REPO)


def test_tampered_weights_are_refused(hub: LoopbackHub, published: str) -> None:
    """Changed in the repository, by somebody who left the manifest as it was."""
    repository = hub.repositories[REPO]
    files = dict(repository.commits[published])
    weights = bytearray(files["model.weights.h5"])
    weights[-1] ^= 1
    repository.commit({**files, "model.weights.h5": bytes(weights)})
    with pytest.raises(BundleError, match=r"model\.weights\.h5: differs from what manifest\.json"):
        fetch(REPO)


@pytest.mark.parametrize("name", ["model.weights.h5", "evaluation.json"])
def test_a_file_cut_short_on_the_way_is_refused(
    hub: LoopbackHub, published: str, bundle: Bundle, name: str
) -> None:
    hub.tampered[name] = (bundle.folder / name).read_bytes()[:-10]
    with pytest.raises((HubError, BundleError)):
        fetch(f"{REPO}@v1")


def test_an_empty_repository_holds_no_model(hub: LoopbackHub) -> None:
    hub.repositories[REPO] = Repository()
    hub.repositories[REPO].commit({})
    with pytest.raises(HubError, match="holds no model of this project"):
        fetch(REPO)


def test_an_answer_that_fails_once_lets_nothing_in_unchecked(
    hub: LoopbackHub, published: str
) -> None:
    hub.interfere = lambda request: 404 if "/tree/" in request else None
    with pytest.raises(HubError):
        fetch(f"{REPO}@v1")
    assert not [request for request in hub.requests if "/resolve/" in request]


def test_a_part_of_a_cached_commit_is_completed(
    hub: LoopbackHub, published: str, bundle: Bundle
) -> None:
    hf_hub_download(REPO, "README.md", revision=published)
    assert fetch(f"{REPO}@{published}").sha256 == bundle.sha256


def test_no_message_quotes_a_token() -> None:
    said = without_token(ValueError("Illegal header value b'Bearer hf_SECRET\\x0bx'"))
    assert said == "Illegal header value b'…'"
    assert without_token(ValueError(f"hf_{'a' * 34} is no token")) == "… is no token"
    oauth = f"hf_oauth_{'a' * 9}.{'b' * 9}-c"
    assert without_token(ValueError(f"bad {oauth} quoted")) == "bad … quoted"
    assert without_token(ValueError("http://me:secret@proxy:80 fails")) == "http://…@proxy:80 fails"
    assert without_token(ValueError("Try pip install hf_transfer")) == "Try pip install hf_transfer"


def test_a_proxy_whose_address_is_none_is_said_without_its_password(tmp_path: Path) -> None:
    """In a process of its own: the Hub's client keeps its connections."""
    code = f"from cxr.model.hub import find_bundle; find_bundle('{REPO}@v1')"
    proxy = "http://me:secret@127.0.0.1:abc"
    environment = {**os.environ, "HTTPS_PROXY": proxy, "https_proxy": proxy, "NO_PROXY": ""}
    environment |= {"HF_HOME": str(tmp_path), "HF_ENDPOINT": "https://hub.example"}
    command = [sys.executable, "-c", code]
    told = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    last = told.stderr.strip().splitlines()[-1]
    assert last.startswith("cxr.errors.HubError: ")
    assert "secret" not in last


@pytest.mark.parametrize("token", ["hf_\N{SNOWMAN}", "hf of nobody\n"])
def test_a_token_that_is_none_is_said(
    hub: LoopbackHub, published: str, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(HubError):
        publish(fetch(f"{REPO}@v1").folder, "me/another")
