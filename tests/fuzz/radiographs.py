"""Radiographs of any bytes are read or refused."""

from __future__ import annotations

import math
import zlib
from unittest import mock

import numpy as np

from cxr.errors import RadiographError
from cxr.reading.radiograph import read_radiograph
from tests.fuzz import seeds
from tests.fuzz.choices import Choices

MAX_PIXELS = 1_000_000  # while fuzzing, so that a limit on memory shows what is not bounded


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
    0x00280301: b"CS",
    0x00281050: b"DS",
    0x00281051: b"DS",
    0x00281052: b"DS",
    0x00281053: b"DS",
    0x00281056: b"CS",
    0x00281101: b"US",
    0x00281201: b"OW",
    0x00281221: b"OW",
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
