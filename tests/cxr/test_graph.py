"""Graphs are untrusted: other graphs than expected are refused, with the reason."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from cxr.errors import BundleError
from cxr.model import graph as graphs
from cxr.model.graph import Graph
from tests.conftest import ROOT

SIDE = 4
OUTPUTS: dict[str, graphs.Shape] = {"logit": (None,)}


def doubled_mean() -> onnx.ModelProto:
    """From images (N, 4, 4, 1) to twice their means (N,)."""
    axes = numpy_helper.from_array(np.array([1, 2, 3]), "axes")
    two = numpy_helper.from_array(np.array([2], np.float32), "two")
    nodes = [
        helper.make_node("ReduceMean", ["image", "axes"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "two"], ["logit"]),
    ]
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", SIDE, SIDE, 1])],
        [helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["N"])],
        [axes, two],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])


def load(tmp_path: Path, model: onnx.ModelProto | bytes) -> Graph:
    path = tmp_path / "network.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return Graph(path, side=SIDE, outputs=OUTPUTS, threads=1)


@pytest.mark.parametrize("images", [1, 3, 19])
def test_a_graph_runs_batches_of_any_length(tmp_path: Path, images: int) -> None:
    batch = np.random.default_rng(0).random((images, SIDE, SIDE, 1), dtype=np.float32)
    found = load(tmp_path, doubled_mean()).run(batch)
    np.testing.assert_allclose(found["logit"], 2 * batch.mean((1, 2, 3)), rtol=1e-6)


def with_another_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].name = model.graph.node[0].input[0] = "pixels"


def with_another_side(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 99


def with_another_output(model: onnx.ModelProto) -> None:
    model.graph.output[0].name = model.graph.node[1].output[0] = "probability"


def with_a_second_output(model: onnx.ModelProto) -> None:
    extra = helper.make_tensor_value_info("mean", TensorProto.FLOAT, ["N"])
    model.graph.output.append(extra)


def with_an_output_of_another_type(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.DOUBLE


def with_a_loop(model: onnx.ModelProto) -> None:
    body = helper.make_graph([], "body", [], [])
    model.graph.node.append(helper.make_node("Loop", ["", "forever"], [], body=body))
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "forever"))


def with_a_custom_operator(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Evil", ["mean"], ["evil"], domain="com.example"))
    model.opset_import.append(helper.make_opsetid("com.example", 1))


def with_a_function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    opset = helper.make_opsetid("", 18)
    model.opset_import.append(helper.make_opsetid("ours", 1))
    model.functions.append(helper.make_function("ours", "Mine", ["x"], ["y"], [node], [opset]))


def with_external_data(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[1]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../secret"


def with_another_version(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 19


def with_a_sparse_tensor(model: onnx.ModelProto) -> None:
    values = numpy_helper.from_array(np.array([2], np.float32), "sparse")
    places = numpy_helper.from_array(np.array([0]), "places")
    sparse = helper.make_sparse_tensor(values, places, [4])
    model.graph.sparse_initializer.append(sparse)


def with_a_missing_input(model: onnx.ModelProto) -> None:
    model.graph.node[1].input[1] = ""


def with_a_huge_number(model: onnx.ModelProto) -> None:
    model.graph.node[0].attribute[0].i = 2**40


def with_no_order_of_axes(model: onnx.ModelProto) -> None:
    node = helper.make_node("Transpose", ["image"], ["turned"], perm=[0, 0, 1, 9])
    model.graph.node.insert(0, node)


def with_an_lstm_of_another_kind(model: onnx.ModelProto) -> None:
    names = ["image", "two", "two", "two"]
    node = helper.make_node("LSTM", names, ["y"], hidden_size=1, activations=["Affine"])
    model.graph.node.append(node)


def with_a_huge_array(model: onnx.ModelProto) -> None:
    shape = numpy_helper.from_array(np.array([10_000, 100_000]), "shape")
    model.graph.initializer.append(shape)
    model.graph.node.append(helper.make_node("Expand", ["two", "shape"], ["huge"]))


def with_many_arrays(model: onnx.ModelProto) -> None:
    shape = numpy_helper.from_array(np.array([4096, 4096]), "shape")
    model.graph.initializer.append(shape)
    for number in range(17):
        model.graph.node.append(helper.make_node("Expand", ["two", "shape"], [f"large-{number}"]))


def with_many_nodes(model: onnx.ModelProto) -> None:
    names = ["two", *(f"same-{number}" for number in range(6000))]
    for before, after in pairwise(names):
        model.graph.node.append(helper.make_node("Identity", [before], [after]))


def with_an_array_that_grows_faster_than_the_batch(model: onnx.ModelProto) -> None:
    nodes = [
        helper.make_node("Shape", ["image"], ["batch"], start=0, end=1),
        helper.make_node("Concat", ["batch"] * 9, ["shape"], axis=0),
        helper.make_node("Expand", ["two", "shape"], ["huge"]),
    ]
    model.graph.node.extend(nodes)


def with_a_pool_wider_than_the_image(model: onnx.ModelProto) -> None:
    pool = helper.make_node("MaxPool", ["image"], ["empty"], kernel_shape=[1, 9])
    names = [("start", [0]), ("end", [1]), ("across", [3])]
    for name, values in names:
        model.graph.initializer.append(helper.make_tensor(name, TensorProto.INT64, [1], values))
    part = helper.make_node("Slice", ["empty", "start", "end", "across"], ["part"])
    model.graph.node.extend([pool, part])


def with_an_array_of_no_length(model: onnx.ModelProto) -> None:
    pool = helper.make_node("AveragePool", ["image"], ["empty"], kernel_shape=[5, 1])
    scales = helper.make_tensor("scales", TensorProto.FLOAT, [4], [1, 2, 1, 1])
    model.graph.initializer.append(scales)
    resize = helper.make_node("Resize", ["empty", "", "scales"], ["larger"], mode="nearest")
    model.graph.node.extend([pool, resize])


def with_many_slices(model: onnx.ModelProto) -> None:
    for name, values in (("start", [0]), ("end", [1])):
        model.graph.initializer.append(helper.make_tensor(name, TensorProto.INT64, [1], values))
    parts = [helper.make_node("Slice", ["image", "start", "end"], [f"p{i}"]) for i in range(101)]
    model.graph.node.extend(parts)


def with_shapes_that_do_not_fit(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("MatMul", ["image", "axes"], ["product"]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (with_another_version, "expected operators of version 18"),
        (with_a_sparse_tensor, "has sparse tensors|no ONNX model"),
        (with_a_missing_input, "a node Mul lacks one of its inputs|no ONNX model"),
        (with_a_huge_number, "expected numbers up to 10,000 as keepdims"),
        (with_an_lstm_of_another_kind, "activations of a node LSTM is not read|is not read here"),
        (with_no_order_of_axes, "expected an order of axes as perm|no ONNX model"),
        (with_a_huge_array, "expected arrays of a known size .* huge is none"),
        (with_many_arrays, "expected arrays of up to 268,435,456 values in all"),
        (with_many_nodes, "more than 5,000 nodes"),
        (with_an_array_that_grows_faster_than_the_batch, "known size .* huge is none"),
        (with_a_pool_wider_than_the_image, "known size .* empty is none"),
        (with_an_array_of_no_length, "known size .* empty is none"),
        (with_many_slices, "more than 100 nodes Slice"),
        (with_shapes_that_do_not_fit, "its shapes do not fit one another|no ONNX model"),
        (with_another_input, "expected the inputs image"),
        (with_another_side, r"expected the input image as float32 \(N, 4, 4, 1\)"),
        (with_another_output, "expected the outputs logit. Received: probability"),
        (with_a_second_output, "expected the outputs logit. Received: logit, mean"),
        (with_an_output_of_another_type, "expected the output logit as float32|no ONNX model"),
        (with_a_loop, "uses the operator Loop|no ONNX model"),
        (with_a_custom_operator, "uses the operator com.example::Evil"),
        (with_a_function, "defines functions of its own"),
        (with_external_data, "refers to data outside the file|no ONNX model"),
    ],
)
def test_other_graphs_are_refused(
    tmp_path: Path, change: Callable[[onnx.ModelProto], None], said: str
) -> None:
    model = doubled_mean()
    change(model)
    with pytest.raises(BundleError, match=said) as refusal:
        load(tmp_path, model)
    assert "network.onnx" in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"no graph", b"\x08\x07\x12" + bytes(40)])
def test_what_is_no_graph_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BundleError, match=r"network\.onnx"):
        load(tmp_path, content)


def test_a_missing_graph_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"network\.onnx: cannot be read"):
        Graph(tmp_path / "network.onnx", side=SIDE, outputs=OUTPUTS)


def test_a_large_graph_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "MAX_BYTES", 10)
    with pytest.raises(BundleError, match="larger than 10 bytes"):
        load(tmp_path, doubled_mean())


def test_images_that_do_not_fit_are_an_error_of_ours(tmp_path: Path) -> None:
    graph = load(tmp_path, doubled_mean())
    with pytest.raises(BundleError, match="cannot be run"):
        graph.run(np.zeros((1, 5, 5, 1), np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e7])
def test_what_is_no_number_is_no_answer(tmp_path: Path, value: float) -> None:
    model = doubled_mean()
    model.graph.initializer[1].CopyFrom(numpy_helper.from_array(np.array([value], "f4"), "two"))
    graph = load(tmp_path, model)
    with pytest.raises(BundleError, match="logit is no number, or beyond a million"):
        graph.run(np.ones((1, SIDE, SIDE, 1), np.float32))


def test_a_graph_that_was_exchanged_is_not_used(tmp_path: Path) -> None:
    load(tmp_path, doubled_mean())
    with pytest.raises(BundleError, match="was exchanged"):
        Graph(tmp_path / "network.onnx", side=SIDE, outputs=OUTPUTS, sha256="0" * 64)


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    content = doubled_mean().SerializeToString().replace(b"image", b"ima\xbee")
    with pytest.raises(BundleError, match=r"network\.onnx"):
        load(tmp_path, content)


def test_the_engine_reports_to_nobody(tmp_path: Path) -> None:
    """ONNX Runtime keeps a number for the machine in the home folder, and connects, unless told."""
    (tmp_path / "network.onnx").write_bytes(doubled_mean().SerializeToString())
    home = tmp_path / "home"
    home.mkdir()
    code = (
        "import time; from pathlib import Path; from cxr.model.graph import Graph; "
        f"Graph(Path({str(tmp_path / 'network.onnx')!r}), side={SIDE}, outputs={OUTPUTS!r}); "
        "time.sleep(1)"
    )
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("CI", "ORT_DISABLE_TELEMETRY")
        }
        environment |= {"HTTPS_PROXY": address, "HOME": str(home), "TMPDIR": str(home)}
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)
        proxy.setblocking(False)
        with pytest.raises(BlockingIOError):
            proxy.accept()
    assert not list(home.rglob("*"))
