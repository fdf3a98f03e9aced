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

from cxr.classifier import Classifier
from cxr.errors import BundleError
from cxr.model import bundle as bundles
from cxr.model.bundle import CARD, Bundle, load_bundle, save_evaluation
from cxr.model.session import ModelSession
from tests.conftest import ROOT
from training.networks.loading import load_network
from training.sharing.completion import complete_bundle

FILES = [
    "README.md",
    "config.json",
    "evaluation.json",
    "model.weights.h5",
    "network.onnx",
    "operating_points.json",
]

MISSING_WEIGHTS = pytest.mark.filterwarnings("ignore:Skipping nested container:UserWarning")


def sign_again(folder: Path) -> None:
    """Write a manifest that fits the files, as an attacker would."""
    import hashlib

    digests = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in FILES
        if (folder / name).exists()
    }
    (folder / "manifest.json").write_text(json.dumps(digests))


def change_config(folder: Path, **fields: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
    sign_again(folder)


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


def test_another_format_is_refused(bundle: Bundle) -> None:
    change_config(bundle.folder, format=4)
    with pytest.raises(BundleError, match=r"config\.json: expected bundle format 3. Received: 4"):
        load_bundle(bundle.folder)


def test_a_graph_of_another_network_is_refused(bundle: Bundle) -> None:
    network = json.loads((bundle.folder / "config.json").read_text())["network"]
    smaller = {**network, "widths": [4, 4, 8], "blocks": [1, 1, 1]}
    change_config(bundle.folder, network=smaller)
    with pytest.raises(BundleError, match=r"network\.onnx: expected the output evidence"):
        Classifier.load(bundle.folder)


@MISSING_WEIGHTS
@pytest.mark.parametrize("change", [{"widths": [8, 8]}, {"blocks": [1, 2]}])
def test_weights_that_do_not_fit_are_refused_and_never_random(
    bundle: Bundle, change: dict[str, list[int]]
) -> None:
    network = json.loads((bundle.folder / "config.json").read_text())["network"]
    change_config(bundle.folder, network={**network, **change})
    with pytest.raises(BundleError, match=r"model\.weights\.h5: does not fit"):
        load_network(load_bundle(bundle.folder))


def test_weights_that_are_no_numbers_are_refused(bundle: Bundle) -> None:
    network = load_network(bundle)
    network.weights[0].assign(np.full(network.weights[0].shape, np.nan))
    network.save_weights(bundle.folder / "model.weights.h5")
    sign_again(bundle.folder)
    with pytest.raises(BundleError, match=r"model\.weights\.h5: .*no finite weights"):
        load_network(load_bundle(bundle.folder))


def test_a_network_that_cannot_be_built_is_refused(bundle: Bundle) -> None:
    too_deep = {"architecture": "published", "input_size": 8, "widths": [4, 4, 4, 4]}
    preprocessing = {"size": 8, "intensity": "unit"}
    change_config(bundle.folder, network=too_deep, preprocessing=preprocessing)
    with pytest.raises(BundleError, match=r"config\.json: no network of ours"):
        load_network(load_bundle(bundle.folder))


def test_an_unknown_network_is_refused(bundle: Bundle) -> None:
    change_config(bundle.folder, network={"architecture": "vit"})
    with pytest.raises(BundleError, match=r"config\.json: .*Received: architecture='vit'"):
        load_bundle(bundle.folder)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"preprocessing": {"size": 32, "intensity": "foo"}}, "Received: intensity='foo'"),
        ({"preprocessing": {"size": 64, "intensity": "unit"}}, "makes 64 pixels, the network"),
        ({"class_names": ["PNEUMONIA", "NORMAL"]}, "expected class_names"),
        ({"heatmap": {"reference": 0}}, "heatmap reference above 0"),
        ({"heatmap": {"reference": float("nan")}}, "heatmap reference above 0"),
        ({"trained_on": None}, "expected trained_on as dict"),
        ({"network": {"widths": [0], "blocks": [1]}}, "whole numbers above 0"),
        ({"network": {"widths": ["8"], "blocks": [1]}}, "whole numbers above 0"),
    ],
)
def test_a_configuration_that_disagrees_with_itself_is_refused(
    bundle: Bundle, fields: dict[str, object], message: str
) -> None:
    change_config(bundle.folder, **fields)
    with pytest.raises(BundleError, match=rf"config\.json: .*{message}"):
        load_bundle(bundle.folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", "[]", r"config\.json: expected a JSON object"),
        ("config.json", "{", r"config\.json: cannot be read as JSON"),
        ("operating_points.json", "{}", r"operating_points\.json: malformed"),
        ("evaluation.json", '{"source": "\\ud800"}', r"evaluation\.json: cannot be read as JSON"),
        ("evaluation.json", '{"a": ' * 900 + "1" + "}" * 900, r"evaluation\.json: cannot be read"),
    ],
)
def test_malformed_files_are_named(bundle: Bundle, name: str, content: str, message: str) -> None:
    (bundle.folder / name).write_text(content)
    sign_again(bundle.folder)
    with pytest.raises(BundleError, match=message):
        load_bundle(bundle.folder)


@pytest.mark.parametrize("change", [{"source": []}, {"curve": [{"true_positives": 10**400}]}])
def test_operating_points_that_cannot_be_shown_are_refused(
    bundle: Bundle, change: dict[str, object]
) -> None:
    file = bundle.folder / "operating_points.json"
    document = json.loads(file.read_text())
    for key, value in change.items():
        is_curve = isinstance(value, list) and value
        document[key] = [document[key][0] | value[0], *document[key][1:]] if is_curve else value
    file.write_text(json.dumps(document))
    sign_again(bundle.folder)
    with pytest.raises(BundleError, match=r"operating_points\.json: malformed"):
        load_bundle(bundle.folder)


def test_a_folder_that_is_exchanged_while_it_is_read_is_no_mixture(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process puts a model in its place once the files' digests are known."""
    verify = bundles.verify_digests

    def verify_then_exchange(folder: Path, *arguments: object, **named: object) -> None:
        verify(folder, *arguments, **named)
        config = folder / "config.json"
        config.write_text(config.read_text().replace('"tiny"', '"other"'))
        sign_again(folder)

    monkeypatch.setattr(bundles, "verify_digests", verify_then_exchange)
    with pytest.raises(BundleError, match=r"config\.json: was exchanged"):
        load_bundle(bundle.folder)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="nowhere: no such folder"):
        load_bundle(tmp_path / "nowhere")


def test_why_a_model_cannot_be_used_is_said_in_the_readers_language(bundle: Bundle) -> None:
    with pytest.raises(BundleError) as missing:
        load_bundle(bundle.folder / "nowhere")
    assert "ce dossier n'existe pas" in missing.value.say("fr")
    path = bundle.folder / "README.md"
    path.write_text("# Another card\n")
    with pytest.raises(BundleError) as altered:
        load_bundle(bundle.folder)
    assert "il est endommagé ou a été modifié" in altered.value.say("fr")
    detail = BundleError("network.onnx: no ONNX model.")
    assert detail.say("en") == "network.onnx: no ONNX model."
    assert detail.say("fr") == (
        "Problème avec ce modèle (détail technique, en anglais\xa0: network.onnx: no ONNX model.)"
    )


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
