"""JPEG files of which a part has been lost: decoders make it up, and nobody would see it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit

from cxr.errors import UnreadableRadiograph
from cxr.reading.radiograph import read_radiograph
from tests.conftest import ROOT
from tests.cxr.dicom_files import content, make

EXAMPLES = sorted((ROOT / "examples").glob("*.jpeg"))
PLACES = (0.3, 0.6, 0.9)


def with_loss(jpeg: bytes, place: float, lost: bytes) -> bytes:
    at = int(len(jpeg) * place)
    return jpeg[:at] + lost + jpeg[at + len(lost) :]


@pytest.mark.parametrize("place", PLACES)
def test_a_sector_of_zeros_is_damage(place: float) -> None:
    damaged = [with_loss(file.read_bytes(), place, bytes(4096)) for file in EXAMPLES]
    refused = 0
    for jpeg in damaged:
        try:
            read_radiograph(jpeg)
        except UnreadableRadiograph:
            refused += 1
    assert refused >= len(EXAMPLES) - 1  # a part of a file may be such that nobody can tell


def test_what_was_elsewhere_on_the_disk_is_damage() -> None:
    other = EXAMPLES[1].read_bytes()[:4096]  # with the header of another picture
    noise = np.random.default_rng(0).bytes(4096)
    for lost in (other, noise):
        with pytest.raises(UnreadableRadiograph, match="damaged or cut off"):
            read_radiograph(with_loss(EXAMPLES[0].read_bytes(), 0.5, lost))


def test_in_a_dicom_file_it_is_damage_too() -> None:
    pixels = np.rint(read_radiograph(EXAMPLES[0]).pixels * 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    for jpeg, whole in (
        (buffer.getvalue(), True),
        (with_loss(buffer.getvalue(), 0.5, bytes(4096)), False),
    ):
        dataset = make(pixels, bits=8)
        dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
        dataset.PixelData = encapsulate([jpeg])
        dataset["PixelData"].is_undefined_length = True
        if whole:
            assert read_radiograph(content(dataset)).shape == pixels.shape
        else:
            with pytest.raises(UnreadableRadiograph, match="damaged or cut off"):
                read_radiograph(content(dataset))


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize(
    "options",
    [{}, {"optimize": True}, {"quality": 20, "optimize": True}, {"progressive": True}],
    ids=str,
)
def test_a_black_border_is_no_damage(mode: str, options: dict[str, object]) -> None:
    """Where the shortest code ends a block, it is coded as a long stretch of zeros."""
    with Image.open(EXAMPLES[0]) as image:
        bordered = Image.new(mode, (image.width + 800, image.height + 600))
        bordered.paste(image.convert(mode), (400, 300))
    buffer = io.BytesIO()
    bordered.save(buffer, "JPEG", **options)
    assert read_radiograph(buffer.getvalue()).shape == bordered.size[::-1]
