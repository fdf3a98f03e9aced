"""The picture of a heatmap: where it is coloured, how strongly, and what stands below it."""

from __future__ import annotations

import io
import time

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from cxr.language import LANGUAGES, Language
from cxr.output.output_folder import stem_of
from cxr.output.overlay import colour_table, draw_overlay, png, shrink, with_caption
from cxr.reading.radiograph import Radiograph

GREY = Radiograph(pixels=np.full((600, 8), 0.2, np.float32), name="grey")  # 51 of 255


def overlay_of(*heat: tuple[int, int, float], opacity: float = 0.6) -> np.ndarray:
    """The grey picture with heat (row, column, value)."""
    heatmap = np.zeros(GREY.shape, np.float32)
    for row, column, value in heat:
        heatmap[row, column] = value
    return draw_overlay(GREY, heatmap, opacity=opacity)


def test_colours_rise_from_purple_to_yellow() -> None:
    plasma = mpl.colormaps["plasma"](np.rint(np.linspace(40, 235, 256)).astype(int), bytes=True)
    np.testing.assert_allclose(colour_table().astype(int), plasma[:, :3].astype(int), atol=2)


def test_heat_is_coloured_where_it_is_and_nothing_else_is_touched() -> None:
    overlay = overlay_of((3, 1, 1.0), (300, 2, 0.5), (599, 7, 0.25), (300, 5, 0.1))
    assert overlay.shape == (600, 8, 3)
    coloured = np.argwhere((overlay != 51).any(axis=2)).tolist()
    assert coloured == [[3, 1], [300, 2], [599, 7]]  # a tenth is not shown
    for row, column, value in ((3, 1, 255), (300, 2, 128), (599, 7, 64)):
        expected = 0.4 * 51 + 0.6 * colour_table()[value]
        np.testing.assert_allclose(overlay[row, column], expected, atol=1)


@pytest.mark.parametrize("opacity", [0.0, 0.3, 1.0])
def test_heat_is_as_opaque_as_asked_and_half_so_where_it_is_faint(opacity: float) -> None:
    strong, faint = overlay_of((0, 0, 1.0), (0, 1, 0.175), opacity=opacity)[0, :2]
    table = colour_table()
    np.testing.assert_allclose(strong, (1 - opacity) * 51 + opacity * table[255], atol=1)
    np.testing.assert_allclose(faint, (1 - opacity / 2) * 51 + opacity / 2 * table[45], atol=1)


def test_a_picture_file_has_the_colours_of_the_picture() -> None:
    picture = np.zeros((4, 6, 3), np.uint8)
    picture[..., 0], picture[1, 2] = 255, (10, 20, 30)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png(picture)))), picture)


@pytest.mark.parametrize("width", [60, 480, 800])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_picture_stays_and_notice_and_scale_stand_below_it(
    width: int, language: Language
) -> None:
    picture = np.full((100, width, 3), 51, np.uint8)
    captioned = with_caption(picture, model="tiny 1", worth="weak", language=language)
    assert captioned.shape[1] == max(480, width)  # nobody could read what is narrower
    np.testing.assert_array_equal(captioned[:100, :width], picture)
    strip = captioned[100:]
    notice = strip[..., 0] > 3 * strip[..., 2] + 60
    assert notice[: len(strip) // 2].any()  # orange, on the first line
    assert not strip[:, -3:].any()  # no word is cut off
    (row,) = {
        int(np.argmax((strip == colour_table()[i]).all(axis=2).any(axis=1))) for i in (0, 255)
    }
    ends = [int(np.argmax((strip[row] == colour_table()[i]).all(axis=1))) for i in (0, 255)]
    assert ends[0] < ends[1]  # from no evidence to the strongest


def test_a_heatmap_that_is_left_out_has_no_scale() -> None:
    picture = np.full((100, 800, 3), 51, np.uint8)
    strip = with_caption(picture, model="tiny 1", worth="not_supported", withheld=True)[100:]
    purple, yellow = (np.ptp(strip[..., :2].astype(int), axis=2) > 60), strip[..., 2] > 200
    assert not purple[len(strip) // 2 :].any()
    assert yellow[len(strip) // 2 :].any()  # the words, in grey


def test_the_caption_of_a_wide_picture_takes_no_time() -> None:
    started = time.monotonic()
    captioned = with_caption(np.zeros((8, 12_000, 3), np.uint8), model="tiny 1", worth="weak")
    assert time.monotonic() - started < 1
    assert len(captioned) < 500


def test_a_picture_is_shrunk_to_its_longer_side_and_never_enlarged() -> None:
    chessboard = np.indices((100, 300)).sum(axis=0).astype(np.float32) % 2
    shrunk = shrink(chessboard, 150)
    assert shrunk.shape == (50, 150)
    np.testing.assert_allclose(shrunk, 0.5)
    assert shrink(chessboard.T, 150).shape == (150, 50)
    assert shrink(chessboard, 300) is chessboard
    assert shrink(np.zeros((2, 1000), np.uint8), 100).shape == (1, 100)


@pytest.mark.parametrize(
    ("file", "stem"),
    [
        ("folder/image.JPEG", "image"),
        ("1.2.840.113619.2.55.3.101", "1.2.840.113619.2.55.3.101"),
        ("1.2.840.dcm", "1.2.840"),
        (".png", ".png"),
        ("scan.ima", "scan"),
    ],
)
def test_results_are_called_as_their_radiograph_without_its_ending(file: str, stem: str) -> None:
    assert stem_of(file) == stem
