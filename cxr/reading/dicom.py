"""A DICOM file becomes grey levels and a few facts of how it was taken; never of whom.

Digital radiographs are taken (CR, DX) and secondary captures of radiographs; several frames are
refused here, and other modalities by `cxr.reading.radiograph`, once they can be shown. What becomes
of the pixels is in `cxr.reading.dicom_pixels`.

Of the patient, only an age is read. Messages name the file and the fault, and quote nothing of the
header but modality, view and body part: everything else may identify a child.
"""

from __future__ import annotations

import io
import zlib

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.datadict import dictionary_has_tag, dictionary_keyword, dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset, read_preamble
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from cxr.errors import (
    RadiographError,
    RadiographTooLarge,
    UnreadableRadiograph,
    UnsupportedRadiograph,
)
from cxr.messages import Message
from cxr.reading.acquisition import Acquisition
from cxr.reading.coded_picture import check_coded_picture
from cxr.reading.dicom_decoding import decode_pixels
from cxr.reading.dicom_header import other_modality, read_header
from cxr.reading.dicom_pixels import grey_levels
from cxr.reading.quiet_pydicom import quietly
from cxr.reading.stored_levels import StoredLevels

_MAX_BYTES_A_PIXEL = 3  # of a deflated file: two of grey, or three of colour
# Reads of a file that its header may take: one or two for an element or an item. Those of a
# detector have some hundreds; a file of a few bytes may unpack to millions, which would take
# minutes and gigabytes.
_MAX_READS = 100_000
_MAX_SEQUENCE = 2_000_000  # bytes of a sequence that is looked into: a few tables of 65,536 values
_MAX_ITEMS = 1000
_ITEMS = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")  # tags of items in either order of bytes
_SHORT = {"AS", "CS", "DA", "DS", "IS", "SS", "US", "US or SS"}  # kinds of what is looked at
_MAX_SHORT = 10_000  # bytes
# Tables of colours that are coded: six bytes may stand for 65,535 of them.
_SEGMENTED = [
    f"Segmented{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")
]
_LOOKED_INTO = (
    "ViewCodeSequence",
    "AnatomicRegionSequence",
    "ModalityLUTSequence",
    "VOILUTSequence",
)


def read_dicom(
    content: bytes, *, max_pixels: int
) -> tuple[npt.NDArray[np.float32], StoredLevels | None, Acquisition]:
    """Decode a DICOM file.

    Args:
        content: of the file.
        max_pixels: more are not decoded.

    Returns:
        Pixels, float32 in [0, 1] with 0 for black: of shape (H, W), or (H, W, 3) in colour; the
        levels before windowing, None of a colour image; and what the header says.

    Raises:
        UnreadableRadiograph: the file is damaged, or holds no pixels.
        UnsupportedRadiograph: it has several frames, or its pixels are of a kind that is not read
            here; or they cannot be read, and it is of another modality.
        RadiographTooLarge: it has more than `max_pixels`, or unpacks to more than they need.
        MemoryError: there is none left for it.
    """
    acquisition = None
    try:
        with quietly():
            dataset = _read(content, max_pixels)
            _check_lengths(dataset)
            acquisition = read_header(dataset)
            _check(dataset, max_pixels)
            stored = decode_pixels(dataset, content)
            return *grey_levels(dataset, stored), acquisition
    except MemoryError:
        raise
    except Exception as error:
        if acquisition and (refused := other_modality(acquisition)):
            raise UnsupportedRadiograph(refused) from None
        if isinstance(error, RadiographError):
            raise
        # A decoder's words may quote the header, and so does the chain of an error in a log.
        message = Message("dicom_damaged", {"error": type(error).__name__})
        raise UnreadableRadiograph(message) from None


class _Bounded(io.BytesIO):
    """A file that raises an error after `_MAX_READS` reads."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._left = _MAX_READS

    def read(self, size: int | None = -1, /) -> bytes:
        """As of any file.

        Raises:
            UnreadableRadiograph: it was read too often.
        """
        self._left -= 1
        if self._left < 0:
            raise UnreadableRadiograph(Message("dicom_elements"))
        return super().read(size)


def _read(content: bytes, max_pixels: int) -> Dataset:
    """The data set, inflated here where it is deflated: pydicom would inflate without a bound."""
    file = _Bounded(content)
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
        plain = pydicom.dcmread(_Bounded(content), force=True)
        _name_encoding(plain)
        return plain
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    unpacked = unpacker.decompress(file.read(), _MAX_BYTES_A_PIXEL * max_pixels)
    if unpacker.unconsumed_tail:
        raise RadiographTooLarge(Message("dicom_inflated"))
    inflated = read_dataset(_Bounded(unpacked), is_implicit_VR=False, is_little_endian=True)
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


def _check_lengths(dataset: Dataset) -> None:
    """Refuse what would take long, or much memory, once somebody looks into it.

    Raises:
        UnreadableRadiograph: there is such an element.
    """
    for tag in list(dataset.keys()):
        element = dataset.get_item(tag)
        if not isinstance(element, RawDataElement) or not dictionary_has_tag(tag):
            continue
        kind = dictionary_VR(tag)
        if kind != "SQ":  # a sequence by its file alone would be read as one
            too_long = kind in _SHORT and element.length > _MAX_SHORT
            if too_long or element.VR == "SQ":
                raise UnreadableRadiograph(Message("dicom_elements"))
        elif dictionary_keyword(tag) in _LOOKED_INTO:
            items = max((element.value or b"").count(item) for item in _ITEMS)
            if items > _MAX_ITEMS or element.length > _MAX_SEQUENCE:
                raise UnreadableRadiograph(Message("dicom_elements"))


def _check(dataset: Dataset, max_pixels: int) -> None:
    """Refuse what is no radiograph, before any pixel is decoded."""
    if "PixelData" not in dataset or not (dataset.get("Rows") and dataset.get("Columns")):
        raise UnreadableRadiograph(Message("dicom_no_picture"))
    stored, high = dataset.get("BitsStored"), dataset.get("HighBit")
    if stored is not None and high is not None and int(high) != int(stored) - 1:
        raise UnsupportedRadiograph(Message("dicom_high_bit"))
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames > 1:
        raise UnsupportedRadiograph(Message("dicom_frames", {"count": frames}))
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    if rows * columns > max_pixels:
        sides = {"width": columns, "height": rows, "most": max_pixels}
        raise RadiographTooLarge(Message("too_many_pixels", sides))
    if any(keyword in dataset for keyword in _SEGMENTED):
        raise UnsupportedRadiograph(Message("dicom_segmented"))
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_encapsulated and syntax != RLELossless:
        check_coded_picture(dataset)
