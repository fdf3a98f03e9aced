"""Stored DICOM pixels become grey levels, in every way of writing them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from cxr.errors import UnreadableRadiograph
from cxr.reading.radiograph import read_radiograph
from cxr.reading.stored_levels import WHITE
from tests.cxr.dicom_files import RAMP, SIDE, Change, content, header, make


def row(dataset: FileDataset) -> np.ndarray[Any, np.dtype[np.float32]]:
    pixels = read_radiograph(content(dataset), name="image").pixels
    assert pixels.dtype == np.float32
    assert (pixels == pixels[0]).all()
    return pixels[0]


def lut(name: str, entries: list[int], *, first: int = 0, bits: int = 16) -> Change:
    def change(dataset: FileDataset) -> None:
        table = Dataset()
        table.LUTDescriptor = [len(entries), first, bits]
        table["LUTDescriptor"].VR = "US"
        table.LUTData = entries
        table["LUTData"].VR = "US"
        if name == "ModalityLUTSequence":
            table.ModalityLUTType = "US"
        setattr(dataset, name, Sequence([table]))

    return change


RISING = np.arange(SIDE) / (SIDE - 1)
WINDOW = np.clip(
    (np.arange(SIDE) - 15.5) / 15 + 0.5, 0, 1
)  # PS3.3 C.11.2.1.2.1, centre 16, width 16
STEEP = np.clip((np.arange(SIDE) - 8.0) / 16, 0, 1)  # the exact one: from 8 to 24


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (header(), RISING),
        (header(PhotometricInterpretation="MONOCHROME1"), 1 - RISING),
        (header(RescaleSlope=2, RescaleIntercept=-1024), RISING),
        (header(WindowCenter=16, WindowWidth=16), WINDOW),
        (header(WindowCenter=[16, 3], WindowWidth=[16, 2]), WINDOW),
        (header(WindowCenter=16, WindowWidth=16, VOILUTFunction="LINEAR_EXACT"), STEEP),
        (
            header(WindowCenter=16, WindowWidth=16, VOILUTFunction="SIGMOID"),
            1 / (1 + np.exp(-4 * (np.arange(SIDE) - 16) / 16)),
        ),
        (
            header(
                WindowCenter=16,
                WindowWidth=16,
                VOILUTFunction="LINEAR_EXACT",
                PhotometricInterpretation="MONOCHROME1",
            ),
            1 - STEEP,
        ),
        (
            header(
                RescaleSlope=2,
                RescaleIntercept=100,
                WindowCenter=132,
                WindowWidth=32,
                VOILUTFunction="LINEAR_EXACT",
            ),
            STEEP,
        ),
        (header(RescaleSlope=-1, RescaleIntercept=31), 1 - RISING),
        (
            header(
                RescaleSlope=-1,
                RescaleIntercept=31,
                WindowCenter=16,
                WindowWidth=16,
                VOILUTFunction="LINEAR_EXACT",
            ),
            np.clip((31 - np.arange(SIDE) - 8.0) / 16, 0, 1),
        ),
        (header(RescaleSlope=4, WindowCenter=16, WindowWidth=16), WINDOW),  # half a rescale is none
        (lut("VOILUTSequence", [i * i for i in range(SIDE)]), RISING**2),
        (lut("VOILUTSequence", [0] * 16 + [1000] * 16), np.arange(SIDE) >= 16),
        (lut("ModalityLUTSequence", [i * i for i in range(SIDE)]), RISING**2),
        (header(WindowCenter=16, WindowWidth=0), RISING),  # no window at all
        (header(WindowCenter=5000, WindowWidth=2), RISING),  # one that shows nothing
        (header(PixelPaddingValue=31), np.arange(SIDE) % 31 / 30),
        (header(PixelPaddingValue=31, PixelPaddingRangeLimit=None), np.arange(SIDE) % 31 / 30),
        (
            header(PixelPaddingValue=31, PixelPaddingRangeLimit=29),
            np.where(np.arange(SIDE) < 29, np.arange(SIDE), 0) / 28,
        ),
        (
            header(PixelPaddingValue=0, PhotometricInterpretation="MONOCHROME1"),
            (31 - np.arange(SIDE)) % 31 / 30,
        ),
    ],
    ids=[
        "nothing: from darkest to brightest",
        "MONOCHROME1",
        "rescale",
        "window",
        "the first of two windows",
        "exact window",
        "sigmoid window",
        "window, then MONOCHROME1",
        "rescale, then window",
        "negative rescale",
        "negative rescale, then window",
        "slope without intercept",
        "VOI LUT",
        "a step as VOI LUT",
        "modality LUT",
        "a window of no width",
        "a window beside the radiograph",
        "padding",
        "padding with an empty limit",
        "a range of padding",
        "padding of MONOCHROME1",
    ],
)
def test_grey_levels(change: Change, expected: np.ndarray[Any, Any]) -> None:
    dataset = make()
    change(dataset)
    np.testing.assert_allclose(row(dataset), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("slope", "intercept"),
    [("nan", "0"), ("inf", "0"), ("1e400", "0"), ("1e36", "0"), ("1e300", "0"), ("1", "1e39")],
)
def test_a_rescale_to_no_numbers_is_damage(slope: str, intercept: str) -> None:
    """Of one such file the engine would say that the model is broken, and end a whole folder."""
    dataset = make()
    header(RescaleSlope=slope, RescaleIntercept=intercept)(dataset)
    with pytest.raises(UnreadableRadiograph):
        read_radiograph(content(dataset))


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("way", ["numbers", "words", "packed"])
def test_a_voi_lut_of_8_bit_entries(way: str, syntax: str) -> None:
    """PS3.3 section C.11.2.1.1: more entries than 8 bits can count."""
    stored = np.tile(np.linspace(0, 4095, SIDE).round().astype(np.uint16), (SIDE, 1))
    entries = (np.arange(4096) // 16).astype(np.uint16)
    dataset = make(stored, bits=12, syntax=syntax)
    lut("VOILUTSequence", entries.tolist(), bits=8)(dataset)
    if way != "numbers":
        order = ">" if syntax == ExplicitVRBigEndian else "<"
        words = entries.astype("u1" if way == "packed" else f"{order}u2")
        data = dataset.VOILUTSequence[0]["LUTData"]
        data.VR, data.value = "OW", words.tobytes()
    np.testing.assert_allclose(row(dataset), RISING, atol=1 / 2**7)


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        (lut("VOILUTSequence", [i * i for i in range(SIDE)]), RISING**2),
        (
            header(WindowCenter=16, WindowWidth=16, VOILUTFunction="SIGMOID"),
            1 / (1 + np.exp(-4 * (np.arange(SIDE) - 16) / 16)),
        ),
        (header(WindowCenter=5000, WindowWidth=2), RISING),
        (header(PhotometricInterpretation="MONOCHROME1"), 1 - RISING),
        (
            header(
                WindowCenter=16,
                WindowWidth=16,
                VOILUTFunction="SIGMOID",
                PhotometricInterpretation="MONOCHROME1",
            ),
            1 / (1 + np.exp(4 * (np.arange(SIDE) - 16) / 16)),
        ),
    ],
    ids=[
        "VOI LUT",
        "sigmoid",
        "a window beside the radiograph",
        "MONOCHROME1",
        "sigmoid of MONOCHROME1",
    ],
)
def test_a_viewer_shows_at_first_what_is_classified(
    change: Change, shown: np.ndarray[Any, Any]
) -> None:
    dataset = make()
    change(dataset)
    radiograph = read_radiograph(content(dataset), name="image")
    assert radiograph.stored
    assert radiograph.stored.window is None
    np.testing.assert_allclose(radiograph.stored.levels[0] / WHITE, shown, atol=1e-4)
    np.testing.assert_allclose(radiograph.pixels[0], shown, atol=1e-4)


@pytest.mark.parametrize(
    ("dtype", "bits"),
    [(np.uint8, 8), (np.uint16, 10), (np.uint16, 12), (np.uint16, 16), (np.int16, 12)],
)
def test_depths(dtype: type, bits: int) -> None:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if dtype is np.int16 else (0, 2**bits - 1)
    levels = np.linspace(low, high, SIDE).round().astype(dtype)
    stored = np.tile(levels, (SIDE, 1))
    np.testing.assert_allclose(row(make(stored, bits=bits)), RISING, atol=1 / 2**7)


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    ],
)
def test_every_way_of_writing(syntax: str) -> None:
    np.testing.assert_allclose(row(make(syntax=syntax)), RISING, atol=1e-6)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_without_preamble_and_meta_information(syntax: str) -> None:
    dataset = make(syntax=syntax)
    bare = Dataset(dataset)
    buffer = io.BytesIO()
    bare.save_as(buffer, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True)
    pixels = read_radiograph(buffer.getvalue(), name="image").pixels
    np.testing.assert_allclose(pixels[0], RISING, atol=1e-6)


def test_run_length_encoding() -> None:
    dataset = make(RAMP * 130, bits=12)
    dataset.compress(RLELossless)
    np.testing.assert_allclose(row(dataset), RISING, atol=1e-6)


def test_colour_becomes_luminance_and_is_told() -> None:
    stored = np.zeros((SIDE, SIDE, 3), np.uint8)
    stored[..., 0] = 255
    radiograph = read_radiograph(content(make(stored, bits=8)), name="image")
    np.testing.assert_allclose(radiograph.pixels, 0.299, atol=0.002)
    assert radiograph.colour == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("chest_CR-MONO1-10.dcm", (440, 440)),  # no preamble
        ("chest_RSNA_16d7f894.dcm", (1024, 1024)),  # JPEG
        ("nhsx_463169821050252582267888.dcm", (1024, 1024)),
        ("hip_RG2_J2KR.dcm", (2140, 1760)),  # JPEG 2000
        ("hip_RG2_JLSL.dcm", (2140, 1760)),  # JPEG-LS
        ("leg_RG3_JPLL.dcm", (1760, 1760)),  # JPEG lossless
        ("leg_RG3_RLE.dcm", (1760, 1760)),
        ("dental_pano_ModalityLUT.dcm", (1576, 1976)),
        ("edge_GH227.dcm", (512, 512)),  # deflated
    ],
)
def test_real_files_are_decoded(data: Path, name: str, shape: tuple[int, int]) -> None:
    radiograph = read_radiograph(data / "dicom" / "files" / name)
    assert radiograph.shape == shape
    assert radiograph.pixels.std() > 0.05


def test_two_ways_of_storing_one_image_give_one_image(data: Path) -> None:
    for one, other in (("hip_RG2_J2KR", "hip_RG2_JLSL"), ("leg_RG3_JPLL", "leg_RG3_RLE")):
        first, second = (
            read_radiograph(data / "dicom" / "files" / f"{name}.dcm").pixels
            for name in (one, other)
        )
        np.testing.assert_array_equal(first, second)


def test_a_monochrome1_image_is_dark_outside(data: Path) -> None:
    """The lungs are darker than the middle, whichever way it is stored."""
    pixels = read_radiograph(data / "dicom" / "files" / "chest_CR-MONO1-10.dcm").pixels
    assert pixels[150:250, 60:160].mean() < pixels[150:250, 200:240].mean() - 0.05
