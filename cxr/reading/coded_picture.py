"""The coded picture of a DICOM file, looked at before any decoder does."""

from __future__ import annotations

import struct

from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import JPEGBaseline8Bit

from cxr.errors import UnreadableRadiograph
from cxr.messages import Message
from cxr.reading.bare_pictures import bare_jpeg
from cxr.reading.jpeg_markers import frame_size, require_few_scans, require_intact_scans


def check_coded_picture(dataset: Dataset) -> None:
    """Refuse what would keep a decoder busy, and take it away before the pixels.

    Args:
        dataset: with one frame, which is coded; changed where it is JPEG that Pillow decodes.

    Raises:
        UnreadableRadiograph: its size is another one than the header's.
        UnsupportedRadiograph: it has more scans than any encoder writes.
        struct.error: it is cut off within its header.
    """
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    require_few_scans(frame)
    if frame[:2] == b"\xff\xd8":
        require_intact_scans(frame)
    if coded_size(frame) != (int(dataset.Rows), int(dataset.Columns)):
        # A decoder takes memory for what the picture says, whatever the header does.
        raise UnreadableRadiograph(Message("dicom_other_size"))
    if dataset.file_meta.TransferSyntaxUID == JPEGBaseline8Bit:  # which Pillow decodes
        dataset.PixelData = encapsulate([bare_jpeg(frame).content])


def coded_size(frame: bytes) -> tuple[int, int] | None:
    """Rows and columns of a JPEG, JPEG-LS or JPEG 2000 picture, from its own header.

    Args:
        frame: the coded picture.

    Returns:
        In pixels; None if there is no such header.

    Raises:
        struct.error: it is cut off within its header.
    """
    if frame[:2] == b"\xff\xd8":
        return frame_size(frame)
    start = frame.find(b"\xff\x4f\xff\x51", 0, 200)  # ISO 15444-1 annex A: SOC, SIZ
    if start < 0:
        return None
    width, height, left, top = struct.unpack_from(">4L", frame, start + 8)
    return height - top, width - left
