"""DICOM files of a ramp, made for tests."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pydicom
import pydicom.config
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    generate_uid,
)

from cxr.classifier import Prediction
from cxr.model.bundle import Bundle
from cxr.output.dicom import DicomObjects
from cxr.reading.radiograph import Radiograph

SIDE = 32
# A ramp, so that every step of the way shows: one column a stored value, 0 to 31.
RAMP = np.tile(np.arange(SIDE, dtype=np.uint16), (SIDE, 1))

Change = Callable[[FileDataset], object]
DicomAnswer = tuple[Radiograph, Prediction, Bundle]


@pydicom.config.disable_value_validation()
def make(
    stored: np.ndarray[Any, Any] = RAMP, *, bits: int = 5, syntax: str = ExplicitVRLittleEndian
) -> FileDataset:
    """A radiograph with these stored values."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = syntax
    big = syntax == ExplicitVRBigEndian
    dataset = FileDataset(
        "image",
        {},
        file_meta=meta,
        preamble=bytes(128),
        is_implicit_VR=syntax == ImplicitVRLittleEndian,
        is_little_endian=not big,
    )
    dataset.SOPClassUID = ComputedRadiographyImageStorage
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.Modality = "CR"
    dataset.Rows, dataset.Columns = stored.shape[:2]
    dataset.SamplesPerPixel = 1 if stored.ndim == 2 else 3
    if stored.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = "MONOCHROME2" if stored.ndim == 2 else "RGB"
    dataset.BitsAllocated = 8 * stored.dtype.itemsize
    dataset.BitsStored, dataset.HighBit = bits, bits - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    dataset.PixelData = stored.astype(stored.dtype.newbyteorder(">" if big else "<")).tobytes()
    dataset["PixelData"].VR = "OW" if stored.dtype.itemsize == 2 else "OB"
    return dataset


def content(dataset: FileDataset, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with pydicom.config.disable_value_validation():
        dataset.save_as(buffer, **({"enforce_file_format": True} | options))
    return buffer.getvalue()


def header(**values: Any) -> Change:
    def change(dataset: FileDataset) -> None:
        with pydicom.config.disable_value_validation():
            for name, value in values.items():
                setattr(dataset, name, value)

    return change


SECRETS = {
    "PatientName": "Doe^Jane",
    "PatientID": "ID-4711",
    "PatientBirthDate": "20190304",
    "StudyDate": "20230607",
    "AccessionNumber": "ACC-123",
    "InstitutionName": "General Hospital",
    "OtherPatientIDs": "ID-4712",
}


def files(objects: DicomObjects) -> list[FileDataset]:
    """Capture and report."""
    return [pydicom.dcmread(io.BytesIO(file)) for file in (objects.capture, objects.report)]
