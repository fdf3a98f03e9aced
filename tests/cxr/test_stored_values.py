"""Stored DICOM values as a viewer is given them, and colours."""

from __future__ import annotations

import numpy as np
import pytest

from cxr.reading.radiograph import read_radiograph
from cxr.reading.stored_levels import WHITE
from tests.cxr.dicom_files import RAMP, SIDE, content, header, make


@pytest.mark.parametrize(
    ("photometric", "ends", "window"),
    [("MONOCHROME2", (0, 31), (8, 24)), ("MONOCHROME1", (31, 0), (24, 8))],
)
def test_a_viewer_is_given_the_files_own_values_and_window(
    photometric: str, ends: tuple[float, float], window: tuple[float, float]
) -> None:
    """And shows at first what is classified."""
    dataset = make()
    header(
        WindowCenter=16,
        WindowWidth=16,
        VOILUTFunction="LINEAR_EXACT",
        PhotometricInterpretation=photometric,
    )(dataset)
    radiograph = read_radiograph(content(dataset), name="image")
    stored = radiograph.stored
    assert stored
    assert (stored.black, stored.white) == ends
    assert stored.window == window
    values = stored.black + stored.levels[0] / WHITE * (stored.white - stored.black)
    np.testing.assert_allclose(values, np.arange(SIDE), atol=1e-3)
    shown = np.clip((values - window[0]) / (window[1] - window[0]), 0, 1)
    np.testing.assert_allclose(radiograph.pixels[0], shown, atol=1e-4)


def test_colours_of_more_than_8_bits() -> None:
    stored = np.zeros((SIDE, SIDE, 3), np.uint16)
    stored[..., 0] = 4095
    radiograph = read_radiograph(content(make(stored, bits=12)), name="image")
    np.testing.assert_allclose(radiograph.pixels, 0.299, atol=0.002)
    stored[..., 0] = 1024
    radiograph = read_radiograph(content(make(stored, bits=12)), name="image")
    np.testing.assert_allclose(radiograph.pixels, 0.299 / 4, atol=0.002)


def test_a_palette_gives_each_stored_value_its_colour() -> None:
    """Here the brightest to 0, in grey."""
    dataset = make(RAMP.astype(np.uint8), bits=8)
    falling = (255 - 8 * np.arange(SIDE)).astype(np.uint8)
    header(PhotometricInterpretation="PALETTE COLOR")(dataset)
    for colour in ("Red", "Green", "Blue"):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [SIDE, 0, 8])
        dataset[f"{colour}PaletteColorLookupTableDescriptor"].VR = "US"
        setattr(dataset, f"{colour}PaletteColorLookupTableData", falling.tobytes())
    pixels = read_radiograph(content(dataset), name="image").pixels
    np.testing.assert_allclose(pixels[0], falling / 255, atol=1e-5)
