"""Bundles that do not fit together, or come from a stranger, are refused with the reason."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cxr.classifier import Classifier
from cxr.errors import BundleError
from cxr.model import bundle as bundles
from cxr.model.bundle import Bundle, load_bundle
from tests.cxr.changed_bundles import change_config, sign_again
from training.networks.loading import load_network

MISSING_WEIGHTS = pytest.mark.filterwarnings("ignore:Skipping nested container:UserWarning")


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
    with pytest.raises(BundleError, match=r"config\.json: .*leaves 2 places a side"):
        load_bundle(bundle.folder)


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


@pytest.mark.parametrize("name", ["manifest.json", "config.json", "model.weights.h5"])
def test_what_is_no_file_or_too_large_is_not_read(bundle: Bundle, name: str) -> None:
    path = bundle.folder / name
    path.unlink()
    with path.open("wb") as file:
        file.truncate(100_000_001)  # takes no room
    with pytest.raises(BundleError, match=rf"{name}: larger than"):
        load_bundle(bundle.folder)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(BundleError, match=rf"{name}: expected a file"):
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
