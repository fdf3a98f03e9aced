"""No bytes make the DICOM reader raise any but its own errors, end the process or hold it up."""

from __future__ import annotations

import io
import struct
import time
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
)

from cxr.errors import (
    RadiographError,
    RadiographTooLarge,
    UnreadableRadiograph,
    UnsupportedRadiograph,
)
from cxr.reading.radiograph import read_radiograph
from tests.cxr.dicom_files import RAMP, content, header, make

# --- No bytes make the reader raise anything but its own errors -----------------------------------

RELAXED = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
WHOLE = content(make())
BARE = WHOLE[144 + struct.unpack_from("<L", WHOLE, 140)[0] :]
BEGINNINGS = [
    b"",
    bytes(128) + b"DICM",
    b"\x08\0",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0",
    b"GIF89a",
]


def survives(whole: bytes) -> None:
    try:
        radiograph = read_radiograph(whole, name="image")
    except RadiographError:
        return
    assert radiograph.pixels.ndim == 2
    assert np.isfinite(radiograph.pixels).all()
    assert radiograph.pixels.min() >= 0
    assert radiograph.pixels.max() <= 1


@RELAXED
@given(beginning=st.sampled_from(BEGINNINGS), rest=st.binary(max_size=400))
def test_any_bytes(beginning: bytes, rest: bytes) -> None:
    survives(beginning + rest)


@RELAXED
@given(
    whole=st.sampled_from([WHOLE, BARE]),
    changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=8),
    end=st.integers(0, 10**6),
)
def test_a_damaged_image(whole: bytes, changes: list[tuple[int, int]], end: int) -> None:
    damaged = bytearray(whole[: 1 + end % len(whole)] if end % 3 == 0 else whole)
    for place, value in changes:
        damaged[place % min(len(damaged), 1200)] = value  # the header
    survives(bytes(damaged))


@RELAXED
@given(
    values=st.fixed_dictionaries(
        {},
        optional={
            "BitsStored": st.integers(0, 40),
            "Rows": st.integers(0, 70_000),
            "PixelRepresentation": st.integers(0, 3),
            "SamplesPerPixel": st.integers(0, 5),
            "WindowCenter": st.floats(-(2.0**30), 2.0**30, width=32),
            "WindowWidth": st.floats(-(2.0**30), 2.0**30, width=32),
            "RescaleSlope": st.floats(width=32) | st.sampled_from([1e300, -1e300, 1e36]),
            "RescaleIntercept": st.floats(width=32) | st.sampled_from([1e300, -1e300, 1e36]),
            "PhotometricInterpretation": st.sampled_from(
                ["MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "", "X"]
            ),
            "NumberOfFrames": st.integers(-1, 3),
            "PatientAge": st.text("0123456789DWMY", max_size=6),
        },
    )
)
def test_an_odd_header(values: dict[str, Any]) -> None:
    dataset = make()
    try:
        header(**values)(dataset)
        whole = content(dataset)
    except Exception:  # it cannot be written so
        return
    survives(whole)


# --- Small files that would keep a processor busy -------------------------------------------------


def explicit(group: int, element: int, vr: bytes, value: bytes, *, ends: bool = False) -> bytes:
    """An element of explicit VR with a long length; with `ends`, of undefined length."""
    length = 0xFFFFFFFF if ends else len(value)
    end = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0) if ends else b""
    return struct.pack("<HH2sHL", group, element, vr, 0, length) + value + end


MANY = 300_000
EMPTY_ITEMS = struct.pack("<HHL", 0xFFFE, 0xE000, 0) * MANY
HEADERS_WITHOUT_END = {
    "items": explicit(0x0008, 0x1140, b"SQ", EMPTY_ITEMS, ends=True),
    "items of a sequence that is looked into": explicit(0x0028, 0x3010, b"SQ", EMPTY_ITEMS),
    "items where there is a word": explicit(0x0008, 0x0060, b"SQ", EMPTY_ITEMS[:1_200_000]),
    "items of a short sequence": explicit(0x0054, 0x0220, b"SQ", EMPTY_ITEMS[:480_000]),
    "values of a word": explicit(0x0020, 0x0020, b"UT", b"A\\" * 5_000_000),
    "elements": b"".join(
        struct.pack("<HH2sH", 9 + 2 * (i >> 16), i & 0xFFFF, b"LO", 0) for i in range(MANY)
    ),
}


@pytest.mark.parametrize("kind", HEADERS_WITHOUT_END)
@pytest.mark.parametrize("deflated", [False, True])
def test_a_header_of_hundreds_of_thousands_of_elements_is_refused_at_once(
    kind: str, deflated: bool
) -> None:
    """Deflated, 2 kB would become 200,000 data sets; 200 kB would take 13 GB and ten minutes."""
    dataset = make(syntax=DeflatedExplicitVRLittleEndian if deflated else ExplicitVRLittleEndian)
    whole = content(dataset)
    beginning = whole[: 144 + struct.unpack_from("<L", whole, 140)[0]]
    body = HEADERS_WITHOUT_END[kind]
    if deflated:
        packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        body = packer.compress(body) + packer.flush()
    before = time.process_time()
    with pytest.raises((RadiographTooLarge, UnreadableRadiograph)):
        read_radiograph(beginning + body, name="image")
    assert time.process_time() - before < 5  # without a bound, 11 seconds


def progressive(scans: int) -> bytes:
    """A progressive JPEG that goes on with empty scans."""
    picture = io.BytesIO()
    Image.fromarray(np.tile(RAMP.astype(np.uint8), (8, 8))).save(picture, "JPEG", progressive=True)
    whole = picture.getvalue()
    last = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + last[:10] * scans + whole[-2:]


def test_a_picture_of_hundreds_of_scans_is_refused_before_it_is_decoded() -> None:
    """Each of them costs ten bytes, and a pass over all pixels."""
    assert read_radiograph(progressive(0), name="image").shape == (256, 256)
    with pytest.raises(UnsupportedRadiograph, match="more than 100 scans"):
        read_radiograph(progressive(600), name="image")
    dataset = make(np.tile(RAMP.astype(np.uint8), (8, 8)), bits=8)
    dataset.file_meta.TransferSyntaxUID = JPEGExtended12Bit
    dataset.PixelData = encapsulate([progressive(600)])
    dataset["PixelData"].VR = "OB"
    with pytest.raises(UnsupportedRadiograph, match="more than 100 scans"):
        read_radiograph(content(dataset), name="image")


def test_no_scan_is_hidden_behind_a_mark_that_has_no_length() -> None:
    """Decoders skip the mark alone, and read what seems to be its segment: thousands of scans."""
    whole = progressive(0)
    last = whole[whole.rindex(b"\xff\xda") : -2]
    hidden = last[:10] * 6000
    mark = b"\xff\x02" + (len(hidden) + 2).to_bytes(2, "big")
    with pytest.raises(UnsupportedRadiograph, match="more than 100 scans"):
        read_radiograph(whole[:-2] + mark + hidden + whole[-2:], name="image")


def test_colours_that_unpack_to_gigabytes_are_refused() -> None:
    """Six bytes of a segmented table stand for 65,535 colours (PS3.3 section C.7.9.2)."""
    dataset = make(RAMP.astype(np.uint8), bits=8)
    dataset.PhotometricInterpretation = "PALETTE COLOR"
    for colour in ("Red", "Green", "Blue"):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        ramps = struct.pack("<3H", 1, 65_535, 7) * 4000
        coded = struct.pack("<3H", 0, 1, 7) + ramps
        setattr(dataset, f"Segmented{colour}PaletteColorLookupTableData", coded)
    began = time.process_time()
    with pytest.raises(UnsupportedRadiograph, match="segmented table"):
        read_radiograph(content(dataset), name="image")
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "before",
    [
        b"\xff\xd0",  # a marker that has no length, which hides what follows
        b"\xff\xfe\x00\x0a\xff\xc0\x00\x11\x08\x00\x20\x00",  # a comment that looks like a size
        b"\xff" * 2_000_000,
        b"\xff" * 50_000 + b"\x00",
        b"\x00" * 2_000_000,
    ],
    ids=["no length", "decoy", "fill bytes", "fill bytes of nothing", "nothing"],
)
def test_no_jpeg_hides_its_size(before: bytes) -> None:
    """The header says 32×32 pixels, the picture 256×256."""
    dataset = make(RAMP.astype(np.uint8), bits=8)
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    picture = progressive(0)
    dataset.PixelData = encapsulate([picture[:2] + before + picture[2:]])
    dataset["PixelData"].VR = "OB"
    started = time.process_time()
    with pytest.raises(UnreadableRadiograph):
        read_radiograph(content(dataset), name="image")
    assert time.process_time() - started < 2


def test_what_follows_a_picture_is_not_counted_among_its_scans() -> None:
    """As the film of a phone's motion photo."""
    behind = np.random.default_rng(0).bytes(8_000_000)
    assert behind.count(b"\xff\xda") > 100
    assert read_radiograph(progressive(0) + behind, name="image").shape == (256, 256)
