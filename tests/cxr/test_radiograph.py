"""Reading: known pixels in, known pixels out; anything else gets an error of ours."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from cxr.errors import (
    RadiographError,
    RadiographTooLarge,
    UnreadableRadiograph,
    UnsupportedRadiograph,
)
from cxr.reading import radiograph as reading
from cxr.reading.radiograph import MAX_PIXELS, read_radiograph
from tests.cxr.pictures import SIDE, chunk, encode, solid


def palette() -> Image.Image:
    image = solid("P", 3)
    image.putpalette([0, 0, 0, 0, 0, 0, 0, 0, 0, 51, 51, 51])
    return image


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (encode(solid("L", 51)), 51 / 255),
        (encode(solid("L", 51), "JPEG", quality=100), 51 / 255),
        (encode(solid("1", 1)), 1.0),
        (encode(Image.fromarray(np.full((SIDE, SIDE), 13107, np.uint16))), 13107 / 16383),
        (encode(solid("RGB", (51, 51, 51))), 51 / 255),
        (encode(solid("RGB", (255, 0, 0))), 0.299),  # ITU-R BT.601
        (encode(solid("RGB", (51, 51, 51)), "JPEG", quality=100), 51 / 255),
        (encode(palette()), 51 / 255),
        (encode(solid("RGBA", (51, 51, 51, 255))), 51 / 255),
        (encode(solid("RGBA", (255, 255, 255, 0))), 0.0),  # transparent is unexposed
        (encode(solid("LA", (51, 255))), 51 / 255),
    ],
    ids=[
        "grey 8",
        "grey JPEG",
        "1 bit",
        "grey 16",
        "RGB",
        "red",
        "RGB JPEG",
        "palette",
        "RGBA",
        "transparent",
        "grey and alpha",
    ],
)
def test_known_pixels(content: bytes, expected: float) -> None:
    radiograph = read_radiograph(content)
    assert radiograph.shape == (SIDE, SIDE)
    assert radiograph.pixels.dtype == np.float32
    np.testing.assert_allclose(radiograph.pixels, expected, atol=1e-6)


def test_colour_is_the_mean_over_all_pixels() -> None:
    image = np.full((SIDE, SIDE, 3), 100, np.uint8)
    image[: SIDE // 4] = (255, 0, 51)
    assert read_radiograph(encode(Image.fromarray(image))).colour == pytest.approx(0.25)


@pytest.mark.parametrize("shape", [(200, 31), (31, 200)])
def test_the_shorter_side_has_to_show_a_lung(shape: tuple[int, int]) -> None:
    with pytest.raises(UnsupportedRadiograph, match="are too few"):
        read_radiograph(encode(Image.new("L", shape)), name="image")
    assert read_radiograph(encode(Image.new("L", (200, 32)))).shape == (32, 200)


def test_a_file_larger_than_any_radiograph_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    content = encode(solid("L", 51))
    for source in (content, io.BytesIO(content)):
        monkeypatch.setattr(reading, "MAX_BYTES", len(content))
        assert read_radiograph(source).shape == (SIDE, SIDE)
    for source in (content, io.BytesIO(content)):
        monkeypatch.setattr(reading, "MAX_BYTES", len(content) - 1)
        with pytest.raises(RadiographTooLarge, match="image: "):
            read_radiograph(source, name="image")


def noise(side: int = 200) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (side, side), np.uint8))


def test_exif_orientation_turns_the_image_upright() -> None:
    image = np.zeros((SIDE, 2 * SIDE), np.uint8)
    image[:, :SIDE] = 255  # bright on the left
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise: left becomes top
    radiograph = read_radiograph(encode(Image.fromarray(image), "JPEG", exif=exif))
    assert radiograph.shape == (2 * SIDE, SIDE)
    assert radiograph.pixels[:SIDE].mean() > 0.95
    assert radiograph.pixels[SIDE:].mean() < 0.05


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_as_pillow_does(orientation: int, kind: str) -> None:
    image = Image.fromarray((np.arange(48 * 64).reshape(48, 64) // 16).astype(np.uint8))
    exif = Image.Exif()
    exif[0x010F] = "a maker, whose name stands before"
    exif[0x0112] = orientation
    content = encode(image, kind, exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    pixels = read_radiograph(content).pixels
    np.testing.assert_allclose(pixels * 255, np.asarray(upright), atol=1e-4)


def segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def tags(count: int, size: int) -> bytes:
    """EXIF whose every tag is of the same bytes, which a reader copies for each."""
    entries = [struct.pack("<HHLL", 0xA000 + i, 7, size, 8) for i in range(count)]
    return b"II*\0" + struct.pack("<LH", 8, count) + b"".join(entries) + bytes(size)


WHOLE_JPEG, WHOLE_PNG = encode(solid("L", 51), "JPEG"), encode(solid("L", 51), "PNG")
TO_KEEP_BUSY = {
    "EXIF of PNG": WHOLE_PNG[:33] + chunk(b"eXIf", tags(4000, 1_000_000)) + WHOLE_PNG[33:],
    "EXIF of JPEG": WHOLE_JPEG[:2]
    + segment(0xE1, b"Exif\0\0" + tags(2000, 40_000)) * 300
    + WHOLE_JPEG[2:],
    "comments of JPEG": WHOLE_JPEG[:2] + segment(0xFE, b"") * 99_000 + WHOLE_JPEG[2:],
    "chunks of PNG": WHOLE_PNG[:33] + chunk(b"prVt", b"") * 99_000 + WHOLE_PNG[33:],
    "text of PNG": WHOLE_PNG[:33]
    + chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**6))) * 500
    + WHOLE_PNG[33:],
}


@pytest.mark.parametrize("content", TO_KEEP_BUSY.values(), ids=TO_KEEP_BUSY)
def test_what_is_told_about_a_picture_takes_no_time_and_no_memory(content: bytes) -> None:
    started = time.process_time()
    pixels = read_radiograph(content).pixels
    assert time.process_time() - started < 2
    tracemalloc.start()
    try:
        read_radiograph(content)
        assert tracemalloc.get_traced_memory()[1] < 3 * len(content) + 20_000_000
    finally:
        tracemalloc.stop()
    np.testing.assert_allclose(pixels, 0.2, atol=0.01)


GIF = encode(noise(), "GIF")
BEYOND_MEASURE = {
    "comments of GIF": (GIF[:-1] + b"\x21\xfe\x01a\0" * 400_000 + GIF[-1:], "in GIF format"),
    "EPS": (b"%!PS-Adobe-3.0 EPSF-3.0\n" + b"%%a: b\n" * 300_000, "in EPS format"),
    "comments of JPEG": (
        WHOLE_JPEG[:2] + segment(0xFE, b"") * 500_000 + WHOLE_JPEG[2:],
        "more than 100 scans",
    ),
    "chunks of PNG": (WHOLE_PNG[:33] + chunk(b"prVt", b"") * 500_000 + WHOLE_PNG[33:], "damaged"),
}


@pytest.mark.parametrize(("content", "why"), BEYOND_MEASURE.values(), ids=BEYOND_MEASURE)
def test_what_is_beyond_measure_is_refused_at_once(content: bytes, why: str) -> None:
    started = time.process_time()
    with pytest.raises(RadiographError, match=why):
        read_radiograph(content)
    assert time.process_time() - started < 2


def test_the_first_of_several_pictures_is_not_taken_for_one() -> None:
    """As phones write them: the second of two is behind the first."""
    content = encode(noise(), "MPO", save_all=True, append_images=[noise(100)])
    assert content.startswith(b"\xff\xd8")
    with pytest.raises(UnsupportedRadiograph, match="2 images in one file"):
        read_radiograph(content)
    single = encode(noise(), "MPO")
    assert read_radiograph(single).shape == (200, 200)
    # Ultra HDR: the second says only how bright the first can be shown.
    xmp = b'http://ns.adobe.com/xap/1.0/\0<rdf hdrgm:Version="1.0"/>'
    brighter = content[:2] + segment(0xE1, xmp) + content[2:]
    assert read_radiograph(brighter).shape == (200, 200)


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"RIFF\0\0\0\0WEBPVP8 ", "WebP"),
        (b"\0\0\0\x20ftypheic", "HEIC"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"BM", "BMP"),
    ],
)
def test_other_formats_are_named(start: bytes, name: str) -> None:
    with pytest.raises(UnsupportedRadiograph, match=f"in {name} format"):
        read_radiograph(start + bytes(100))


def test_content_decides_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "image.jpeg"
    path.write_bytes(encode(solid("L", 51), "PNG"))
    assert read_radiograph(path).name == "image.jpeg"


def test_pixels_cannot_be_changed() -> None:
    radiograph = read_radiograph(encode(solid("L", 51)))
    with pytest.raises(ValueError, match="read-only"):
        radiograph.pixels[0, 0] = 1


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"", UnreadableRadiograph, "image: the file is empty"),
        (b"no picture at all", UnreadableRadiograph, "image: this is not an image"),
        (encode(noise(), "JPEG")[:3000], UnreadableRadiograph, "image: .*damaged or cut off"),
        (encode(noise())[:3000], UnreadableRadiograph, "image: .*damaged or cut off"),
        (encode(noise(), "GIF"), UnsupportedRadiograph, "image: an image in GIF format"),
        (encode(noise(), "TIFF"), UnsupportedRadiograph, "image: an image in TIFF format"),
        (
            encode(solid("CMYK", (0, 0, 0, 0)), "JPEG"),
            UnsupportedRadiograph,
            "image: an image of mode CMYK",
        ),
        (
            encode(noise(), "PNG", save_all=True, append_images=[noise(100)]),
            UnsupportedRadiograph,
            "image: 2 images in one file",
        ),
        (
            encode(noise(), "MPO", save_all=True, append_images=[noise(100)]),
            UnsupportedRadiograph,
            "image: 2 images in one file",
        ),
        (
            encode(noise(), "TIFF", save_all=True, append_images=[noise(100)]),
            UnsupportedRadiograph,
            "image: an image in TIFF format",
        ),
        (bytes(128) + b"DICM" + bytes(99), UnreadableRadiograph, "image: this DICOM file"),
        (encode(noise(10)), UnsupportedRadiograph, "image: 10×10 pixels are too few"),
    ],
    ids=[
        "empty",
        "text",
        "cut JPEG",
        "cut PNG",
        "GIF",
        "TIFF",
        "CMYK",
        "animated",
        "two JPEGs",
        "pages",
        "DICOM",
        "tiny",
    ],
)
def test_refusals_name_the_file_and_the_reason(
    content: bytes, error: type[RadiographError], message: str
) -> None:
    with pytest.raises(error, match=message):
        read_radiograph(content, name="image")


def test_too_many_pixels_are_refused_before_decoding() -> None:
    # 64 million black pixels in about 60 kB.
    bomb = encode(Image.new("L", (8000, 8000)))
    assert MAX_PIXELS < 8000 * 8000
    assert len(bomb) < 200_000
    with pytest.raises(RadiographTooLarge, match="image: 8,000×8,000 pixels"):
        read_radiograph(bomb, name="image")


def test_pillows_own_limit_is_ours_too() -> None:
    bomb = encode(Image.new("1", (20_000, 20_000)))
    with pytest.raises(RadiographTooLarge, match="image: "):
        read_radiograph(bomb, name="image")


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(UnreadableRadiograph, match=r"none\.png: cannot be opened \(No such file"):
        read_radiograph(tmp_path / "none.png")
    with pytest.raises(UnreadableRadiograph, match=r"cannot be opened \(Is a directory"):
        read_radiograph(tmp_path)


@settings(max_examples=300, deadline=None)
@given(
    start=st.integers(0, 2000),
    junk=st.binary(max_size=40),
    kind=st.sampled_from(["PNG", "JPEG"]),
)
def test_no_damage_raises_anything_but_our_errors(start: int, junk: bytes, kind: str) -> None:
    content = bytearray(encode(noise(64), kind))
    content[start : start + len(junk)] = junk
    try:
        radiograph = read_radiograph(bytes(content))
    except RadiographError:
        return
    assert radiograph.pixels.min() >= 0
    assert radiograph.pixels.max() <= 1


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_our_errors(content: bytes) -> None:
    with pytest.raises(RadiographError):
        read_radiograph(content)
