"""Decodes the pixels of a DICOM file, in a child process where a decoder could end its process.

GDCM reads what no other library with a free licence does (JPEG lossless, 12-bit JPEG), but some
damaged pictures end the process that it runs in. So it runs in a process of its own, which takes
half a second; Pillow and pydicom decode everything that they can here.
"""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array
from pydicom.uid import JPEG2000, JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

_PLUGINS = {  # of pydicom, by transfer syntax
    RLELossless: "pydicom",
    JPEGBaseline8Bit: "pillow",
    JPEG2000: "pillow",
    JPEG2000Lossless: "pillow",
}
_SECONDS = 60  # that a child may take

Pixels = npt.NDArray[Any]


def decode_pixels(dataset: Dataset, content: bytes) -> Pixels:
    """The stored values of a data set's one frame; of colours, as RGB.

    Args:
        dataset: that has been found to be a radiograph of a size that can be decoded.
        content: the file that it is from.

    Returns:
        (H, W), or (H, W, 3) in colour.

    Raises:
        Exception: of whichever decoder it is that cannot read it.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated:
        return pixel_array(dataset)
    if syntax in _PLUGINS:
        try:
            return pixel_array(dataset, decoding_plugin=_PLUGINS[syntax])
        except Exception as error:  # which it has not in common with the child's
            if syntax == RLELossless:
                raise
            del error  # GDCM takes some that Pillow does not
    return _decode_in_child(content)


def _decode_in_child(content: bytes) -> Pixels:
    command = [sys.executable, "-m", "cxr.reading.dicom_decoding"]
    # What the decoders print of a damaged picture is of no use to anyone.
    child = subprocess.run(  # our own module
        command, input=content, capture_output=True, timeout=_SECONDS, check=False
    )
    if child.returncode:
        raise ValueError("the decoder failed")
    pixels: Pixels = np.load(io.BytesIO(child.stdout), allow_pickle=False)
    return pixels


def _decode_for_parent() -> None:
    """Read a file from standard input, and write its values to standard output as NumPy saves."""
    dataset = pydicom.dcmread(io.BytesIO(sys.stdin.buffer.read()), force=True)
    np.save(sys.stdout.buffer, pixel_array(dataset, decoding_plugin="gdcm"), allow_pickle=False)


if __name__ == "__main__":
    _decode_for_parent()
