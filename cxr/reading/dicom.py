"""A DICOM file becomes grey levels and a few facts of how it was taken; never of whom.

Digital radiographs are taken (CR, DX) and secondary captures of radiographs; other modalities and
several frames are refused. What becomes of the pixels is in `cxr.reading.dicom_pixels`.

Of the patient, only an age is read. Messages name the file and the fault, and quote nothing of the
header but modality, view and body part: everything else may identify a child.
"""

from __future__ import annotations

import io
import logging
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import numpy as np
import numpy.typing as npt
import pydicom
import pydicom.config
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import get_frame
from pydicom.filereader import read_dataset, read_preamble
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from cxr.errors import RadiographTooLarge, UnreadableRadiograph, UnsupportedRadiograph
from cxr.messages import Message
from cxr.reading.acquisition import Acquisition
from cxr.reading.dicom_decoding import decode_pixels
from cxr.reading.dicom_pixels import grey_levels
from cxr.reading.stored_levels import StoredLevels

# Projection radiographs and captures of anything (PS3.3 section C.7.3.1.1.1). RG was a
# radiograph's.
_RADIOGRAPHS = {"CR", "DX", "RG", "SC", "OT", ""}
_LATERAL = {"LL", "RL", "LATERAL", "LAT", "LLAT", "RLAT"}
_DAYS_A_YEAR = 365.25
_MAX_BYTES_A_PIXEL = 3  # of a deflated file: two of grey, or three of colour
# Start-of-frame markers of JPEG (without tables and extensions among them) and JPEG-LS.
_FRAME_HEADERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_QUIET = threading.Lock()


def read_dicom(
    content: bytes, name: str, *, max_pixels: int
) -> tuple[npt.NDArray[np.float32], StoredLevels | None, Acquisition]:
    """Decode a DICOM file.

    Args:
        content: of the file.
        name: what to call it in messages.
        max_pixels: more are not decoded.

    Returns:
        Pixels, float32 in [0, 1] with 0 for black: of shape (H, W), or (H, W, 3) in colour; the
        levels before windowing, None of a colour image; and what the header says.

    Raises:
        UnreadableRadiograph: the file is damaged, or holds no pixels.
        UnsupportedRadiograph: it is of another modality, has several frames, or its pixels are of
            a kind that is not read here.
        RadiographTooLarge: it has more than `max_pixels`, or unpacks to more than they need.
    """
    try:
        with quietly():
            dataset = _read(content, name, max_pixels)
            _check(dataset, name, max_pixels)
            stored = decode_pixels(dataset, content)
            return *grey_levels(dataset, stored, name), _acquisition(dataset)
    except (UnreadableRadiograph, UnsupportedRadiograph, RadiographTooLarge):
        raise
    except MemoryError as error:
        raise RadiographTooLarge(name, Message("no_memory")) from error
    except Exception as error:
        # A decoder's words may quote the header, and so does the chain of an error in a log.
        message = Message("dicom_damaged", {"error": type(error).__name__})
        raise UnreadableRadiograph(name, message) from None


@contextmanager
def quietly() -> Iterator[None]:
    """Silence warnings and pydicom's log, which would quote a header, and its checks of values.

    An odd value is refused where it is used. These settings are the same for all threads, so one
    thread at a time changes them; afterwards they are as before.
    """
    settings, logger = pydicom.config.settings, logging.getLogger("pydicom")
    with _QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        validation, level = settings.reading_validation_mode, logger.level
        settings.reading_validation_mode = pydicom.config.IGNORE
        logger.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            settings.reading_validation_mode = validation
            logger.setLevel(level)


def _read(content: bytes, name: str, max_pixels: int) -> Dataset:
    """The data set, inflated here where it is deflated: pydicom would inflate without a bound."""
    file = io.BytesIO(content)
    read_preamble(file, force=True)
    # Explicit VR Little Endian whatever the data set is stored as (PS3.10 section 7.1).
    meta = FileMetaDataset(
        read_dataset(
            file,
            is_implicit_VR=False,
            is_little_endian=True,
            stop_when=lambda tag, _vr, _length: tag.group != 2,
        )
    )
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        plain = pydicom.dcmread(io.BytesIO(content), force=True)
        _name_encoding(plain)
        return plain
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    unpacked = unpacker.decompress(file.read(), _MAX_BYTES_A_PIXEL * max_pixels)
    if unpacker.unconsumed_tail:
        raise RadiographTooLarge(name, Message("dicom_inflated"))
    inflated = read_dataset(io.BytesIO(unpacked), is_implicit_VR=False, is_little_endian=True)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    inflated.file_meta = meta
    return inflated


def _name_encoding(dataset: Dataset) -> None:
    """Without file meta information, pixels are as the data set was found to be written."""
    if "TransferSyntaxUID" in dataset.file_meta:
        return
    implicit, little = dataset.original_encoding
    if not little:
        syntax = ExplicitVRBigEndian
    else:
        syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    dataset.file_meta.TransferSyntaxUID = syntax


def _check(dataset: Dataset, name: str, max_pixels: int) -> None:
    """Refuse what is no radiograph, before any pixel is decoded."""
    modality = _word(dataset, "Modality") or ""
    if modality not in _RADIOGRAPHS:
        raise UnsupportedRadiograph(name, Message("dicom_modality", {"modality": modality}))
    if "PixelData" not in dataset or not (dataset.get("Rows") and dataset.get("Columns")):
        raise UnreadableRadiograph(name, Message("dicom_no_picture"))
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames > 1:
        raise UnsupportedRadiograph(name, Message("dicom_frames", {"count": frames}))
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    if rows * columns > max_pixels:
        sides = {"width": columns, "height": rows, "most": max_pixels}
        raise RadiographTooLarge(name, Message("too_many_pixels", sides))
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_encapsulated and syntax != RLELossless:
        frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
        if _coded_size(frame) != (rows, columns):
            # A decoder takes memory for what the picture says, whatever the header does.
            raise UnreadableRadiograph(name, Message("dicom_other_size"))


def _coded_size(frame: bytes) -> tuple[int, int] | None:
    """Rows and columns of a JPEG, JPEG-LS or JPEG 2000 picture, from its own header."""
    start = frame.find(b"\xff\x4f\xff\x51")  # ISO 15444-1 annex A: SOC, SIZ
    if 0 <= start < 200:
        width, height, left, top = struct.unpack_from(">4L", frame, start + 8)
        return height - top, width - left
    at = 2  # ISO 10918-1 annex B: after SOI, segments with their lengths
    while frame[:2] == b"\xff\xd8" and at + 9 <= len(frame):
        marker = frame[at + 1]
        if frame[at] != 0xFF or marker == 0xFF:  # fill bytes
            at += 1
        elif marker in _FRAME_HEADERS:
            rows, columns = struct.unpack_from(">2H", frame, at + 5)
            return rows, columns
        else:
            at += 2 + struct.unpack_from(">H", frame, at + 2)[0]
    return None


# --- The header -----------------------------------------------------------------------------------


def _acquisition(dataset: Dataset) -> Acquisition:
    view = _word(dataset, "ViewPosition")
    # Rows that lead to front or back were taken from the side (PS3.3 section C.7.6.1.1.1).
    orientation = [str(way).upper() for way in dataset.get("PatientOrientation") or []]
    sideways = bool(orientation) and orientation[0][:1] in ("A", "P")
    at_detector = _spacing(dataset, "ImagerPixelSpacing")
    return Acquisition(
        modality=_word(dataset, "Modality"),
        view=view,
        body_part=_word(dataset, "BodyPartExamined"),
        lateral=view in _LATERAL or sideways,
        age=_age(dataset),
        pixel_spacing=_spacing(dataset, "PixelSpacing") or at_detector,
        spacing_at_detector=_spacing(dataset, "PixelSpacing") is None and at_detector is not None,
        burned_in=_word(dataset, "BurnedInAnnotation") == "YES",
    )


def _word(dataset: Dataset, keyword: str) -> str | None:
    """A code string (PS3.5 section 6.2: 16 capitals, digits, spaces); None if it is none."""
    word = str(dataset.get(keyword) or "").strip().upper()
    return word if re.fullmatch(r"[A-Z0-9_ ]{1,16}", word) else None


def _age(dataset: Dataset) -> float | None:
    found = re.fullmatch(r"(\d{3})([DWMY])", str(dataset.get("PatientAge") or "").strip())
    if found:
        days = {"D": 1.0, "W": 7.0, "M": _DAYS_A_YEAR / 12, "Y": _DAYS_A_YEAR}[found[2]]
        return int(found[1]) * days / _DAYS_A_YEAR
    try:
        born, taken = (
            date.fromisoformat(str(dataset.get(keyword)))
            for keyword in ("PatientBirthDate", "StudyDate")
        )
    except ValueError:
        return None
    # Whole on a birthday, which the mean length of a year would miss by hours.
    had_birthday = (taken.month, taken.day) >= (born.month, born.day)
    whole = taken.year - born.year - (not had_birthday)
    years = min(max((taken - born).days / _DAYS_A_YEAR, whole), whole + 0.999)
    return years if 0 <= years < 120 else None


def _spacing(dataset: Dataset, keyword: str) -> tuple[float, float] | None:
    try:
        rows, columns = dataset.get(keyword)
        spacing = (float(rows), float(columns))
    except (TypeError, ValueError):
        return None
    return spacing if min(spacing) > 0 and max(spacing) < 10 else None
