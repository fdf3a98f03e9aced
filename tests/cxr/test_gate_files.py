"""The files of a gate: each is checked when it is read, and read as it was written."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from cxr.classifier import Classifier
from cxr.errors import BundleError
from cxr.gate.files import BUNDLED_GATE, CONFIG, FILES, graph_outputs, read_gate, write_gate
from cxr.gate.gate import Gate
from cxr.gate.lungs import LungNetworkConfig
from cxr.model.bundle import Bundle
from cxr.model.graph import GRAPH, Graph
from cxr.preprocessing import Preprocessing
from training.networks.export import export_lung_network
from training.networks.lung_network import build_lung_network


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the bundled gate."""
    return Path(shutil.copytree(BUNDLED_GATE, tmp_path / "gate"))


def change_config(folder: Path, **fields: object) -> None:
    path = folder / CONFIG
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.mark.parametrize("name", FILES)
def test_a_missing_or_damaged_file_is_named(folder: Path, name: str) -> None:
    (folder / name).write_bytes((folder / name).read_bytes()[:-9])
    with pytest.raises(BundleError, match=rf"{name}: (differs from|cannot be read)"):
        Gate(folder)
    (folder / name).unlink()
    with pytest.raises(BundleError, match=f"{name}: missing"):
        Gate(folder)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"format": 3}, "expected gate format 2"),
        ({"kinds": ["frontal"]}, "expected gate format 2 with the kinds frontal, turned"),
        ({"limits": {}}, "incomplete or malformed"),
        ({"sha256": {}}, "incomplete or malformed"),
        ({"network": {"size": "wide", "widths": []}}, "incomplete or malformed"),
    ],
)
def test_a_malformed_configuration_is_refused(
    folder: Path, fields: dict[str, object], message: str
) -> None:
    change_config(folder, **fields)
    with pytest.raises(BundleError, match=rf"gate\.json: {message}"):
        Gate(folder)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"size": 128, "widths": [12, 24, 40, 64, 32]}, "expected the output embedding"),
        ({"size": 64, "widths": [12, 24, 40, 64, 96]}, "expected the input image"),
    ],
)
def test_a_graph_of_another_network_is_refused(
    folder: Path, network: dict[str, object], message: str
) -> None:
    change_config(folder, network=network)
    with pytest.raises(BundleError, match=rf"network\.onnx: {message}"):
        Gate(folder)


def test_a_graph_that_is_exchanged_while_the_gate_is_loaded_is_refused(folder: Path) -> None:
    saved = read_gate(folder)
    with (folder / GRAPH).open("ab") as graph:
        graph.write(b"\0")
    with pytest.raises(BundleError, match="was exchanged while the model was loaded"):
        saved.load_graph()


def test_a_gate_is_read_as_it_was_written(tmp_path: Path) -> None:
    saved = Gate().saved
    again = write_gate(
        tmp_path / "gate",
        write_graph=lambda path: shutil.copy2(BUNDLED_GATE / GRAPH, path),
        network=saved.network,
        limits=saved.limits,
        features=saved.features,
        evaluation=saved.evaluation,
    )
    assert (again.network, again.limits) == (saved.network, saved.limits)
    assert again.evaluation == saved.evaluation
    np.testing.assert_array_equal(again.features.precision, saved.features.precision)


def test_the_graph_answers_as_the_network_does(tmp_path: Path) -> None:
    config = LungNetworkConfig(size=16, widths=(2, 2, 2, 2, 4))
    network = build_lung_network(config)
    images = np.random.default_rng(0).random((3, 16, 16)).astype(np.float16)
    path = tmp_path / GRAPH
    export_lung_network(network, config, path, images=images)
    batch = Preprocessing(size=16).normalize(images.astype(np.float32))
    found = Graph(path, side=16, outputs=graph_outputs(config)).run(batch)
    for name, expected in network(batch).items():
        np.testing.assert_allclose(found[name], expected, atol=1e-4)


def test_the_digest_covers_every_file(folder: Path) -> None:
    lines = "".join(
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in FILES
    )
    first = Gate(folder).sha256
    assert first == hashlib.sha256(lines.encode()).hexdigest() == Gate().sha256
    limits = json.loads((folder / CONFIG).read_text())["limits"]
    change_config(folder, limits={**limits, "frontal": 0.5})
    second = Gate(folder).sha256
    saved = read_gate(folder)
    np.savez(
        folder / "features.npz", mean=saved.features.mean + 1, precision=saved.features.precision
    )
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES[1:]}
    change_config(folder, sha256=digests)
    assert len({first, second, Gate(folder).sha256}) == 3


def test_an_answer_names_the_gate(tiny_bundle: Bundle) -> None:
    identity = Classifier(tiny_bundle).identity()
    assert identity == {**tiny_bundle.identity(), "gate": Gate().sha256}
