"""Exported graphs (ONNX), read as untrusted data and run by ONNX Runtime.

A graph comes with a model, perhaps from a stranger. It may compute with the operators that our
networks use and no others: no control flow, no functions, no custom operators, no data outside the
file. What it takes and gives is checked before it runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cxr.errors import BundleError

if TYPE_CHECKING:
    import onnx

GRAPH = "network.onnx"
INPUT = "image"
MAX_BYTES = 100_000_000
_OPERATOR_NAMES = """
Add AveragePool BatchNormalization Cast Clip Concat Constant Conv Div Equal Exp Expand Flatten
Gather Gemm GlobalAveragePool Identity Log MatMul Max MaxPool Min Mul Neg Pad Pow Reciprocal
ReduceMax ReduceMean ReduceSum Relu Reshape Resize ReverseSequence Shape Sigmoid Slice Softmax Split
Sqrt Squeeze Sub Sum Tanh Transpose Unsqueeze Where
"""
OPERATORS = frozenset(_OPERATOR_NAMES.split())

# Lengths of an output's axes; None for the batch, which may be of any length.
Shape = tuple[int | None, ...]
Arrays = dict[str, npt.NDArray[np.float32]]


class Graph:
    """A verified graph, ready to run. Safe to share between threads."""

    def __init__(
        self, path: Path, *, side: int, outputs: Mapping[str, Shape], threads: int | None = None
    ) -> None:
        """Read, verify and load a graph.

        Args:
            path: the file.
            side: S of the images (N, S, S, 1) that it takes.
            outputs: shapes of the outputs that it has to give, by name.
            threads: of one run; all cores if None.

        Raises:
            BundleError: the file is missing or too large, or holds another graph than expected;
                the message says what is wrong.
        """
        import onnxruntime

        content = _read(path)
        _verify(content, path, side=side, outputs=outputs)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or os.cpu_count() or 1
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # it keeps what the largest batch once needed
        options.log_severity_level = 4  # what goes wrong arrives as an exception
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's own, which share no base
            raise BundleError(f"{path}: ONNX Runtime cannot load it ({error}).") from error
        self._outputs = list(outputs)
        self._path = path

    def run(self, images: npt.NDArray[np.float32]) -> Arrays:
        """Outputs by name.

        Args:
            images: float32 of shape (N, S, S, 1), normalised.

        Raises:
            BundleError: the graph fails on them.
        """
        try:
            found = self._session.run(self._outputs, {INPUT: images})
        except Exception as error:
            raise BundleError(f"{self._path}: the graph cannot be run ({error}).") from error
        return dict(zip(self._outputs, found, strict=True))


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BundleError(
                f"{path}: larger than {MAX_BYTES:,} bytes, which no model of ours is."
            )
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror}).") from error


def _verify(content: bytes, path: Path, *, side: int, outputs: Mapping[str, Shape]) -> None:
    """Refuse what is no graph of ours."""
    import onnx

    try:
        model = onnx.load_model_from_string(content)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf's and onnx's own, which share no base
        raise BundleError(f"{path}: no ONNX model ({error}).") from error
    if model.functions or model.training_info:
        raise BundleError(f"{path}: defines functions of its own, which are not run here.")
    for operator in _operators(model.graph.node):
        if operator not in OPERATORS:
            raise BundleError(f"{path}: uses the operator {operator}, which is not run here.")
    if any(_is_external(tensor) for tensor in _tensors(model.graph)):
        raise BundleError(f"{path}: refers to data outside the file, which is not read.")
    expected_input = {INPUT: (None, side, side, 1)}
    _verify_values(path, "input", model.graph.input, expected_input)
    _verify_values(path, "output", model.graph.output, outputs)


def _operators(nodes: Iterable[onnx.NodeProto]) -> Iterator[str]:
    """Operators by name, those of other domains than the standard's with their domain."""
    for node in nodes:
        standard = node.domain in ("", "ai.onnx")
        yield node.op_type if standard else f"{node.domain}::{node.op_type}"


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
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
            f"{', '.join(sorted(found)) or 'none'}."
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
