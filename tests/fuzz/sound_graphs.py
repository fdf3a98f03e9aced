"""Graphs that are run: each operator is given what it expects, and a few constants are odd."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tests.fuzz import seeds
from tests.fuzz.choices import Choices

_SAME_SHAPE = [
    "Relu",
    "Sigmoid",
    "Tanh",
    "Exp",
    "Neg",
    "Log",
    "Sqrt",
    "Reciprocal",
    "Identity",
    "Softmax",
]
_WITH_CONSTANT = ["Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "Sum"]
_REDUCING = ("ReduceMax", "ReduceMean", "ReduceSum")
_ODD = (0, -1, 5, 9, -9, 100, 10_000, 2**31, -(2**40))


class _Builder:
    """Nodes one after another, each of four axes as the first."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self.nodes: list[Any] = []
        self.tensors: list[onnx.TensorProto] = [seeds.AXES]
        self.name = "image"
        self.shape = [1, seeds.GRAPH_SIDE, seeds.GRAPH_SIDE, 1]

    def constant(self, values: Any, kind: Any = np.int64) -> str:
        """A constant; one of its whole numbers is odd now and then."""
        array = np.array(values, kind)
        if kind is np.int64 and array.size and not self.choices.number(0, 11):
            array.flat[self.choices.number(0, array.size - 1)] = self.choices.one_of(_ODD)
        name = f"c{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(array, name))
        return name

    def node(self, operator: str, *constants: str, **attributes: Any) -> None:
        """Apply an operator to the last array."""
        for key, value in attributes.items():
            if isinstance(value, list) and not self.choices.number(0, 15):
                place = self.choices.number(0, len(value) - 1)
                attributes[key] = [*value[:place], self.choices.one_of(_ODD), *value[place + 1 :]]
        output = f"n{len(self.nodes)}"
        inputs = [self.name, *constants]
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        self.name = output

    # --- Operators -------------------------------------------------------------------------------

    def same_shape(self) -> None:
        self.node(self.choices.one_of(_SAME_SHAPE))

    def with_constant(self) -> None:
        shape = self.choices.one_of([(), (1,), (self.shape[3],), (1, 1, 1, self.shape[3])])
        value = self.choices.one_of([0.0, 1.0, -2.0, 1e30, float("nan"), float("inf")])
        self.node(
            self.choices.one_of(_WITH_CONSTANT), self.constant(np.full(shape, value), np.float32)
        )

    def transpose(self) -> None:
        order = self.choices.one_of([[0, 3, 1, 2], [0, 2, 3, 1], [0, 2, 1, 3]])
        self.node("Transpose", perm=order)
        self.shape = [self.shape[axis] for axis in order]

    def convolution(self) -> None:
        number, side = self.choices.number(1, 4), self.choices.one_of([1, 3])
        weights = np.ones((number, self.shape[1], side, side))
        if weights.size > 10_000:
            return
        self.node(
            "Conv",
            self.constant(weights, np.float32),
            pads=[side // 2] * 4,
            strides=[1, 1],
            dilations=[1, 1],
            group=1,
        )
        self.shape = [1, number, *self.shape[2:]]

    def pool(self) -> None:
        self.node(
            self.choices.one_of(["MaxPool", "AveragePool"]), kernel_shape=[1, 1], pads=[0] * 4
        )

    def reduce(self) -> None:
        axis = self.choices.number(1, 3)
        self.node(self.choices.one_of(_REDUCING), self.constant([axis]), keepdims=1)
        self.shape[axis] = 1

    def slice(self) -> None:
        axis = self.choices.number(1, 3)
        numbers = ([0], [max(1, self.shape[axis] // 2)], [axis], [1])
        self.node("Slice", *map(self.constant, numbers))
        self.shape[axis] = max(1, self.shape[axis] // 2)

    def pad(self) -> None:
        value = self.constant(0.5, np.float32)
        self.node("Pad", self.constant([0, 1, 0, 0, 0, 1, 0, 0]), value)
        self.shape[1] += 2

    def concat(self) -> None:
        axis = self.choices.number(1, 3)
        self.node("Concat", self.name, axis=axis)
        self.shape[axis] *= 2

    def reshape(self) -> None:
        a, b, c = self.shape[1:]
        self.node("Reshape", self.constant(self.choices.one_of([[0, b, a, c], [-1, a, c, b]])))
        kept = self.nodes[-1].input[1]
        tensor = next(each for each in self.tensors if each.name == kept)
        # An odd number may be negative, as no shape is.
        self.shape = [1, *(max(1, int(side)) for side in numpy_helper.to_array(tensor)[1:])]

    def resize(self) -> None:
        scales = self.constant([1.0, 2.0, 1.0, 1.0], np.float32)
        self.node("Resize", "", scales, mode=self.choices.one_of(["nearest", "linear"]))
        self.shape[1] *= 2

    def product(self) -> None:
        size = self.choices.number(1, 4)
        weights = np.ones((min(self.shape[3], 4096), size))
        self.node("MatMul", self.constant(weights, np.float32))
        self.shape[3] = size

    def gather(self) -> None:
        axis = self.choices.number(1, 3)
        self.node("Gather", self.constant([0, 0]), axis=axis)
        self.shape[axis] = 2

    def squeeze(self) -> None:
        """There and back."""
        self.node("Unsqueeze", self.constant([1]))
        self.node("Squeeze", self.constant([1]))

    def clip(self) -> None:
        self.node("Clip", self.constant(-1.0, np.float32), self.constant(1.0, np.float32))


_STEPS = (
    *(_Builder.same_shape, _Builder.with_constant, _Builder.transpose, _Builder.convolution),
    *(_Builder.pool, _Builder.reduce, _Builder.slice, _Builder.pad, _Builder.concat),
    *(_Builder.reshape, _Builder.resize, _Builder.product, _Builder.gather, _Builder.squeeze),
    _Builder.clip,
)


def sound_graph(choices: Choices) -> onnx.ModelProto:
    """A graph of some operators that fit each other, but for an odd number now and then."""
    builder = _Builder(choices)
    for _ in range(choices.number(1, 8)):
        choices.one_of(_STEPS)(builder)
    return seeds.small_graph(
        *builder.nodes, seeds.mean_of(builder.name), tensors=tuple(builder.tensors)
    )
