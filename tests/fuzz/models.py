"""Models of any bytes are refused, or answer."""

from __future__ import annotations

import json
import math
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from cxr.errors import BundleError
from cxr.model.bundle import FILES, MANIFEST, load_bundle
from cxr.model.expected import calibration_error_by_chance, elsewhere, measured_on
from cxr.model.graph import Graph
from cxr.model.graph_verification import OPERATORS
from cxr.saved_files import file_digests
from tests.fuzz import seeds
from tests.fuzz.choices import Choices
from tests.fuzz.folder import FOLDER
from tests.fuzz.sound_graphs import sound_graph

_DOCUMENTS = [*seeds.DOCUMENTS, MANIFEST]
_DEEP = "deep"  # stands for lists within lists, as deep as no program writes them
_ODD = (
    None, True, 0, -1, 1, 2**63, 0.5, -0.0, 1e308, math.inf, math.nan, "", "x", "NORMAL", [], {},
    [[]], {"a": 1}, [0] * 100, "é" * 50, "\ud800", 10**400, -(10**400),
    _DEEP,
)  # fmt: skip


def document(content: bytes) -> None:
    """One JSON file of a bundle: any bytes, or a known one with values replaced."""
    choices = Choices(content)
    name = _DOCUMENTS[choices.number(0, 255) % len(_DOCUMENTS)]
    folder = _bundle_folder()
    if name != MANIFEST:
        text = _changed(choices, seeds.DOCUMENTS[name]) if content[1:2] != b"{" else content[1:]
        (folder / name).write_bytes(text)
    manifest: Any = file_digests(folder, [file for file in FILES if file != MANIFEST])
    (folder / MANIFEST).write_text(json.dumps(manifest))
    if name == MANIFEST:
        text = _changed(choices, manifest) if content[1:2] != b"{" else content[1:]
        (folder / MANIFEST).write_bytes(text)
    try:
        bundle = load_bundle(folder)
    except BundleError as error:
        assert str(folder) in str(error), error
        return
    json.dumps(bundle.identity())
    assert (counts := measured_on(bundle.evaluation)) is None or min(counts.values()) >= 0
    there = elsewhere(bundle.evaluation)
    for rates in [] if there is None else there["curve"]:
        assert 0 <= rates["sensitivity"] <= 1
        assert 0 <= rates["specificity"] <= 1
    by_chance = calibration_error_by_chance(bundle.evaluation.get("result"))  # type: ignore[arg-type]
    assert by_chance is None or 0 <= by_chance <= 1
    assert 0 < bundle.heatmap_reference < math.inf
    assert bundle.network.map_side > 0
    points = bundle.operating_points
    for logit in (-1e4, 0.0, 1e4):
        probability = points.probability(logit)
        assert 0 <= probability <= 1
        assert points.verdict(probability)
        point = points.at(probability)
        assert 0 <= point.sensitivity <= 1
        assert 0 <= point.specificity_interval()[0] <= point.specificity_interval()[1] <= 1
        assert len(point.sensitivity_interval()) == 2


def _bundle_folder() -> Path:
    folder = FOLDER / "bundle"
    folder.mkdir(exist_ok=True)
    for name in FILES:
        text = json.dumps(seeds.DOCUMENTS.get(name, {}))
        (folder / name).write_text(text)
    return folder


def _changed(choices: Choices, document: Any) -> bytes:
    """A document with some of its values replaced, removed or given another name, as JSON."""
    copy = json.loads(json.dumps(document))
    for _ in range(choices.number(1, 3)):
        place: Any = copy
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = choices.one_of(keys)
            if isinstance(place[key], dict | list) and choices.number(0, 2):
                place = place[key]
                continue
            what = choices.number(0, 9)
            if what == 0:
                del place[key]
            elif what == 1 and isinstance(place, dict):
                place["odd"] = place.pop(key)
            else:
                place[key] = deepcopy(choices.one_of(_ODD))
            break
    return json.dumps(copy).replace(f'"{_DEEP}"', 5000 * "[" + 5000 * "]").encode()


def graph(content: bytes) -> None:
    """A graph's file of any bytes: refused, or run on two images."""
    path = FOLDER / "network.onnx"
    path.write_bytes(content)
    try:
        loaded = Graph(path, side=seeds.GRAPH_SIDE, outputs={"logit": (None,)}, threads=1)
        shape = (2, seeds.GRAPH_SIDE, seeds.GRAPH_SIDE, 1)
        found = loaded.run(np.zeros(shape, np.float32))
    except BundleError as error:
        assert str(path) in str(error), error
        return
    assert found.keys() == {"logit"}
    assert found["logit"].dtype == np.float32


_NUMBERS = (0, 1, -1, 2, 3, 7, 8, 64, 1000, 100_000, 2**31, 2**40, -(2**63))
_WORDS = (
    *("SAME_UPPER", "VALID", "NOTSET", "constant", "reflect", "edge", "wrap", "nearest", "linear"),
    *("cubic", "asymmetric", "half_pixel", "tf_crop_and_resize", "floor", "mul"),
)


def nodes(content: bytes) -> None:
    """A graph of the operators that are allowed, with odd constants and attributes."""
    choices = Choices(content)
    if choices.number(0, 2):
        return graph(sound_graph(choices).SerializeToString())
    tensors, names, made = [seeds.AXES], ["image"], []
    for number in range(choices.number(1, 4)):
        operator = choices.one_of(sorted(OPERATORS))
        schema = onnx.defs.get_schema(operator, 18)
        inputs = []
        for parameter in schema.inputs:
            variadic = parameter.option.name == "Variadic"
            for _ in range(choices.number(1, 3) if variadic else 1):
                name, tensor = _input(choices, parameter, names, f"c{number}_{len(inputs)}")
                tensors += tensor
                inputs.append(name)
        attributes = {
            key: _attribute(choices, attribute.type.name, len(tensors))
            for key, attribute in sorted(schema.attributes.items())
            if attribute.required or choices.number(0, 3) == 0
        }
        given = {key: value for key, value in attributes.items() if value is not None}
        outputs = [f"n{number}"]
        made.append(helper.make_node(operator, inputs, outputs, **given))
        names += outputs
    model = seeds.small_graph(*made, seeds.mean_of(names[-1]), tensors=tuple(tensors))
    return graph(model.SerializeToString())


def _input(
    choices: Choices, parameter: Any, names: list[str], name: str
) -> tuple[str, list[onnx.TensorProto]]:
    """One input of a node: nothing, an array of the graph, or a constant and its tensor."""
    if choices.number(0, 15) == 0 or (parameter.option.name == "Optional" and choices.number(0, 1)):
        return "", []
    floating = "tensor(float)" in parameter.types or parameter.type_str.startswith("T")
    if floating and choices.number(0, 3):
        return choices.one_of(names[::-1]), []
    shape = choices.one_of(
        [(), (1,), (2,), (3,), (4,), (8,), (8, 8), (1, 8, 8, 1), (0,), (8, 1, 3, 3)]
    )
    values = [choices.one_of(_NUMBERS) for _ in range(min(8, math.prod(shape)))]
    array = np.resize(np.array(values or [0]), shape)
    kind = np.float32 if floating and choices.number(0, 3) else np.int64
    return name, [numpy_helper.from_array(array.astype(kind), name)]


def _attribute(choices: Choices, kind: str, number: int) -> Any:
    if kind == "INT":
        return choices.one_of(_NUMBERS)
    if kind == "INTS":
        return [choices.one_of(_NUMBERS) for _ in range(choices.number(1, 8))]
    if kind == "FLOAT":
        return choices.one_of([0.0, 1.0, -1.0, 1e30, math.nan])
    if kind == "STRING":
        return choices.one_of(_WORDS)
    if kind == "TENSOR":
        return numpy_helper.from_array(np.full((2, 2), 3, np.float32), f"a{number}")
    return None


def weights(content: bytes) -> None:
    """A file of weights with bytes changed, for the network that it was written by."""
    from tests.fuzz.weights import load_changed

    load_changed(Choices(content), FOLDER)
