"""Small inputs that a fuzzer begins with, made by code: at least one for each way of reading."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from jpeg_ls import encode_array
from onnx import ModelProto, TensorProto, helper, numpy_helper
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders import RLELosslessEncoder

from tests.tiny_config import TINY_CONFIG

SIDE = 32
GREY: npt.NDArray[np.uint8] = np.tile(np.arange(SIDE, dtype=np.uint8) * 8, (SIDE, 1))

# Transfer syntaxes (PS3.6 annex A): how a DICOM file's pixels are stored.
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
JPEG = "1.2.840.10008.1.2.4.50"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
JPEG_2000_LOSSY = "1.2.840.10008.1.2.4.91"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
RLE = "1.2.840.10008.1.2.5"


# --- Pictures -------------------------------------------------------------------------------------


def images() -> Iterator[bytes]:
    """PNG and JPEG files of every kind that is read, and some that are not."""
    grey = Image.fromarray(GREY)
    exif = Image.Exif()
    exif[0x0112] = 6
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        sixteen = Image.fromarray(GREY.astype(np.uint16) * 257)
        yield _saved(sixteen if mode == "I;16" else grey.convert(mode), "PNG")
    yield _saved(grey, "JPEG", exif=exif)
    yield _saved(grey.convert("RGB"), "JPEG", progressive=True)
    yield _saved(grey.convert("CMYK"), "JPEG")
    yield _saved(grey, "PNG", save_all=True, append_images=[grey])
    yield _saved(grey, "GIF")


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


# --- DICOM ----------------------------------------------------------------------------------------


def element(tag: int, vr: bytes, value: bytes, *, length: int | None = None) -> bytes:
    """A data element as it is written explicitly in little endian (PS3.5 section 7.1.2).

    Args:
        tag: group and element.
        vr: of two letters.
        value: any bytes, whether or not they suit.
        length: what to say of their length; the truth if None.
    """
    told = len(value) if length is None else length
    begin = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr
    if vr in (b"OB", b"OW", b"SQ", b"UN", b"UT"):
        return begin + struct.pack("<HL", 0, told & 0xFFFFFFFF) + value
    return begin + struct.pack("<H", told & 0xFFFF) + value


def dicom_file(syntax: str, dataset: bytes) -> bytes:
    """Preamble and meta information (PS3.10 section 7.1) before a data set."""
    meta = element(0x00020010, b"UI", syntax.encode() + b"\0" * (len(syntax) % 2))
    return (
        bytes(128)
        + b"DICM"
        + element(0x00020000, b"UL", struct.pack("<L", len(meta)))
        + meta
        + dataset
    )


def header(*, rows: int = SIDE, columns: int = SIDE, samples: int = 1, bits: int = 8) -> bytes:
    """The elements before the pixels."""
    numbers = {
        0x00280002: samples,
        0x00280010: rows,
        0x00280011: columns,
        0x00280100: 8 if bits <= 8 else 16,
        0x00280101: bits,
        0x00280102: bits - 1,
        0x00280103: 0,
    }
    elements = {
        0x00080060: element(0x00080060, b"CS", b"CR"),
        0x00101010: element(0x00101010, b"AS", b"004Y"),
        0x00280004: element(0x00280004, b"CS", b"MONOCHROME2 " if samples == 1 else b"RGB "),
        0x00281050: element(0x00281050, b"DS", b"100 "),
        0x00281051: element(0x00281051, b"DS", b"200 "),
        **{tag: element(tag, b"US", struct.pack("<H", n)) for tag, n in numbers.items()},
    }
    return b"".join(elements[tag] for tag in sorted(elements))


def frames() -> dict[str, bytes]:
    """One compressed picture for each transfer syntax that can be written here."""
    jpeg_2000 = cv2.imencode(".jp2", GREY)[1].tobytes()
    return {
        JPEG: cv2.imencode(".jpg", GREY)[1].tobytes(),
        JPEG_LS: bytes(encode_array(GREY)),
        JPEG_2000: jpeg_2000[jpeg_2000.index(b"\xff\x4f\xff\x51") :],
        RLE: RLELosslessEncoder.encode(
            GREY,
            rows=SIDE,
            columns=SIDE,
            samples_per_pixel=1,
            number_of_frames=1,
            bits_allocated=8,
            bits_stored=8,
            photometric_interpretation="MONOCHROME2",
            pixel_representation=0,
        ),
    }


def encapsulated(frame: bytes) -> bytes:
    """The pixel data that a compressed picture is stored as (PS3.5 section A.4)."""
    return element(0x7FE00010, b"OB", encapsulate([frame or bytes(2)]), length=-1) + bytes.fromhex(
        "feffdde000000000"
    )


def sequence(*items: bytes) -> bytes:
    """The value of a sequence of items."""
    return b"".join(b"\xfe\xff\x00\xe0" + struct.pack("<L", len(item)) + item for item in items)


def dicom_files() -> Iterator[bytes]:
    """A file for each way of storing pixels, and one with a sequence."""
    pixels = element(0x7FE00010, b"OB", GREY.tobytes())
    yield dicom_file(EXPLICIT, header() + pixels)
    table = b"".join(
        (
            element(0x00283002, b"US", struct.pack("<3H", SIDE, 0, 16)),
            element(0x00283006, b"US", np.arange(SIDE, dtype="<u2").tobytes()),
        )
    )
    voi = element(0x00283010, b"SQ", sequence(table))
    yield dicom_file(EXPLICIT, header() + voi + pixels)
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    yield dicom_file(DEFLATED, packer.compress(header() + pixels) + packer.flush())
    for syntax, frame in frames().items():
        yield dicom_file(syntax, header() + encapsulated(frame))


# --- Models and tables ----------------------------------------------------------------------------

POINTS = {
    "source": "made up",
    "temperature": 1.5,
    "offset": -0.5,
    "threshold": 0.5,
    "high_sensitivity": 0.4,
    "high_specificity": 0.7,
    "curve": [
        {
            "threshold": step / 2,
            "true_positives": 10 - 4 * step,
            "false_negatives": 4 * step,
            "true_negatives": 4 * step,
            "false_positives": 10 - 4 * step,
        }
        for step in range(3)
    ],
}
EVALUATION = {"source": "made up", "result": {"images": 10, "patients": 5}, "folds": [{"fold": 1}]}
DOCUMENTS: dict[str, dict[str, Any]] = {
    "config.json": TINY_CONFIG,
    "operating_points.json": POINTS,
    "evaluation.json": EVALUATION,
}


def documents() -> Iterator[bytes]:
    """The JSON files of a bundle, each behind the number of its file."""
    for number, document in enumerate(DOCUMENTS.values()):
        yield bytes([number]) + json.dumps(document).encode()


GRAPH_SIDE = 8


def small_graph(*nodes: Any, tensors: tuple[TensorProto, ...] = ()) -> ModelProto:
    """A graph from images (N, 8, 8, 1) to `logit` (N,), of these nodes and constants."""
    shapes = {"image": ["N", GRAPH_SIDE, GRAPH_SIDE, 1], "logit": ["N"]}
    values = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    }
    graph = helper.make_graph(
        list(nodes), "graph", [values["image"]], [values["logit"]], list(tensors)
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    return model


AXES = numpy_helper.from_array(np.array([1, 2, 3]), "axes")


def mean_of(name: str) -> Any:
    """The node that makes the output of an array (N, …) of four axes."""
    return helper.make_node("ReduceMean", [name, "axes"], ["logit"], keepdims=0)


def graphs() -> Iterator[bytes]:
    """Graphs of the kind that answers."""
    yield small_graph(mean_of("image"), tensors=(AXES,)).SerializeToString()
    relu = helper.make_node("Relu", ["image"], ["x"])
    turned = helper.make_node("Transpose", ["x"], ["y"], perm=[0, 3, 1, 2])
    weights = numpy_helper.from_array(np.ones((2, 1, 3, 3), np.float32), "w")
    convolved = helper.make_node("Conv", ["y", "w"], ["z"], pads=[1, 1, 1, 1])
    yield small_graph(
        relu, turned, convolved, mean_of("z"), tensors=(AXES, weights)
    ).SerializeToString()


def tables() -> Iterator[bytes]:
    """Labels as CSV."""
    yield b"path,label\na.png,0\nb.png,1\n"
    yield b"image,label,patient\na.png,NORMAL,1\nb.png,PNEUMONIA,2\n"
    yield b'path,label\r\n"a.png",normal\r\n"b.png",pneumonia\r\n'
    yield "path,label\né.png,0\n../b.png,1\n".encode("latin-1")


def outlines() -> Iterator[bytes]:
    """Tables of masks and of boxes."""
    yield b"image,lung_mask\na.png,a.png\nb.png,\n"
    yield b"image,x,y,width,height\na.png,1,2,3,4\nb.png,,,,\n"
    yield b"image,lung_mask,label\na.png,b.png,normal\n"
