"""Decodes the pixels of a DICOM file, in a child process where a decoder could end its process.

GDCM reads what no other library with a free licence does (JPEG lossless, 12-bit JPEG), but some
damaged pictures end the process that it runs in. So it runs in a process of its own, which takes
half a second, and there pydicom tries its other decoders after it. Pillow decodes JPEG here, and
pydicom what is not coded.

A JPEG-LS picture of a few bytes can keep its decoder busy for seconds, and a JPEG 2000 picture for
minutes: of 9 KB, with thousands of layers in each of its precincts. Run lengths become 64 times as
much, whatever the header says. So the child may take only as much of a processor's time as a
picture of its size needs, and so much memory.
"""

from __future__ import annotations

import io
import math
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array
from pydicom.uid import JPEG2000, JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

_JPEG_2000 = (JPEG2000, JPEG2000Lossless)
_SECONDS = 60  # that a child may take, of the clock
# Of a processor, for decoding alone. GDCM took 0.06 seconds a megapixel, CharLS 0.03, and OpenJPEG
# 0.34 for noise.
_PROCESSOR_SECONDS = 3
_PROCESSOR_SECONDS_A_MEGAPIXEL = 0.5
_MAX_MEMORY = 4 << 30  # bytes of a child, with what its libraries reserve

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
    if syntax == JPEGBaseline8Bit:
        with suppress(Exception):  # GDCM takes some that Pillow does not
            return pixel_array(dataset, decoding_plugin="pillow")
    return _decode_in_child(content)


def _decode_in_child(content: bytes) -> Pixels:
    # By its file, which is found from any working folder; -P keeps its neighbours out of the path.
    command = [sys.executable, "-P", __file__]
    # What the decoders print of a damaged picture is of no use to anyone.
    child = subprocess.run(
        command, input=content, capture_output=True, timeout=_SECONDS, check=False
    )
    if child.returncode:
        raise ValueError("the decoder failed")
    pixels: Pixels = np.load(io.BytesIO(child.stdout), allow_pickle=False)
    return pixels


def _decode_for_parent() -> None:
    """Read a file from standard input, and write its values to standard output as NumPy saves."""
    _limit_memory()
    dataset = pydicom.dcmread(io.BytesIO(sys.stdin.buffer.read()), force=True)
    _limit_processor_time(pixels=dataset.Rows * dataset.Columns)
    np.save(sys.stdout.buffer, _decoded(dataset), allow_pickle=False)


def _decoded(dataset: Dataset) -> Pixels:
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax == RLELossless:
        return pixel_array(dataset, decoding_plugin="pydicom")
    if syntax in _JPEG_2000:
        with suppress(Exception):  # GDCM takes some that Pillow does not
            return pixel_array(dataset, decoding_plugin="pillow")
    return pixel_array(dataset)


def _limit_memory() -> None:
    """Let the system refuse this process more memory than any radiograph needs; not on Windows."""
    with suppress(ImportError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY, _MAX_MEMORY))


def _limit_processor_time(*, pixels: int) -> None:
    """Let the system end this process when it has taken too long; not on Windows."""
    with suppress(ImportError, ValueError):  # a ValueError where the system allows less already
        import resource

        allowed = _PROCESSOR_SECONDS + _PROCESSOR_SECONDS_A_MEGAPIXEL * pixels / 1e6
        limit = math.ceil(time.process_time() + allowed)
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    _decode_for_parent()
