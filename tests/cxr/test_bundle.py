"""A bundle comes back as it was saved, or is refused with the name of the file at fault."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cxr.errors import BundleError
from cxr.model.bundle import CARD, Bundle, load_bundle, save_evaluation
from cxr.model.session import ModelSession
from tests.conftest import ROOT
from tests.cxr.changed_bundles import FILES, sign_again
from training.networks.loading import load_network
from training.sharing.completion import complete_bundle


def test_a_bundle_of_0_5_is_read_by_the_present_names(bundle: Bundle) -> None:
    path = bundle.folder / "config.json"
    config = json.loads(path.read_text())
    config["mirror"] = config.pop("flip_tta")
    config["trained_on"] = {"films": 7}
    path.write_text(json.dumps(config))
    sign_again(bundle.folder)
    found = load_bundle(bundle.folder)
    assert found.flip_tta == bundle.flip_tta
    assert found.config["trained_on"] == {"images": 7}


def test_graph_and_weights_give_equal_evidence(bundle: Bundle) -> None:
    batch = np.random.default_rng(0).random((2, 32, 32, 1), dtype=np.float32)
    answer = ModelSession(bundle.folder, bundle.network)(batch)
    _, logit, evidence, *_ = load_network(bundle)(batch)
    np.testing.assert_allclose(answer.logits, logit[:, 0], atol=1e-5)
    np.testing.assert_allclose(answer.maps, np.maximum(evidence[..., 0], 0), atol=1e-5)
    assert np.abs(answer.logits).max() > 0


def test_a_bundle_without_a_graph_is_told_how_to_get_one(bundle: Bundle) -> None:
    as_of_version_0_5(bundle.folder)
    with pytest.raises(BundleError, match="python -m training export --model"):
        load_bundle(bundle.folder)


@pytest.mark.slow
def test_it_gets_one(bundle: Bundle) -> None:
    batch = np.random.default_rng(0).random((1, 32, 32, 1), dtype=np.float32)
    before = ModelSession(bundle.folder, bundle.network)(batch)
    weights = (bundle.folder / "model.weights.h5").read_bytes()
    as_of_version_0_5(bundle.folder)
    completed = complete_bundle(bundle.folder)
    after = ModelSession(completed.folder, completed.network)(batch)
    np.testing.assert_allclose(after.maps, before.maps, atol=1e-5)
    assert (bundle.folder / "model.weights.h5").read_bytes() == weights
    assert complete_bundle(bundle.folder).sha256 == completed.sha256


def as_of_version_0_5(folder: Path) -> None:
    (folder / "network.onnx").unlink()
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "format": 2}))
    sign_again(folder)


def test_an_equal_bundle_has_an_equal_digest(
    bundle: Bundle, tmp_path: Path, write_bundle: Callable[[Path], Bundle]
) -> None:
    assert write_bundle(tmp_path / "again").operating_points == bundle.operating_points
    assert len(bundle.sha256) == 64


def test_the_card_may_change_without_making_another_model(bundle: Bundle) -> None:
    (bundle.folder / "README.md").write_text("# Another card\n")
    sign_again(bundle.folder)
    assert load_bundle(bundle.folder).sha256 == bundle.sha256


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_a_missing_file_is_named(bundle: Bundle, name: str) -> None:
    (bundle.folder / name).unlink()
    with pytest.raises(BundleError, match=f"{name}: missing"):
        load_bundle(bundle.folder)


@pytest.mark.parametrize("name", FILES)
def test_an_altered_file_is_named(bundle: Bundle, name: str) -> None:
    path = bundle.folder / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(BundleError, match=f"{name}: differs from what manifest.json says"):
        load_bundle(bundle.folder)


_REPLACE = """
import os, sys
from pathlib import Path
from cxr.model.bundle import load_bundle, save_evaluation

bundle, kill_at, changes = load_bundle(Path(sys.argv[1])), int(sys.argv[2]), 0

def count(event, arguments):
    global changes
    writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if writes or event in ("os.rename", "os.remove"):
        changes += 1
        if changes == kill_at:
            os.kill(os.getpid(), 9)

sys.addaudithook(count)
save_evaluation(bundle, evaluation={"images": 99}, card="# new\\n")
print(changes)
"""


def test_an_evaluation_that_is_replaced_is_the_former_or_the_new_one_whenever_it_is_killed(
    write_bundle: Callable[[Path], Bundle], tmp_path: Path
) -> None:
    former = write_bundle(tmp_path / "bundle")
    ways, kill_at = set(), 1
    while True:
        command = [sys.executable, "-c", _REPLACE, str(former.folder), str(kill_at)]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert run.returncode in (0, -signal.SIGKILL), run.stderr
        found = load_bundle(former.folder)
        card = (former.folder / CARD).read_text()
        assert (found.evaluation["images"], card) in ((0, "# tiny\n"), (99, "# new\n"))
        assert found.sha256 == former.sha256
        ways.add(card)
        if run.returncode == 0:
            break
        kill_at += 1
        save_evaluation(former, evaluation=former.evaluation, card="# tiny\n")
    assert kill_at > 4
    assert len(ways) == 2
