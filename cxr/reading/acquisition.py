"""How a radiograph was taken, as far as its file says.

A module of its own, so that reading a JPEG or PNG does not import pydicom.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Acquisition:
    """What a DICOM header says of how a radiograph was taken; None where it is silent.

    Attributes:
        modality: ``"CR"``, ``"DX"``, …, in capitals.
        view: ``"AP"``, ``"PA"``, ``"LL"``, … in capitals.
        body_part: ``"CHEST"``, … in capitals.
        lateral: whether view or orientation say that it was taken from the side.
        age: of the patient in years.
        pixel_spacing: millimetres between rows and between columns.
        spacing_at_detector: whether these are of the detector, where the chest is magnified.
        burned_in: whether the header says that text is part of the image, which may name somebody.
    """

    modality: str | None = None
    view: str | None = None
    body_part: str | None = None
    lateral: bool = False
    age: float | None = None
    pixel_spacing: tuple[float, float] | None = None
    spacing_at_detector: bool = False
    burned_in: bool = False


UNKNOWN = Acquisition()


def is_dicom(content: bytes) -> bool:
    """Whether these bytes begin as a DICOM file does, with the preamble or without."""
    if content[128:132] == b"DICM":  # PS3.10 section 7.1
        return True
    # Without: a data set, in either byte order, whose first group is 0002 or 0008.
    return len(content) > 8 and content[:2] in (b"\x02\0", b"\x08\0", b"\0\x02", b"\0\x08")
