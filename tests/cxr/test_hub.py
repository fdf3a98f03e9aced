"""Publishing and fetching with the real client, against a Hub on this machine."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from huggingface_hub import hf_hub_download

from cxr.errors import BundleError, HubError
from cxr.model.bundle import CARD, FILES, MANIFEST, Bundle, load_bundle, save_evaluation
from cxr.model.hub import MAX_BYTES, fetch_bundle, find_bundle, parse_reference
from tests.conftest import ROOT
from tests.loopback_hub import LoopbackHub, Repository
from training.__main__ import main
from training.sharing.pictures import HEATMAPS, RELIABILITY, ROC, chosen_cases, draw_pictures
from training.sharing.publish import publish, published_card

# The Hub's client passes content to its HTTP library in a way that the latter warns of.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

REPO = "me/cxr"


@pytest.fixture
def bundle(tmp_path: Path, write_bundle: Callable[[Path], Bundle]) -> Bundle:
    return write_bundle(tmp_path / "bundle")


@pytest.fixture
def published(hub: LoopbackHub, bundle: Bundle) -> str:
    """The commit of a published bundle, tagged v1."""
    return publish(bundle.folder, REPO, tag="v1").commit


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
    monkeypatch.setitem(MAX_BYTES, "model.weights.h5", 1000)
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


# --- Publishing -----------------------------------------------------------------------------------


def test_everything_is_published_in_one_commit(
    hub: LoopbackHub, published: str, bundle: Bundle
) -> None:
    repository = hub.repositories[REPO]
    assert len(repository.commits) == 2  # the empty repository's, and ours
    assert repository.tags == {"v1": published}
    files = repository.commits[published]
    for name in set(FILES) - {CARD, MANIFEST}:
        assert files[name] == (bundle.folder / name).read_bytes()
    assert any(path.startswith("examples/") for path in files)


def test_the_bundled_model_has_evaluation_results_in_both_of_the_hubs_forms(
    hub: LoopbackHub,
) -> None:
    model = load_bundle()
    commit = publish(model.folder, REPO).commit
    files = hub.repositories[REPO].commits[commit]
    entries = yaml.safe_load(files[".eval_results/results.yaml"])
    auc = round(model.evaluation["result"]["metrics"]["auc"], 4)
    assert {entry["dataset"]["task_id"]: entry["value"] for entry in entries}["auc"] == auc
    front = yaml.safe_load(files["README.md"].decode().split("---")[1])
    assert front["library_name"] == "cxr"  # Keras' own lines would not load it
    assert front["pipeline_tag"] == "image-classification"
    assert front["model-index"][0]["results"][0]["metrics"][0]["value"] == auc


def test_the_published_card_shows_pictures_that_are_there_and_says_whose_they_are(
    hub: LoopbackHub, published: str
) -> None:
    files = hub.repositories[REPO].commits[published]
    card = files[CARD].decode()
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", card)
    assert pictures == [ROC, HEATMAPS]  # this bundle was never measured: no reliability
    for name in pictures:
        assert files[name].startswith(b"\x89PNG")
    for said in ("CC BY 4.0", "10.17632/rscbjbr9sj", "Kermany, Zhang, Goldbaum", "the heatmap is"):
        assert said in card
    for case in chosen_cases():
        assert case.image in card
        assert f"examples/{case.path.name}" in files
    assert len(chosen_cases()) == 4


def test_the_lines_and_pictures_stand_before_the_results() -> None:
    model = load_bundle()
    card = (model.folder / CARD).read_text(encoding="utf-8")
    pictures = draw_pictures(model)
    assert pictures.files.keys() == {ROC, RELIABILITY, HEATMAPS}
    assert draw_pictures(model) == pictures  # a second publication finds the first
    said = published_card(card, "me/cxr@v1", pictures)
    headings = re.findall(r"^## (.*)$", said, re.MULTILINE)
    assert headings[:5] == ["Model facts", "Limits", "Use this model", "Pictures", "Results"]
    assert said.replace(said[said.index("## Use") : said.index("## Results")], "") == card


def test_a_dry_run_lists_files_and_card_and_sends_nothing(
    hub: LoopbackHub, bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["publish", str(bundle.folder), "--repo", REPO, "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "model.weights.h5" in printed
    assert "# tiny" in printed
    assert "## Use this model" in printed
    assert hub.requests == []


def test_a_missing_token_is_said(
    hub: LoopbackHub, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(HubError, match="No token for the Hub"):
        publish(bundle.folder, REPO)
    assert REPO not in hub.repositories


def test_a_wrong_token_is_said(
    hub: LoopbackHub, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_else")
    with pytest.raises(HubError, match="token is not accepted"):
        publish(bundle.folder, REPO)
    assert REPO not in hub.repositories


def test_an_existing_tag_stays_where_it_is(
    hub: LoopbackHub, published: str, bundle: Bundle
) -> None:
    # The same model again, as after an interruption: it is there.
    assert publish(bundle.folder, REPO, tag="v1").commit == hub.repositories[REPO].tags["v1"]
    other = save_evaluation(bundle, evaluation=bundle.evaluation, card="# another\n")
    with pytest.raises(HubError, match="has a tag v1 already"):
        publish(other.folder, REPO, tag="v1")
    assert len(hub.repositories[REPO].commits) == 2


@pytest.mark.parametrize("where", ["/preupload/", "/objects/batch", "/lfs/", "/commit/"])
def test_a_server_error_on_the_way_publishes_nothing(
    hub: LoopbackHub, published: str, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)  # the client waits before it tries again
    before = dict(hub.repositories[REPO].commits)
    hub.large_files.clear()
    hub.interfere = lambda request: 500 if where in request else None
    with pytest.raises(HubError, match="Nothing was published"):
        publish(bundle.folder, REPO, tag="v2")
    assert hub.repositories[REPO].commits == before
    assert set(hub.repositories[REPO].tags) == {"v1"}


def test_a_second_publisher_in_between_wins(
    hub: LoopbackHub, published: str, bundle: Bundle
) -> None:
    repository = hub.repositories[REPO]

    def publish_first(request: str) -> None:
        if "/commit/" in request:
            hub.interfere = lambda _: None
            repository.commit({"README.md": b"# Somebody else's"})

    hub.interfere = publish_first
    with pytest.raises(HubError, match="somebody else published in between"):
        publish(bundle.folder, REPO)
    assert repository.commits[repository.branches["main"]] == {"README.md": b"# Somebody else's"}


def test_a_bundle_that_does_not_load_is_not_published(hub: LoopbackHub, bundle: Bundle) -> None:
    (bundle.folder / "config.json").write_text("{}")
    with pytest.raises(BundleError):
        publish(bundle.folder, REPO)
    assert hub.requests == []


# --- From the command line ------------------------------------------------------------------------


@pytest.mark.slow
def test_publish_deploy_and_classify_at_the_tag(
    hub: LoopbackHub, bundle: Bundle, image_file: Path, tmp_path: Path
) -> None:
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(tmp_path / "home"),
    }

    def python(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=environment,
            check=False,
        )

    done = python("training", "publish", str(bundle.folder), "--repo", REPO, "--tag", "v1")
    assert done.returncode == 0, done.stderr
    commit = hub.repositories[REPO].tags["v1"]
    assert commit in done.stdout

    done = python("training", "deploy", "--space", "me/demo", "--model", f"{REPO}@v1")
    assert done.returncode == 0, done.stderr
    space = hub.spaces["me/demo"]
    assert f"{REPO}@{commit}".encode() in space.commits[space.branches["main"]]["space.py"]
    assert "cpu-basic" in done.stdout  # what the Hub asks of the account

    done = python("cxr", "classify", str(image_file), "--json", "--model", f"{REPO}@v1")
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)
    assert line["model"]["origin"] == f"{REPO}@{commit}"
    assert line["model"]["sha256"] == bundle.sha256

    done = python("cxr", "classify", str(image_file), "--model", f"{REPO}@v2")
    assert done.returncode == 2
    assert "has no revision v2" in done.stderr
    assert done.stdout == ""
    shutil.rmtree(tmp_path / "home")


@pytest.mark.slow
def test_the_lines_of_the_published_card_work(
    hub: LoopbackHub, bundle: Bundle, image_file: Path, tmp_path: Path
) -> None:
    commit = publish(bundle.folder, REPO, tag="v1").commit
    card = hub.repositories[REPO].commits[commit][CARD].decode()
    (shell,) = re.findall(r"```bash\n(.*?)```", card, re.DOTALL)
    (code,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    page, classify = map(shlex.split, shell.splitlines())
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "app.py").symlink_to(ROOT / "app.py")
    shutil.copy(image_file, folder / "radiograph.jpeg")
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(ROOT),
        "BROWSER": "true",
        "GRADIO_SERVER_NAME": "127.0.0.1",
    }
    assert page[0] == classify[0] == "python"

    def started(*command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    printed, error = started(*classify[1:]).communicate(timeout=120)
    line = json.loads(printed)
    assert line["model"]["origin"] == f"{REPO}@{commit}", error
    printed, error = started("-c", code).communicate(timeout=120)
    probability, verdict = printed.split()
    assert float(probability) == pytest.approx(line["probability"], abs=1e-6), error
    assert verdict == line["label"]
    with started(*page[1:]) as process:
        try:
            assert process.stdout
            assert process.stdout.readline().startswith("Page: http://127.0.0.1:")
        finally:
            process.terminate()
            _, error = process.communicate(timeout=60)
    assert "bundled model is used instead" not in error


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


@pytest.mark.parametrize("token", ["hf_\N{SNOWMAN}", "hf of nobody\n"])
def test_a_token_that_is_none_is_said(
    hub: LoopbackHub, published: str, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(HubError):
        publish(fetch(f"{REPO}@v1").folder, "me/another")


def test_a_public_repository_does_not_pass_for_a_private_one(
    hub: LoopbackHub, published: str, bundle: Bundle
) -> None:
    with pytest.raises(HubError, match="exists already, and is public"):
        publish(bundle.folder, REPO, private=True)
    assert len(hub.repositories[REPO].commits) == 2


@pytest.mark.parametrize("tag", ["v 1", "main", "1.0+x", "a" * 40])
def test_a_tag_that_nobody_could_name_is_refused_first(
    hub: LoopbackHub, bundle: Bundle, tag: str
) -> None:
    with pytest.raises(HubError, match="expected a tag"):
        publish(bundle.folder, REPO, tag=tag)
    assert hub.requests == []
