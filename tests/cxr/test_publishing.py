"""Publishing to the Hub with the real client, against a Hub on this machine."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cxr.errors import BundleError, HubError
from cxr.model.bundle import CARD, FILES, MANIFEST, Bundle, load_bundle, save_evaluation
from tests.conftest import ROOT
from tests.loopback_hub import REPO, LoopbackHub
from training.__main__ import main
from training.sharing.pictures import HEATMAPS, RELIABILITY, ROC, chosen_cases, draw_pictures
from training.sharing.publish import publish, published_card

# The Hub's client passes content to its HTTP library in a way that the latter warns of.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


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
    assert published_card(said, "me/cxr@v1", pictures) == said  # a bundle that came from the Hub
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
