"""A bundle comes back as it was saved, or is refused with the name of the file at fault."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cxr.classifier import Classifier
from cxr.errors import BundleError
from cxr.model.bundle import Bundle, load_bundle

FILES = ["README.md", "config.json", "evaluation.json", "model.weights.h5", "operating_points.json"]

MISSING_WEIGHTS = pytest.mark.filterwarnings("ignore:Skipping nested container:UserWarning")


@pytest.fixture
def bundle(tmp_path: Path, write_bundle: Callable[[Path], Bundle]) -> Bundle:
    return write_bundle(tmp_path / "bundle")


def sign_again(folder: Path) -> None:
    """Write a manifest that fits the files, as an attacker would."""
    import hashlib

    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES}
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


def test_saved_and_loaded_networks_give_equal_logits(bundle: Bundle) -> None:
    batch = np.random.default_rng(0).random((2, 32, 32, 1), dtype=np.float32)
    first, second = bundle.build_network(), load_bundle(bundle.folder).build_network()
    np.testing.assert_array_equal(first(batch)[1], second(batch)[1])
    assert float(np.abs(first(batch)[1]).max()) > 0


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
    change_config(bundle.folder, format=3)
    with pytest.raises(BundleError, match=r"config\.json: expected bundle format 2. Received: 3"):
        load_bundle(bundle.folder)


@MISSING_WEIGHTS
def test_weights_of_another_shape_are_refused(bundle: Bundle) -> None:
    network = json.loads((bundle.folder / "config.json").read_text())["network"]
    change_config(bundle.folder, network={**network, "widths": [8, 8]})
    with pytest.raises(BundleError, match=r"model\.weights\.h5: does not fit"):
        Classifier.load(bundle.folder).warm_up()


@MISSING_WEIGHTS
def test_weights_that_lack_a_layer_are_refused_not_left_random(bundle: Bundle) -> None:
    network = json.loads((bundle.folder / "config.json").read_text())["network"]
    change_config(bundle.folder, network={**network, "blocks": [1, 2]})
    with pytest.raises(BundleError, match=r"model\.weights\.h5: does not fit"):
        load_bundle(bundle.folder).build_network()


def test_a_network_that_cannot_be_built_is_refused(bundle: Bundle) -> None:
    too_deep = {"architecture": "published", "input_size": 8, "widths": [4, 4, 4, 4]}
    preprocessing = {"size": 8, "intensity": "unit"}
    change_config(bundle.folder, network=too_deep, preprocessing=preprocessing)
    with pytest.raises(BundleError, match=r"config\.json: no network of ours"):
        load_bundle(bundle.folder).build_network()


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
    ],
)
def test_malformed_files_are_named(bundle: Bundle, name: str, content: str, message: str) -> None:
    (bundle.folder / name).write_text(content)
    sign_again(bundle.folder)
    with pytest.raises(BundleError, match=message):
        load_bundle(bundle.folder)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="nowhere: no such folder"):
        load_bundle(tmp_path / "nowhere")
