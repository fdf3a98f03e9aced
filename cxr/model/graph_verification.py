"""What a graph (ONNX) of a stranger has to be before it is loaded.

ONNX Runtime itself checks less, and some graphs of known operators would end the process: so their
operators, attributes and the sizes of all arrays are looked at first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cxr.errors import BundleError

if TYPE_CHECKING:
    import onnx

INPUT = "image"
OPSET = 18  # the version of the standard's operators that we export
MAX_AT_ONCE = 8  # images; more are answered one such batch after the other
# Values of one array, and of all together, for a batch of so many images: 256 MB and 1 GB. Ours
# have 3 and 27 million.
_MAX_VALUES, _MAX_VALUES_IN_ALL = 2**26, 2**28
_MAX_NODES = 5000  # ours have up to 154
_MAX_SLICES = 100  # ours have 2
_MAX_ATTRIBUTE = 10_000  # of a whole number: axes, sides of windows, types
_OPERATOR_NAMES = """
Add AveragePool BatchNormalization Cast Clip Concat Constant Conv Div Equal Exp Expand Flatten
Gather Gemm GlobalAveragePool Identity Log LSTM MatMul Max MaxPool Min Mul Neg Pad Pow Reciprocal
ReduceMax ReduceMean ReduceSum Relu Reshape Resize ReverseSequence Shape Sigmoid Slice Softmax Split
Sqrt Squeeze Sub Sum Tanh Transpose Unsqueeze Where
"""
OPERATORS = frozenset(_OPERATOR_NAMES.split())
_WITH_GAPS = frozenset(["Clip", "Pad", "Resize", "Slice"])  # some of whose inputs may be left out
_KINDS = frozenset([1, 2, 3, 4, 6, 7])  # of attributes: numbers, words and tensors (onnx.proto)

# Lengths of an output's axes; None for the batch, which may be of any length.
Shape = tuple[int | None, ...]


def verify(content: bytes, path: Path, *, side: int, outputs: Mapping[str, Shape]) -> None:
    """Refuse what is no graph of ours.

    Args:
        content: of the file.
        path: of the file, for messages.
        side: S of the images (N, S, S, 1) that it takes.
        outputs: shapes of the outputs that it has to give, by name.

    Raises:
        BundleError: it is another graph than expected; the message says what is wrong.
    """
    import onnx

    try:
        model = onnx.load_model_from_string(content)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf's and onnx's own, which share no base
        raise BundleError(f"{path}: no ONNX model ({error}).") from error
    versions = {imported.domain: imported.version for imported in model.opset_import}
    if versions.get("", versions.get("ai.onnx")) != OPSET:
        raise BundleError(f"{path}: expected operators of version {OPSET}. Export the model again.")
    if len(model.graph.node) > _MAX_NODES:
        raise BundleError(
            f"{path}: has more than {_MAX_NODES:,} nodes, which no model of ours has."
        )
    if model.functions or model.training_info:
        raise BundleError(f"{path}: defines functions of its own, which are not run here.")
    for operator in _operators(model.graph.node):
        if operator not in OPERATORS:
            raise BundleError(f"{path}: uses the operator {operator}, which is not run here.")
    if model.graph.sparse_initializer:
        raise BundleError(f"{path}: has sparse tensors, which are not read here.")
    if any(_is_external(tensor) for tensor in _tensors(model.graph)):
        raise BundleError(f"{path}: refers to data outside the file, which is not read.")
    expected_input = {INPUT: (None, side, side, 1)}
    _verify_values(path, "input", model.graph.input, expected_input)
    _verify_values(path, "output", model.graph.output, outputs)
    for node in model.graph.node:
        _verify_node(path, node)
    _verify_sizes(path, model)


def _verify_node(path: Path, node: onnx.NodeProto) -> None:
    """Refuse a node on which ONNX Runtime, or reckoning its shapes, would crash or never end."""
    if node.op_type not in _WITH_GAPS and not all(node.input):
        raise BundleError(f"{path}: a node {node.op_type} lacks one of its inputs.")
    for attribute in node.attribute:
        if attribute.type not in _KINDS:
            raise BundleError(
                f"{path}: {attribute.name} of a node {node.op_type} is not read here."
            )
        if node.op_type == "LSTM" and attribute.name not in ("direction", "hidden_size"):
            raise BundleError(f"{path}: {attribute.name} of a node LSTM is not read here.")
        numbers = [attribute.i, *attribute.ints]
        if max(map(abs, numbers)) > _MAX_ATTRIBUTE:
            raise BundleError(
                f"{path}: expected numbers up to {_MAX_ATTRIBUTE:,} as {attribute.name} of a node "
                f"{node.op_type}."
            )
        if attribute.name == "perm" and sorted(attribute.ints) != list(range(len(attribute.ints))):
            raise BundleError(f"{path}: expected an order of axes as perm of a node Transpose.")


def _verify_sizes(path: Path, model: onnx.ModelProto) -> None:
    """Refuse a graph with arrays of a size that is unknown before it runs, or too large."""
    import onnx

    sized = onnx.ModelProto()
    sized.CopyFrom(model)
    del sized.graph.value_info[:]  # what the file says of them; they are reckoned here
    batch = sized.graph.input[0].type.tensor_type.shape.dim[0]
    if not batch.dim_value:
        batch.dim_value = MAX_AT_ONCE
    slices = [i for i, node in enumerate(model.graph.node) if node.op_type == "Slice"]
    if len(slices) > _MAX_SLICES:
        raise BundleError(
            f"{path}: has more than {_MAX_SLICES} nodes Slice, which no model of ours has."
        )
    # Reckoning the shape of a slice of an array without a length ends the process: what comes
    # before each is looked at first.
    for nodes in slices:
        before = onnx.ModelProto()
        before.CopyFrom(sized)
        del before.graph.node[nodes:], before.graph.output[:]
        _verify_shapes(path, before)
    _verify_shapes(path, sized)


def _verify_shapes(path: Path, model: onnx.ModelProto) -> None:
    import onnx

    try:
        inferred = onnx.shape_inference.infer_shapes(
            model, check_type=True, strict_mode=True, data_prop=True
        )
    except Exception as error:  # onnx's own, which share no base
        raise BundleError(f"{path}: its shapes do not fit one another ({error}).") from error
    values = (*inferred.graph.value_info, *inferred.graph.output)
    shapes = {value.name: value.type.tensor_type.shape.dim for value in values}
    in_all = 0
    for name in (name for node in inferred.graph.node for name in node.output if name):
        axes = shapes.get(name)
        # Also no length of 0, by which ONNX Runtime divides: the process would end.
        known = axes is not None and all(axis.dim_value > 0 for axis in axes)
        size = math.prod(axis.dim_value for axis in axes or ())
        in_all += size
        if not known or size > _MAX_VALUES:
            raise BundleError(
                f"{path}: expected arrays of a known size of up to {_MAX_VALUES:,} values. "
                f"{name} is none."
            )
    # What is constant is computed, and kept, when the graph is loaded.
    if in_all > _MAX_VALUES_IN_ALL:
        raise BundleError(
            f"{path}: expected arrays of up to {_MAX_VALUES_IN_ALL:,} values in all. Received: "
            f"{in_all:,}."
        )


def _operators(nodes: Iterable[onnx.NodeProto]) -> Iterator[str]:
    """Operators by name, those of other domains than the standard's with their domain."""
    for node in nodes:
        standard = node.domain in ("", "ai.onnx")
        yield node.op_type if standard else f"{node.domain}::{node.op_type}"


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)


def _is_external(tensor: onnx.TensorProto) -> bool:
    import onnx

    return bool(tensor.external_data) or tensor.data_location == onnx.TensorProto.EXTERNAL


def _verify_values(
    path: Path,
    kind: str,
    values: Iterable[onnx.ValueInfoProto],
    expected: Mapping[str, Shape],
) -> None:
    import onnx

    found = {value.name: value.type.tensor_type for value in values}
    if found.keys() != expected.keys():
        raise BundleError(
            f"{path}: expected the {kind}s {', '.join(sorted(expected))}. Received: "
            f"{', '.join(sorted(map(str, found))) or 'none'}."
        )
    for name, shape in expected.items():
        axes = found[name].shape.dim
        fits = len(axes) == len(shape) and all(
            length is None or axis.dim_value == length
            for axis, length in zip(axes, shape, strict=False)
        )
        if not fits or found[name].elem_type != onnx.TensorProto.FLOAT:
            lengths = ", ".join("N" if length is None else str(length) for length in shape)
            raise BundleError(f"{path}: expected the {kind} {name} as float32 ({lengths}).")
