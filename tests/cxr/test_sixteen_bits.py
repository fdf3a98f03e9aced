"""PNG files of 16 bits keep what their detector measured, also where it is stored as colour."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from cxr.errors import UnreadableRadiograph
from cxr.reading.radiograph import read_radiograph
from tests.cxr.pictures import SIDE, chunk, encode, solid


def test_sixteen_bits_are_kept_for_the_viewer_and_eight_are_not() -> None:
    levels = np.arange(SIDE * SIDE, dtype=np.uint16).reshape(SIDE, SIDE) * 40
    stored = read_radiograph(encode(Image.fromarray(levels))).stored
    assert stored
    np.testing.assert_array_equal(stored.levels, levels)
    assert (stored.black, stored.white, stored.window) == (0, 65_535, None)
    assert read_radiograph(encode(solid("L", 51))).stored is None


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


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_sixteen_bits_that_are_stored_as_colour_are_grey_levels(channels: int) -> None:
    """Some programs write no other PNG. Twelve bits in use were black with the upper eight."""
    levels = np.linspace(0, 4095, SIDE * SIDE).astype(np.uint16).reshape(SIDE, SIDE)
    grey = read_radiograph(encode(Image.fromarray(levels)))
    opaque = np.full_like(levels, 65_535)
    planes = {2: (levels, opaque), 3: 3 * (levels,), 4: (*3 * (levels,), opaque)}[channels]
    radiograph = read_radiograph(deep_png(np.stack(planes, axis=-1)))
    np.testing.assert_array_equal(radiograph.pixels, grey.pixels)
    assert radiograph.colour == 0
    assert radiograph.stored
    assert grey.stored
    np.testing.assert_array_equal(radiograph.stored.levels, grey.stored.levels)


def test_colours_of_sixteen_bits() -> None:
    red = np.zeros((SIDE, SIDE, 4), np.uint16)
    red[..., 0], red[..., 3] = 4095, 65_535
    radiograph = read_radiograph(deep_png(red))
    np.testing.assert_allclose(radiograph.pixels, 0.299, atol=1e-6)  # ITU-R BT.601
    assert radiograph.colour == pytest.approx(1)
    red[..., 3] = 0  # transparent is unexposed
    assert not read_radiograph(deep_png(red)).pixels.any()
    content = deep_png(red)
    with pytest.raises(UnreadableRadiograph):
        read_radiograph(content[: len(content) // 2])


def deep_png(values: np.ndarray) -> bytes:  # type: ignore[type-arg]
    """A PNG file of (H, W, C) values of 16 bits: grey and alpha, colour, or both."""
    height, width, channels = values.shape
    kind = {2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">2L5B", width, height, 16, kind, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in chunks)
