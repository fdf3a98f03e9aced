"""DICOM: known pixels after every step, what is refused, and that nobody is named."""

from __future__ import annotations

import io
import logging
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom.config
import pytest
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

import cxr.reading.radiograph
from cxr.errors import (
    RadiographError,
    RadiographTooLarge,
    UnreadableRadiograph,
    UnsupportedRadiograph,
)
from cxr.reading.radiograph import read_radiograph
from cxr.reading.stored_levels import WHITE
from tests.cxr.dicom_files import RAMP, SECRETS, SIDE, Change, content, header, make


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
        "padding of MONOCHROME1",
    ],
)
def test_grey_levels(change: Change, expected: np.ndarray[Any, Any]) -> None:
    dataset = make()
    change(dataset)
    np.testing.assert_allclose(row(dataset), expected, atol=1e-5)


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
    ],
    ids=["VOI LUT", "sigmoid", "a window beside the radiograph"],
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


def test_what_the_header_says_is_kept_and_no_more() -> None:
    dataset = make()
    header(
        ViewPosition="AP",
        BodyPartExamined="chest ",
        PatientAge="018M",
        ImagerPixelSpacing=[0.2, 0.1],
        PatientOrientation=["L", "F"],
    )(dataset)
    acquisition = read_radiograph(content(dataset), name="image").acquisition
    assert acquisition.modality == "CR"
    assert acquisition.view == "AP"
    assert acquisition.body_part == "CHEST"
    assert acquisition.age == pytest.approx(1.5)
    assert acquisition.pixel_spacing == (0.2, 0.1)
    assert not acquisition.lateral


@pytest.mark.parametrize(
    "values", [{"ViewPosition": "LL"}, {"ViewPosition": "LATERAL"}, {"PatientOrientation": "A\\F"}]
)
def test_a_view_from_the_side_is_known_by_its_header(values: dict[str, str]) -> None:
    dataset = make()
    header(**values)(dataset)
    assert read_radiograph(content(dataset), name="image").acquisition.lateral


@pytest.mark.parametrize(
    ("age", "years"), [("030W", 0.575), ("010D", 0.027), ("004Y", 4), ("four", None), ("", None)]
)
def test_ages(age: str, years: float | None) -> None:
    dataset = make()
    header(PatientAge=age)(dataset)
    found = read_radiograph(content(dataset), name="image").acquisition.age
    assert found == (None if years is None else pytest.approx(years, abs=0.001))


@pytest.mark.parametrize(
    ("born", "taken", "years"),
    [
        ("20200301", "20210301", 1),  # a first birthday
        ("20200301", "20210228", 0.997),
        ("20180101", "20240820", 6.634),
        ("20240820", "20180101", None),
    ],
)
def test_ages_between_dates(born: str, taken: str, years: float | None) -> None:
    dataset = make()
    header(PatientBirthDate=born, StudyDate=taken)(dataset)
    found = read_radiograph(content(dataset), name="image").acquisition.age
    assert found == (None if years is None else pytest.approx(years, abs=0.003))
    assert years is None or int(found or 0) == int(years)


def without_pixels(dataset: FileDataset) -> None:
    del dataset.PixelData


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (header(Modality="CT"), UnsupportedRadiograph, "gives the modality CT"),
        (header(Modality="XYZ"), UnsupportedRadiograph, "gives the modality XYZ"),
        (header(NumberOfFrames=140), UnsupportedRadiograph, "140 frames. Expected one"),
        (without_pixels, UnreadableRadiograph, "holds no picture"),
        (header(Rows=60_000, Columns=60_000), RadiographTooLarge, "60,000×60,000 pixels"),
        (header(PhotometricInterpretation="HSV"), UnsupportedRadiograph, "photometric"),
        (header(PixelData=b"cut off"), UnreadableRadiograph, "is damaged"),
        (header(BitsAllocated=7), UnreadableRadiograph, "is damaged"),
    ],
)
def test_what_is_refused(change: Change, error: type[RadiographError], message: str) -> None:
    dataset = make()
    change(dataset)
    with pytest.raises(error, match=message):
        read_radiograph(content(dataset), name="image")


def test_a_file_that_unpacks_to_gigabytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cxr.reading.radiograph, "MAX_PIXELS", 10_000)
    whole = content(make(syntax=DeflatedExplicitVRLittleEndian))
    (length,) = struct.unpack_from("<L", whole, 140)
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    bomb = packer.compress(bytes(10_000_000)) + packer.flush()
    with pytest.raises(RadiographTooLarge, match="unpacks to more"):
        read_radiograph(whole[: 144 + length] + bomb, name="image")


@pytest.mark.parametrize("lie", ["group length", "no preamble"])
def test_nor_does_a_lie_about_its_beginning_help(monkeypatch: pytest.MonkeyPatch, lie: str) -> None:
    monkeypatch.setattr(cxr.reading.radiograph, "MAX_PIXELS", 10_000)
    whole = content(make(syntax=DeflatedExplicitVRLittleEndian))
    (length,) = struct.unpack_from("<L", whole, 140)
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    dataset = bytes.fromhex("08000500") + b"CS\x0a\x00ISO_IR 192" + bytes(10_000_000)
    bomb = packer.compress(dataset) + packer.flush()
    meta = bytearray(whole[: 144 + length])
    if lie == "group length":
        struct.pack_into("<L", meta, 140, 2**31)
    else:
        meta = meta[132:]
    with pytest.raises(RadiographError):
        read_radiograph(bytes(meta) + bomb, name="image")


def test_a_compressed_picture_larger_than_its_header_says_is_not_decoded() -> None:
    dataset = make(np.zeros((SIDE, SIDE), np.uint8), bits=8)
    jpeg = cv2.imencode(".jpg", np.zeros((4 * SIDE, SIDE), np.uint8))[1].tobytes()
    dataset.PixelData = encapsulate([jpeg])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    with pytest.raises(UnreadableRadiograph, match="not of the size that its header says"):
        read_radiograph(content(dataset), name="image")
    dataset.Rows = 4 * SIDE
    assert read_radiograph(content(dataset), name="image").shape == (4 * SIDE, SIDE)


def test_reading_leaves_pydicoms_settings_and_log_as_they_were() -> None:
    before = pydicom.config.settings.reading_validation_mode, logging.getLogger("pydicom").level
    read_radiograph(content(make()), name="image")
    after = pydicom.config.settings.reading_validation_mode, logging.getLogger("pydicom").level
    assert after == before


@pytest.mark.parametrize(
    "change",
    [
        header(),
        header(PixelData=b"cut off"),
        header(Modality="CT"),
        header(BitsAllocated="Doe^Jane"),
        header(PhotometricInterpretation="Doe^Jane"),
        header(ViewPosition="Doe^Jane", BodyPartExamined="Doe^Jane"),
        header(WindowCenter=1, WindowWidth=0, PatientAge="Doe^"),
    ],
)
def test_no_one_is_named(
    change: Change, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = make()
    header(**SECRETS)(dataset)
    try:
        change(dataset)
        whole = content(dataset)
    except (ValueError, TypeError, OSError):
        dataset = make()
        header(**SECRETS)(dataset)
        whole = content(dataset).replace(b"MONOCHROME2 ", b"Doe^Jane    ")
    said, causes = "", set()
    with caplog.at_level(logging.DEBUG):
        try:
            radiograph = read_radiograph(whole, name="image")
            said += f"{radiograph} {radiograph.acquisition}"
        except RadiographError as error:
            said += str(error)
            causes.add(error.__cause__)
    assert causes <= {None}  # whose words a log would show
    captured = capsys.readouterr()
    said += caplog.text + captured.out + captured.err
    for secret in (*SECRETS.values(), "Doe", "2019", "2023"):
        assert secret not in said
    # An age, and not the dates that it follows from.
    assert "4.26" in said or "age=None" in said or "image:" in said


# --- Real files -----------------------------------------------------------------------------------


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
