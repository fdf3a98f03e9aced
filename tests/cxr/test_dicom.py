"""DICOM: what a header says, what is refused, and that nobody is named."""

from __future__ import annotations

import io
import logging
import struct
import zlib

import cv2
import numpy as np
import pydicom.config
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

import cxr.reading.radiograph
from cxr.errors import (
    RadiographError,
    RadiographTooLarge,
    UnreadableRadiograph,
    UnsupportedRadiograph,
)
from cxr.reading.coded_picture import coded_size
from cxr.reading.radiograph import read_radiograph
from tests.cxr.dicom_files import SECRETS, SIDE, Change, content, header, make


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
    assert acquisition.spacing_at_detector
    header(PixelSpacing=[0.1, 0.1])(dataset)
    calibrated = read_radiograph(content(dataset), name="image").acquisition
    assert calibrated.pixel_spacing == (0.1, 0.1)
    assert not calibrated.spacing_at_detector
    header(PixelSpacing=[0.2, 0.1])(dataset)  # many devices repeat it, corrected for nothing
    assert read_radiograph(content(dataset), name="image").acquisition.spacing_at_detector
    assert not acquisition.lateral


@pytest.mark.parametrize(
    "values",
    [
        {"ViewPosition": "LL"},
        {"ViewPosition": "LATERAL"},
        {"PatientOrientation": "A\\F"},
        {"PatientOrientation": "P\\F"},
    ],
)
def test_a_view_from_the_side_is_known_by_its_header(values: dict[str, str]) -> None:
    dataset = make()
    header(**values)(dataset)
    assert read_radiograph(content(dataset), name="image").acquisition.lateral


@pytest.mark.parametrize(
    ("code", "meaning", "lateral"),
    [
        ("399173006", "", True),
        ("R-10236", "left lateral", True),
        ("399348003", "antero-posterior", False),
        ("399368009", "medio-lateral oblique", False),
    ],
)
def test_a_view_is_known_by_its_code(code: str, meaning: str, lateral: bool) -> None:
    """DX files need not have the view in words."""
    dataset = make()
    header(ViewCodeSequence=[coded(code, meaning)])(dataset)
    assert read_radiograph(content(dataset), name="image").acquisition.lateral == lateral


def test_a_body_part_is_known_by_its_code() -> None:
    dataset = make()
    header(AnatomicRegionSequence=[coded("72696002", "Knee")])(dataset)
    assert read_radiograph(content(dataset), name="image").acquisition.body_part == "KNEE"
    header(BodyPartExamined="CHEST")(dataset)
    assert read_radiograph(content(dataset), name="image").acquisition.body_part == "CHEST"


def coded(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "SCT", meaning
    return code


@pytest.mark.parametrize(
    ("age", "years"),
    [
        ("030W", 0.575),
        ("010D", 0.027),
        ("004Y", 4),
        ("62", 62),  # of a public data set
        ("5Y", 5),
        ("5", None),  # or months
        ("000Y", 0),  # of an infant, or not known: neither is in the model's range
        ("000D", 0),
        ("four", None),
        ("", None),
    ],
)
def test_ages(age: str, years: float | None) -> None:
    dataset = make()
    header(PatientAge=age)(dataset)
    found = read_radiograph(content(dataset), name="image").acquisition.age
    assert found == (None if years is None else pytest.approx(years, abs=0.001))


def test_dates_say_more_than_no_years() -> None:
    dataset = make()
    header(PatientAge="000Y", PatientBirthDate="19800101", StudyDate="20200101")(dataset)
    assert read_radiograph(content(dataset), name="image").acquisition.age == pytest.approx(40)


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
        (header(NumberOfFrames=2), UnsupportedRadiograph, "2 frames. Expected one"),
        (without_pixels, UnreadableRadiograph, "holds no image"),
        (header(Rows=60_000, Columns=60_000), RadiographTooLarge, "60,000×60,000 pixels"),
        (header(PhotometricInterpretation="HSV"), UnsupportedRadiograph, "photometric"),
        (header(PixelData=b"cut off"), UnreadableRadiograph, "is damaged"),
        (header(BitsAllocated=7), UnreadableRadiograph, "is damaged"),
        (header(HighBit=15), UnsupportedRadiograph, "do not begin at the lowest bit"),
    ],
)
def test_what_is_refused(change: Change, error: type[RadiographError], message: str) -> None:
    dataset = make()
    change(dataset)
    with pytest.raises(error, match=message):
        read_radiograph(content(dataset), name="image")


def test_of_another_modality_the_picture_is_there_where_it_can_be_read() -> None:
    dataset = make()
    dataset.Modality = "CT"
    with pytest.raises(UnsupportedRadiograph) as caught:
        read_radiograph(content(dataset), name="image")
    assert caught.value.picture is not None
    assert caught.value.picture.shape == (SIDE, SIDE)
    # What cannot be read of it changes nothing: it is of another modality first.
    for change in (without_pixels, header(PixelData=b"cut off"), header(NumberOfFrames=2)):
        dataset = make()
        dataset.Modality = "CT"
        change(dataset)
        with pytest.raises(UnsupportedRadiograph, match="gives the modality CT") as caught:
            read_radiograph(content(dataset), name="image")
        assert caught.value.picture is None


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


def test_rows_and_columns_of_a_jpeg_2000_picture_are_told_apart() -> None:
    coded = io.BytesIO()
    Image.new("L", (60, 40)).save(coded, "JPEG2000")
    assert coded_size(coded.getvalue()) == (40, 60)
    # One that is a part of a larger grid, 8 columns and 4 rows from its origin (annex B).
    part = b"\xff\x4f\xff\x51" + struct.pack(">2H4L", 41, 0, 68, 44, 8, 4)
    assert coded_size(part) == (40, 60)


def test_a_file_without_a_modality_is_read() -> None:
    dataset = make()
    del dataset.Modality
    assert read_radiograph(content(dataset), name="image").acquisition.modality is None


def test_a_pixel_spacing_that_no_radiograph_has_is_none() -> None:
    for spacing in ([0, 0.2], [0.2, 150]):
        dataset = make()
        header(PixelSpacing=spacing, ImagerPixelSpacing=[0.2, 0.1])(dataset)
        acquisition = read_radiograph(content(dataset), name="image").acquisition
        assert acquisition.pixel_spacing == (0.2, 0.1)
        assert acquisition.spacing_at_detector


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
