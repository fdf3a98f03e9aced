"""What is fuzzed: functions of any bytes that may raise nothing, since they catch our own errors.

Whatever else is raised is a defect, as are answers that break a promise of the documentation.
"""

from __future__ import annotations

import io
import json
import math
import tempfile
import zlib
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import onnx
from onnx import helper, numpy_helper

from cxr.errors import BundleError, CXRError, RadiographError
from cxr.model.bundle import FILES, MANIFEST, load_bundle
from cxr.model.graph import OPERATORS, Graph
from cxr.reading.radiograph import read_radiograph
from cxr.saved_files import file_digests
from tests.fuzz import seeds
from tests.fuzz.choices import Choices

MAX_PIXELS = 1_000_000  # while fuzzing, so that a limit on memory shows what is not bounded
_FOLDER = Path(tempfile.mkdtemp(prefix="cxr-fuzz-"))


@dataclass(frozen=True)
class Target:
    """One function and what it begins with.

    Attributes:
        run: raises if it finds a defect.
        seeds: makes inputs to begin with.
        slow: whether it needs Keras, which takes seconds to load.
    """

    run: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    slow: bool = False


# --- Radiographs ----------------------------------------------------------------------------------


def image(content: bytes) -> None:
    """A file of any kind is read or refused."""
    try:
        with mock.patch("cxr.reading.radiograph.MAX_PIXELS", MAX_PIXELS):
            radiograph = read_radiograph(content, name="image")
    except RadiographError as error:
        assert str(error).startswith("image: "), error
        return
    assert radiograph.pixels.ndim == 2
    assert radiograph.pixels.dtype == np.float32
    assert np.isfinite(radiograph.pixels).all()
    assert radiograph.pixels.min() >= 0
    assert radiograph.pixels.max() <= 1
    assert math.isfinite(radiograph.colour)
    acquisition = radiograph.acquisition
    assert acquisition.age is None or 0 <= acquisition.age < 10_000
    for number in acquisition.pixel_spacing or ():
        assert 0 < number < 10


def deflated(content: bytes) -> None:
    """The data set of a deflated DICOM file, so that its bytes are in the fuzzer's hands."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    image(seeds.dicom_file(seeds.DEFLATED, packer.compress(content) + packer.flush()))


def frame(content: bytes) -> None:
    """A compressed picture within a DICOM file: one that can be read, with bytes changed."""
    choices = Choices(content)
    pictures = seeds.frames()
    written = choices.one_of(list(pictures))
    syntax = choices.one_of([written, written, seeds.JPEG_LOSSLESS, seeds.JPEG_2000_LOSSY])
    picture = bytearray(pictures[written])
    for _ in range(choices.number(0, 8)):
        place = choices.number(0, len(picture) - 1)
        picture[place] = choices.number(0, 255)
    if choices.number(0, 3) == 0:
        del picture[choices.number(0, len(picture) - 1) :]
    header = seeds.header(bits=choices.one_of([8, 8, 12, 16]), samples=choices.one_of([1, 1, 3]))
    image(seeds.dicom_file(syntax, header + seeds.encapsulated(bytes(picture))))


# What reading looks at, and its value representation (PS3.6).
_ELEMENTS = {
    0x00080005: b"CS",
    0x00080020: b"DA",
    0x00080060: b"CS",
    0x00100030: b"DA",
    0x00101010: b"AS",
    0x00180015: b"CS",
    0x00181164: b"DS",
    0x00185101: b"CS",
    0x00200020: b"CS",
    0x00280002: b"US",
    0x00280004: b"CS",
    0x00280006: b"US",
    0x00280008: b"IS",
    0x00280010: b"US",
    0x00280011: b"US",
    0x00280030: b"DS",
    0x00280100: b"US",
    0x00280101: b"US",
    0x00280102: b"US",
    0x00280103: b"US",
    0x00280120: b"US",
    0x00281050: b"DS",
    0x00281051: b"DS",
    0x00281052: b"DS",
    0x00281053: b"DS",
    0x00281056: b"CS",
    0x00281101: b"US",
    0x00281201: b"OW",
    0x00283000: b"SQ",
    0x00283002: b"US",
    0x00283006: b"OW",
    0x00283010: b"SQ",
    0x7FE00010: b"OW",
}
_VALUES = (
    b"",
    b"0 ",
    b"-1",
    b"1e308\\1e308 ",
    b"nan ",
    b"inf ",
    b"\0\0",
    b"\x01\0",
    b"\x08\0",
    b"\x10\0",
    b"\x20\0",
    b"\xff\xff",
    b"\x20\0\0\0\x10\0",
    b"MONOCHROME1 ",
    b"PALETTE COLOR ",
    b"RGB ",
    b"YBR_FULL_422",
    b"SIGMOID ",
    b"LINEAR_EXACT",
    b"A\\F ",
    b"ISO_IR 192",
    b"19000101",
    b"99991231",
    b"000D",
    b"999Y",
)


def elements(content: bytes) -> None:
    """A DICOM file of known elements with odd values, odd lengths and sequences in sequences."""
    choices = Choices(content)
    known = {
        tag: seeds.element(tag, vr, choices.one_of(_VALUES))
        for tag, vr in _ELEMENTS.items()
        if choices.number(0, 7) == 0
    }
    for _ in range(choices.number(0, 3)):
        tag = choices.one_of(list(_ELEMENTS))
        known[tag] = _odd_element(choices, tag, depth=0)
    body = seeds.header(bits=choices.one_of([8, 12, 16]))
    pixels = seeds.element(0x7FE00010, b"OW", choices.rest() or seeds.GREY.tobytes() * 2)
    known.setdefault(0x7FE00010, pixels)
    syntax = choices.one_of([seeds.EXPLICIT, seeds.EXPLICIT, seeds.RLE, "1.2.840.10008.1.2", ""])
    image(seeds.dicom_file(syntax, body + b"".join(known[tag] for tag in sorted(known))))


def _odd_element(choices: Choices, tag: int, *, depth: int) -> bytes:
    vr = choices.one_of([_ELEMENTS[tag], b"SQ", b"UN", b"LO", b"FD"])
    if vr == b"SQ" and depth < 3:
        inner = [
            _odd_element(choices, choices.one_of(list(_ELEMENTS)), depth=depth + 1)
            for _ in range(choices.number(0, 4))
        ]
        value = seeds.sequence(*inner)
    else:
        value = choices.one_of(_VALUES) + choices.some_bytes(12)
    length = choices.one_of([None, None, None, 0, -1, 65_534, len(value) // 2])
    return seeds.element(tag, vr, value, length=length)


# --- Models ---------------------------------------------------------------------------------------

_DOCUMENTS = [*seeds.DOCUMENTS, MANIFEST]
_ODD = (
    None, True, 0, -1, 1, 2**63, 0.5, -0.0, 1e308, math.inf, math.nan, "", "x", "NORMAL", [], {},
    [[]], {"a": 1}, [0] * 100, "é" * 50,
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
    assert bundle.measured_on is None or min(bundle.measured_on.values()) >= 0
    assert 0 < bundle.heatmap_reference < math.inf
    assert bundle.network.map_side > 0
    points = bundle.operating_points
    for logit in (-1e4, 0.0, 1e4):
        probability = points.probability(logit)
        assert 0 <= probability <= 1
        assert points.verdict(probability)
        point = points.at(probability)
        assert 0 <= point.sensitivity <= 1
        assert len(point.predictive_values(0.5)) == 2
        assert len(point.sensitivity_interval()) == 2


def _bundle_folder() -> Path:
    folder = _FOLDER / "bundle"
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
    return json.dumps(copy).encode()


def graph(content: bytes) -> None:
    """A graph's file of any bytes: refused, or run on two images."""
    path = _FOLDER / "network.onnx"
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
    graph(model.SerializeToString())


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

    load_changed(Choices(content), _FOLDER)


# --- Tables ---------------------------------------------------------------------------------------


def labels(content: bytes) -> None:
    """A CSV of labels, beside two images."""
    from training.data.labelled import read_labelled

    try:
        _, records = read_labelled(_table(content))
    except CXRError as error:
        assert "labels.csv" in str(error) or ".png" in str(error), error
        return
    assert {record.label for record in records} == {0, 1}


def outlines(content: bytes) -> None:
    """A CSV of masks or boxes, beside two images."""
    from training.data.dataset import make_record
    from training.data.outlines import LUNGS, read_outlines

    table = _table(content)
    records = [make_record(_FOLDER, _FOLDER / f"{name}.png", 0, split="x") for name in "ab"]
    try:
        with redirect_stderr(io.StringIO()):  # its progress
            drawn = read_outlines([table], LUNGS, _FOLDER, records, 16, required=False)
    except CXRError as error:
        assert str(error)
        return
    assert drawn.shape == (2, 16, 16)
    assert np.nanmax(drawn, initial=0) <= 1


def _table(content: bytes) -> Path:
    for name in "ab":
        if not (_FOLDER / f"{name}.png").exists():
            cv2.imwrite(str(_FOLDER / f"{name}.png"), seeds.GREY)
    path = _FOLDER / "labels.csv"
    path.write_bytes(content)
    return path


def noise() -> Iterable[bytes]:
    """Inputs of targets that only take choices from them."""
    rng = np.random.default_rng(0)
    return [rng.bytes(200) for _ in range(20)]


TARGETS = {
    "image": Target(image, seeds.images),
    "dicom": Target(image, seeds.dicom_files),
    "deflated": Target(deflated, lambda: [seeds.header() + bytes(20)]),
    "elements": Target(elements, noise),
    "frame": Target(frame, noise),
    "document": Target(document, lambda: [*seeds.documents(), *noise()]),
    "graph": Target(graph, seeds.graphs),
    "nodes": Target(nodes, noise),
    "weights": Target(weights, noise, slow=True),
    "labels": Target(labels, seeds.tables),
    "outlines": Target(outlines, seeds.outlines),
}
