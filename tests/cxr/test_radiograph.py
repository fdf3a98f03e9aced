"""Reading: known pixels in, known pixels out; anything else gets an error of ours."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cxr.errors import (
    RadiographError,
    RadiographTooLarge,
    UnreadableRadiograph,
    UnsupportedRadiograph,
)
from cxr.reading import radiograph as reading
from cxr.reading.radiograph import MAX_PIXELS, read_radiograph

SIDE = 40


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def solid(mode: str, colour: object) -> Image.Image:
    return Image.new(mode, (SIDE, SIDE), colour)  # type: ignore[arg-type]


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


def test_sixteen_bits_keep_their_steps() -> None:
    levels = np.arange(SIDE * SIDE, dtype=np.uint16).reshape(SIDE, SIDE)
    radiograph = read_radiograph(encode(Image.fromarray(levels)))
    white = 2 ** int(levels.max()).bit_length() - 1
    np.testing.assert_allclose(radiograph.pixels * white, levels, atol=0.01)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_sixteen_bits_that_are_not_all_used_are_not_shown_black(bits: int) -> None:
    """Detectors have 10 to 14 bits, and PNG files 16."""
    levels = np.linspace(0, 2**bits - 1, SIDE * SIDE).astype(np.uint16).reshape(SIDE, SIDE)
    radiograph = read_radiograph(encode(Image.fromarray(levels)))
    np.testing.assert_allclose(radiograph.pixels * (2**bits - 1), levels, atol=0.01)
    assert radiograph.stored is not None
    assert (radiograph.stored.black, radiograph.stored.white) == (0, 2**bits - 1)
    assert radiograph.stored.levels.max() == 65535


def test_colour_is_the_mean_over_all_pixels() -> None:
    image = np.full((SIDE, SIDE, 3), 100, np.uint8)
    image[: SIDE // 4] = (255, 0, 51)
    assert read_radiograph(encode(Image.fromarray(image))).colour == pytest.approx(0.25)


def test_sixteen_bits_are_kept_for_the_viewer_and_eight_are_not() -> None:
    levels = np.arange(SIDE * SIDE, dtype=np.uint16).reshape(SIDE, SIDE) * 40
    stored = read_radiograph(encode(Image.fromarray(levels))).stored
    assert stored
    np.testing.assert_array_equal(stored.levels, levels)
    assert (stored.black, stored.white, stored.window) == (0, 65_535, None)
    assert read_radiograph(encode(solid("L", 51))).stored is None


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


def test_exif_orientation_turns_the_image_upright() -> None:
    image = np.zeros((SIDE, 2 * SIDE), np.uint8)
    image[:, :SIDE] = 255  # bright on the left
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise: left becomes top
    radiograph = read_radiograph(encode(Image.fromarray(image), "JPEG", exif=exif))
    assert radiograph.shape == (2 * SIDE, SIDE)
    assert radiograph.pixels[:SIDE].mean() > 0.95
    assert radiograph.pixels[SIDE:].mean() < 0.05


def test_content_decides_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "image.jpeg"
    path.write_bytes(encode(solid("L", 51), "PNG"))
    assert read_radiograph(path).name == "image.jpeg"


def test_pixels_cannot_be_changed() -> None:
    radiograph = read_radiograph(encode(solid("L", 51)))
    with pytest.raises(ValueError, match="read-only"):
        radiograph.pixels[0, 0] = 1


def noise(side: int = 200) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (side, side), np.uint8))


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
