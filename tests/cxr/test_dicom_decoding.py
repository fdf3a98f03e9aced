"""Decoders that would end this process, or keep it busy, run in one of their own."""

from __future__ import annotations

import io
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from jpeg_ls import encode_array
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from cxr.errors import (
    UnreadableRadiograph,
)
from cxr.reading import dicom_decoding
from cxr.reading.radiograph import read_radiograph
from tests.conftest import ROOT
from tests.cxr.dicom_files import RAMP, SIDE, content, make


@pytest.mark.parametrize("number", [1, 2])
def test_a_picture_that_ends_its_decoder_is_an_error_like_any_other(number: int) -> None:
    """GDCM would end this process: found by fuzzing. The second is refused before it is decoded."""
    damaged = (ROOT / "tests" / "fuzz" / "found" / f"dicom-{number}").read_bytes()
    with pytest.raises(UnreadableRadiograph, match=r"image: th.* is damaged"):
        read_radiograph(damaged, name="image")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of processor time")
def test_a_picture_that_keeps_its_decoder_busy_is_given_up() -> None:
    """CharLS counts to two thousand million, about 7 seconds: found by fuzzing."""
    busy = (ROOT / "tests" / "fuzz" / "found" / "dicom-3").read_bytes()
    command = [sys.executable, "-P", dicom_decoding.__file__]
    child = subprocess.run(command, input=busy, capture_output=True, check=False)
    assert child.returncode == -signal.SIGKILL
    with pytest.raises(UnreadableRadiograph, match=r"image: this DICOM file is damaged"):
        read_radiograph(busy, name="image")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of processor time")
def test_a_jpeg_2000_picture_that_would_take_minutes_is_given_up() -> None:
    coded = io.BytesIO()
    grey = np.zeros((1000, 1000), np.uint8)
    Image.fromarray(grey).save(coded, "JPEG2000", precinct_size=(32, 32))
    head, rest = coded.getvalue().split(b"\xff\x52", 1)  # ISO 15444-1 annex A: COD
    many_layers = head + b"\xff\x52" + rest[:4] + b"\xff\xff" + rest[6:]
    assert len(many_layers) < 10_000
    dataset = make(grey, bits=8)
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    dataset.PixelData = encapsulate([many_layers])
    began = time.monotonic()
    with pytest.raises(UnreadableRadiograph, match=r"image: this DICOM file is damaged"):
        read_radiograph(content(dataset), name="image")
    assert time.monotonic() - began < 60  # it takes minutes to decode


def test_jpeg_ls_is_read_whatever_the_working_folder_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its decoders run in a process of their own, which has to find its code."""
    grey = np.tile(np.arange(SIDE, dtype=np.uint8) * 4, (SIDE, 1))
    dataset = make(grey, bits=8)
    dataset.file_meta.TransferSyntaxUID = JPEGLSLossless
    dataset.PixelData = encapsulate([bytes(encode_array(grey))])
    dataset["PixelData"].VR = "OB"
    monkeypatch.chdir(tmp_path)
    radiograph = read_radiograph(content(dataset), name="image")
    span = grey.astype(np.float32) - grey.min()
    np.testing.assert_allclose(radiograph.pixels, span / span.max(), atol=1e-6)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of processor time")
def test_run_lengths_of_far_more_than_the_picture_do_not_keep_this_process_busy() -> None:
    dataset = make(RAMP.astype(np.uint8), bits=8)
    dataset.file_meta.TransferSyntaxUID = RLELossless
    # 128 zeros each: more than a fast processor unpacks in the time that the child has.
    runs = bytes([129, 0]) * 20_000_000
    dataset.PixelData = encapsulate([struct.pack("<16L", 1, 64, *[0] * 14) + runs])
    began = time.process_time()
    with pytest.raises(UnreadableRadiograph, match=r"image: this DICOM file is damaged"):
        read_radiograph(content(dataset), name="image")
    assert time.process_time() - began < 2
