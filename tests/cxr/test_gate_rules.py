"""The gate's rules on measurements that are known, without the network."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cxr.gate.lungs import KINDS, LungFields
from cxr.gate.result import Correction
from cxr.gate.rules import (
    KnownFeatures,
    Limits,
    Measurements,
    answer_warnings,
    file_reasons,
    image_reasons,
)
from cxr.messages import Message
from cxr.reading.acquisition import Acquisition
from cxr.reading.radiograph import Radiograph

LIMITS = Limits(frontal=0.875, area=0.125, distance=9, cut=0.5, tilt=20, adult=0.5)
LUNGS = LungFields(
    mask=np.zeros((8, 8), dtype=bool), areas=(0.15, 0.12), cut=0.0, tilt=0.0, uncertainty=0.0
)
FRONTAL = Measurements(
    kinds=np.array([0.95 if kind == "frontal" else 0.01 for kind in KINDS], np.float32),
    adult=0.0,
    lungs=LUNGS,
    distance=1.0,
)
UPRIGHT = Correction()


def kinds(**probabilities: float) -> np.ndarray:
    return np.array([probabilities.get(kind, 0.0) for kind in KINDS], np.float32)


def grey(height: int = 300, width: int = 300, **values: object) -> Radiograph:
    """Every grey level from 0.1 to 0.9, of which none is black or white."""
    pixels = np.tile(np.linspace(0.1, 0.9, width, dtype=np.float32), (height, 1))
    return Radiograph(pixels=pixels, name="grey", **values)  # type: ignore[arg-type]


def reasons(**changes: object) -> list[str]:
    measured = dataclasses.replace(FRONTAL, **changes)  # type: ignore[arg-type]
    return [reason.code for reason in image_reasons(measured, LIMITS)]


def warnings(
    radiograph: Radiograph, correction: Correction = UPRIGHT, **changes: object
) -> list[Message]:
    measured = dataclasses.replace(FRONTAL, **changes)  # type: ignore[arg-type]
    return answer_warnings(radiograph, measured, correction, LIMITS)


def codes(found: list[Message]) -> list[str]:
    return [message.code for message in found]


def lungs(**changes: object) -> LungFields:
    return dataclasses.replace(LUNGS, **changes)  # type: ignore[arg-type]


def test_a_radiograph_at_every_limit_is_accepted_without_a_warning() -> None:
    at_limits = lungs(areas=(0.0625, 0.0625), cut=0.5)
    measured = {"kinds": kinds(frontal=0.875), "distance": 9, "lungs": at_limits, "adult": 0.5}
    assert reasons(**measured) == []
    assert warnings(grey(), **measured) == []


def test_each_measurement_beyond_its_limit_is_a_reason() -> None:
    assert reasons(distance=9.1) == ["unlike_all"]
    assert reasons(lungs=lungs(areas=(0.06, 0.06))) == ["no_lungs"]
    assert reasons(kinds=kinds(lateral=0.9)) == ["kind_lateral"]


def test_what_has_no_lungs_is_not_called_a_radiograph_that_is_turned() -> None:
    seen = kinds(turned=0.6, bones=0.3)
    assert reasons(kinds=seen) == ["kind_turned"]
    assert reasons(kinds=seen, lungs=lungs(areas=(0.01, 0.0))) == ["kind_bones", "no_lungs"]


def test_an_unknown_body_part_is_no_reason() -> None:
    for part, found in (("HIP", ["header_body_part"]), ("CHEST", []), ("THORAX PA", [])):
        radiograph = grey(acquisition=Acquisition(body_part=part))
        assert codes(file_reasons(radiograph)) == found


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_a_middle_without_detail_is_warned_about_and_a_border_is_not(level: float) -> None:
    radiograph = grey()
    pixels = radiograph.pixels.copy()
    pixels[60:240, 60:240] = level
    assert codes(warnings(dataclasses.replace(radiograph, pixels=pixels))) == ["clipped"]
    border = np.full_like(pixels, level)
    border[50:250, 50:250] = radiograph.pixels[50:250, 50:250]  # less than half of the image
    assert codes(warnings(dataclasses.replace(radiograph, pixels=border))) == []


def test_a_few_black_and_white_pixels_make_no_contrast() -> None:
    pixels = np.full((300, 300), 0.5, np.float32)
    pixels[:3], pixels[-3:] = 0, 1  # as letters have them
    radiograph = Radiograph(pixels=pixels, name="faint")
    assert codes(warnings(radiograph)) == ["low_contrast"]


@pytest.mark.parametrize(
    ("shape", "refused"), [((600, 100), False), ((601, 100), True), ((100, 601), True)]
)
def test_a_strip_is_no_chest_radiograph(shape: tuple[int, int], refused: bool) -> None:
    """The network sees every image as a square, and would find lungs in it."""
    strip = Radiograph(pixels=np.zeros(shape, np.float32), name="strip.png")
    assert [reason.code for reason in file_reasons(strip)] == ["stretched"] * refused


def test_the_shorter_side_decides_whether_there_are_enough_pixels() -> None:
    assert warnings(grey(149, 600)) == [Message("few_pixels", {"width": 600, "height": 149})]
    assert warnings(grey(150, 600)) == []


@pytest.mark.parametrize(
    ("age", "adult", "expected"),
    [
        (0.99, 0.0, ["infant"]),
        (1.0, 0.0, []),  # a first birthday
        (5.99, 0.0, []),
        (6.0, 0.0, ["age"]),
        (3.0, 0.9, []),  # the header knows better than the image
        (None, 0.9, ["adult"]),
        (None, 0.5, []),
    ],
)
def test_the_age_by_the_header_comes_before_that_by_the_image(
    age: float | None, adult: float, expected: list[str]
) -> None:
    assert codes(warnings(grey(acquisition=Acquisition(age=age)), adult=adult)) == expected


@pytest.mark.parametrize(
    ("view", "expected"), [("PA", ["posterior_anterior"]), ("AP", []), (None, [])]
)
def test_another_view_than_those_learned_is_said(view: str | None, expected: list[str]) -> None:
    assert codes(warnings(grey(acquisition=Acquisition(view=view)))) == expected


@pytest.mark.parametrize(
    ("tilt", "correction", "degrees"),
    [
        (19.0, UPRIGHT, None),
        (30.0, UPRIGHT, "16"),  # of a radiograph twice as wide as high; the limit is of squares
        (50.0, UPRIGHT, "31"),
        (-50.0, UPRIGHT, "31"),
        (30.0, Correction(turns=1), "49"),  # which is twice as high as wide once it is upright
        (30.0, Correction(turns=2), "16"),
    ],
)
def test_the_tilt_is_that_of_the_upright_radiograph(
    tilt: float, correction: Correction, degrees: str | None
) -> None:
    found = warnings(grey(300, 600), correction, lungs=lungs(tilt=tilt))
    said = [message.values["degrees"] for message in found if message.code == "tilted"]
    assert said == ([] if degrees is None else [degrees])


def test_a_second_field_too_small_to_have_a_position_gives_no_tilt() -> None:
    assert warnings(grey(), lungs=lungs(tilt=40.0, areas=(0.2, 0.03))) == []


def test_lungs_cut_off_are_warned_about() -> None:
    assert codes(warnings(grey(), lungs=lungs(cut=0.51))) == ["lungs_cut_off"]


def test_the_distance_is_in_standard_deviations() -> None:
    known = KnownFeatures(
        mean=np.array([1, 2], np.float32), precision=np.diag([4.0, 1.0]).astype(np.float32)
    )
    # 1.5 is three deviations of the first feature; four are added of the second.
    embeddings = np.array([[1, 2], [2.5, 2], [2.5, 6]], np.float32)
    np.testing.assert_allclose(known.distances(embeddings), [0, 3, 5])
