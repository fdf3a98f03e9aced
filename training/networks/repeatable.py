"""Makes an export repeatable: the same network always becomes the same file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import onnx
import tf2onnx.optimizer

_MOVES_TRANSPOSES = "optimize_transpose"


@contextmanager
def transposes_left_in_place() -> Iterator[None]:
    """Keep tf2onnx from moving transposes.

    Where it moves them to depends on the order of sets, and one export in thirty became another
    file. ONNX Runtime moves them when it loads the graph.
    """
    optimizers = tf2onnx.optimizer._optimizers  # no argument of its `convert` leads there
    mover = optimizers.pop(_MOVES_TRANSPOSES)
    try:
        yield
    finally:
        optimizers[_MOVES_TRANSPOSES] = mover
        optimizers.move_to_end(_MOVES_TRANSPOSES, last=False)


def canonical(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph, with values named and nodes ordered by what they compute; twins merged.

    Names and order as TensorFlow gives them differ between processes, and a model's identity is a
    digest of its graph.
    """
    graph = model.graph
    # What a value is: a digest of all that it is computed from, and the length of that way.
    digests = {name: _digest(name.encode()) for name in ("", *(v.name for v in graph.input))}
    constants = {}
    for tensor in graph.initializer:
        name, tensor.name = tensor.name, ""
        digests[name] = tensor.name = _digest(tensor.SerializeToString(deterministic=True))
        constants[tensor.name] = tensor
    depths = dict.fromkeys(digests.values(), 0)
    nodes = {}
    for node in graph.node:  # each after those that it needs
        inputs = [digests[name] for name in node.input]
        attributes = sorted(a.SerializeToString(deterministic=True) for a in node.attribute)
        digest = _digest(node.op_type.encode(), *attributes, *map(str.encode, inputs))
        depth = 1 + max((depths[each] for each in inputs), default=0)
        for number, name in enumerate(node.output):
            digests[name] = f"{digest}:{number}"
            depths[digests[name]] = depth
        nodes[depth, digest] = node

    ordered = [node for _, node in sorted(nodes.items(), key=lambda item: item[0])]
    given = (*graph.input, *graph.output)
    for axis in (axis for value in given for axis in value.type.tensor_type.shape.dim):
        if axis.dim_param:
            axis.dim_param = "N"
    names = {digests[value.name]: value.name for value in given} | {digests[""]: ""}
    for node in ordered:
        for values in (node.input, node.output):
            values[:] = [names.setdefault(digests[name], str(len(names))) for name in values]
    for number, node in enumerate(ordered):
        node.name = f"node {number}"
        if not node.domain:  # tf2onnx sometimes writes the empty name, sometimes none
            node.ClearField("domain")
    used = sorted(constants.keys() & names.keys(), key=lambda digest: int(names[digest]))
    for digest in used:
        constants[digest].name = names[digest]
    made = onnx.helper.make_graph(
        ordered, "network", graph.input, graph.output, [constants[digest] for digest in used]
    )
    return onnx.helper.make_model(
        made, opset_imports=model.opset_import, ir_version=model.ir_version
    )


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
