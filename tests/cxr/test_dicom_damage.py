"""No bytes make the DICOM reader raise any but its own errors, end the process or hold it up."""

from __future__ import annotations

import signal
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jpeg_ls import encode_array
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEGLSLossless,
)

from cxr.errors import (
    RadiographError,
    UnreadableRadiograph,
)
from cxr.reading import dicom_decoding
from cxr.reading.radiograph import read_radiograph
from tests.conftest import ROOT
from tests.cxr.dicom_files import SIDE, content, header, make

# --- No bytes make the reader raise anything but its own errors -----------------------------------

RELAXED = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
WHOLE = content(make())
BARE = WHOLE[144 + struct.unpack_from("<L", WHOLE, 140)[0] :]
BEGINNINGS = [
    b"",
    bytes(128) + b"DICM",
    b"\x08\0",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0",
    b"GIF89a",
]


def survives(whole: bytes) -> None:
    try:
        radiograph = read_radiograph(whole, name="image")
    except RadiographError:
        return
    assert radiograph.pixels.ndim == 2
    assert np.isfinite(radiograph.pixels).all()
    assert radiograph.pixels.min() >= 0
    assert radiograph.pixels.max() <= 1


@RELAXED
@given(beginning=st.sampled_from(BEGINNINGS), rest=st.binary(max_size=400))
def test_any_bytes(beginning: bytes, rest: bytes) -> None:
    survives(beginning + rest)


@RELAXED
@given(
    whole=st.sampled_from([WHOLE, BARE]),
    changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=8),
    end=st.integers(0, 10**6),
)
def test_a_damaged_image(whole: bytes, changes: list[tuple[int, int]], end: int) -> None:
    damaged = bytearray(whole[: 1 + end % len(whole)] if end % 3 == 0 else whole)
    for place, value in changes:
        damaged[place % min(len(damaged), 1200)] = value  # the header
    survives(bytes(damaged))


@RELAXED
@given(
    values=st.fixed_dictionaries(
        {},
        optional={
            "BitsStored": st.integers(0, 40),
            "Rows": st.integers(0, 70_000),
            "PixelRepresentation": st.integers(0, 3),
            "SamplesPerPixel": st.integers(0, 5),
            "WindowCenter": st.floats(-(2.0**30), 2.0**30, width=32),
            "WindowWidth": st.floats(-(2.0**30), 2.0**30, width=32),
            "RescaleSlope": st.floats(-(2.0**30), 2.0**30, width=32),
            "RescaleIntercept": st.floats(-(2.0**30), 2.0**30, width=32),
            "PhotometricInterpretation": st.sampled_from(
                ["MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "", "X"]
            ),
            "NumberOfFrames": st.integers(-1, 3),
            "PatientAge": st.text("0123456789DWMY", max_size=6),
        },
    )
)
def test_an_odd_header(values: dict[str, Any]) -> None:
    dataset = make()
    try:
        header(**values)(dataset)
        whole = content(dataset)
    except Exception:  # it cannot be written so
        return
    survives(whole)


# --- Decoders in a process of their own -----------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2])
def test_a_picture_that_ends_its_decoder_is_an_error_like_any_other(number: int) -> None:
    """GDCM would end this process: found by fuzzing."""
    damaged = (ROOT / "tests" / "fuzz" / "found" / f"dicom-{number}").read_bytes()
    with pytest.raises(UnreadableRadiograph, match=r"image: this DICOM file is damaged"):
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
