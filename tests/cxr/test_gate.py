"""The gate: what it accepts, what it refuses and why, and which warnings it gives."""

from __future__ import annotations

import copy
import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from cxr.cases import read_cases
from cxr.classifier import Classifier
from cxr.errors import NotAChestRadiograph, RadiographError, UnsupportedRadiograph
from cxr.gate.files import BUNDLED_GATE
from cxr.gate.gate import Gate
from cxr.gate.lungs import KINDS
from cxr.gate.result import Correction, GateResult
from cxr.gate.rules import Limits, Measurements, image_reasons
from cxr.model.bundle import Bundle
from cxr.model.graph import GRAPH
from cxr.reading.acquisition import Acquisition
from cxr.reading.radiograph import Radiograph, read_radiograph
from tests.conftest import ROOT

Image = npt.NDArray[np.float32]
EXAMPLES = [case.path for case in read_cases().radiographs]


@pytest.fixture(scope="module")
def gate() -> Gate:
    return Gate()


@pytest.fixture(scope="module")
def image() -> Radiograph:
    return read_radiograph(ROOT / "examples" / "first-look.jpeg")


def picture(pixels: Image, **values: object) -> Radiograph:
    return Radiograph(
        pixels=np.ascontiguousarray(pixels, dtype=np.float32),
        name="picture",
        **values,  # type: ignore[arg-type]
    )


def reasons(result: GateResult) -> set[str]:
    return {message.code for message in result.reasons}


def warnings(result: GateResult) -> set[str]:
    return {message.code for message in result.warnings}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_accepted(gate: Gate, path: Path) -> None:
    result = gate.check(read_radiograph(path))
    assert result.reasons == ()
    assert result.correction == Correction()
    assert result.lungs is not None
    assert 0.15 < result.lungs.area < 0.5


def circles() -> Image:
    drawing = np.zeros((300, 300), dtype=np.float32)
    for i in range(5):
        cv2.circle(drawing, (60 * i + 30, 150), 40, 0.2 + 0.15 * i, -1)
    return drawing


def text() -> Image:
    page = np.full((400, 300), 255, dtype=np.uint8)
    for line in range(12):
        cv2.putText(page, "no radiograph at all", (20, 30 * line + 30), 0, 0.9, 0, 2)
    return page.astype(np.float32) / 255


RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "pixels",
    [
        RNG.random((256, 256)),
        np.zeros((256, 256)),
        np.tile(np.linspace(0, 1, 256), (200, 1)),
        np.kron(np.indices((8, 8)).sum(0) % 2, np.ones((30, 30))),
        cv2.GaussianBlur(RNG.random((256, 256)), (0, 0), 12),
        circles(),
        text(),
    ],
    ids=["noise", "black", "slope", "chessboard", "clouds", "circles", "text"],
)
def test_an_image_of_something_else_is_refused(gate: Gate, pixels: Image) -> None:
    result = gate.check(picture(pixels))
    assert result.reasons
    assert result.lungs is None


def test_a_lung_mask_is_called_a_mask_and_no_ct_slice(gate: Gate, image: Radiograph) -> None:
    lungs = gate.check(image).lungs
    assert lungs
    mask = cv2.resize(lungs.mask.astype(np.float32), (224, 224), interpolation=cv2.INTER_NEAREST)
    for each in (mask, 1 - mask, mask / 2):
        found = reasons(gate.check(picture(each)))
        assert "few_levels" in found
        assert not [code for code in found if code.startswith("kind_")]


def test_a_piece_of_a_radiograph_is_refused_or_warned_about(gate: Gate, image: Radiograph) -> None:
    height, width = image.shape
    patches = [image.pixels[:80, :80], image.pixels[:, : width // 4], image.pixels[: height // 4]]
    for patch in patches:
        assert gate.check(picture(patch)).reasons
    lower = gate.check(picture(image.pixels[int(0.7 * height) :]))
    assert lower.reasons or not lower.in_range


def test_a_frontal_radiograph_that_is_not_certain_is_not_called_another_view(
    gate: Gate, image: Radiograph
) -> None:
    """As one that is cut off at its sides: the network gives it 85%, and calls it nothing else."""
    fields = gate.check(image).lungs
    assert fields
    measured = Measurements(
        kinds=np.array([0.85 if kind == "frontal" else 0.03 for kind in KINDS], np.float32),
        adult=0,
        lungs=fields,
        distance=0,
    )
    limits = Limits(frontal=0.9, area=0.05, distance=9, cut=1, tilt=20, adult=1)
    assert [reason.code for reason in image_reasons(measured, limits)] == ["kind_frontal"]


def test_the_tilt_is_that_of_the_radiograph_and_not_of_the_square_it_is_made(gate: Gate) -> None:
    upright = read_radiograph(ROOT / "examples" / "hila.jpeg")  # half as wide again as high
    height, width = upright.shape
    affine = cv2.getRotationMatrix2D((width / 2, height / 2), -20, 0.9)
    tilted = cv2.warpAffine(
        upright.pixels, affine, (width, height), borderMode=cv2.BORDER_REPLICATE
    )
    said = [
        each for each in gate.check(picture(np.asarray(tilted))).warnings if each.code == "tilted"
    ]
    assert said
    assert float(said[0].values["degrees"]) == pytest.approx(22, abs=3)  # it leans by 3 itself


def test_a_dim_radiograph_of_16_bits_is_no_drawing(gate: Gate, image: Radiograph) -> None:
    mask = (image.pixels > 0.5).astype(np.float32)
    dim = np.random.default_rng(0).random((200, 200), dtype=np.float32) * 300 / 65535
    assert "few_levels" in reasons(gate.check(picture(mask)))
    assert "few_levels" not in reasons(gate.check(picture(dim)))


def test_colour_is_a_reason_and_a_tint_a_warning(gate: Gate, image: Radiograph) -> None:
    assert reasons(gate.check(dataclasses.replace(image, colour=0.2))) == {"colour"}
    assert warnings(gate.check(dataclasses.replace(image, colour=0.03))) == {"tinted"}


@pytest.mark.parametrize(
    ("acquisition", "code"),
    [
        (Acquisition(modality="DX", lateral=True), "header_lateral"),
        (Acquisition(modality="DX", body_part="HIP"), "header_body_part"),
    ],
)
def test_the_header_is_a_reason_whatever_the_image_shows(
    gate: Gate, image: Radiograph, acquisition: Acquisition, code: str
) -> None:
    result = gate.check(dataclasses.replace(image, acquisition=acquisition))
    assert reasons(result) == {code}


@pytest.mark.parametrize(
    ("age", "codes"), [(0.5, {"infant"}), (3, set()), (45, {"age"}), (None, set())]
)
def test_the_age_in_the_header(
    gate: Gate, image: Radiograph, age: float | None, codes: set[str]
) -> None:
    acquisition = Acquisition(modality="DX", body_part="CHEST", age=age)
    assert warnings(gate.check(dataclasses.replace(image, acquisition=acquisition))) == codes


@pytest.mark.parametrize(
    ("turns", "inverted", "codes"),
    [
        (0, True, {"inverted"}),
        (2, False, {"upside_down"}),
        (1, False, {"on_its_side"}),
        (3, False, {"on_its_side"}),
        (2, True, {"inverted", "upside_down"}),
    ],
)
def test_a_turned_or_inverted_radiograph_is_corrected(
    gate: Gate, image: Radiograph, turns: int, inverted: bool, codes: set[str]
) -> None:
    pixels = np.rot90(1 - image.pixels if inverted else image.pixels, turns)
    result = gate.check(picture(pixels))
    assert result.reasons == ()
    assert warnings(result) == codes
    assert result.correction == Correction(turns=-turns % 4, inverted=inverted)
    upright = result.correction.apply(pixels)
    np.testing.assert_allclose(upright, image.pixels, atol=1e-6)
    np.testing.assert_array_equal(result.correction.undo(np.rot90(pixels, -turns)), pixels)


def test_a_turned_radiograph_is_answered_as_the_upright_one_but_on_its_own_grid(
    tiny_bundle: Bundle, image: Radiograph
) -> None:
    classifier = Classifier(tiny_bundle)
    upright = classifier.predict(image)
    turned = classifier.predict(picture(np.rot90(image.pixels)))
    assert turned.probability == pytest.approx(upright.probability, abs=1e-5)
    assert turned.heatmap.shape == image.shape[::-1]
    np.testing.assert_allclose(turned.heatmap, np.rot90(upright.heatmap), atol=1e-4)


def test_warnings_about_what_is_hard_to_read(gate: Gate, image: Radiograph) -> None:
    small = cv2.resize(image.pixels, (120, 100), interpolation=cv2.INTER_AREA)
    assert warnings(gate.check(picture(small))) == {"few_pixels"}
    faint = 0.5 + 0.1 * (image.pixels - 0.5)
    assert "low_contrast" in warnings(gate.check(picture(faint)))
    height, width = image.shape
    affine = cv2.getRotationMatrix2D((width / 2, height / 2), 25, 0.9)
    tilted = cv2.warpAffine(image.pixels, affine, (width, height), borderMode=cv2.BORDER_REPLICATE)
    result = gate.check(picture(np.asarray(tilted)))
    assert result.reasons == ()
    assert "tilted" in warnings(result)
    cut = image.pixels[:, int(0.2 * width) : int(0.8 * width)]
    result = gate.check(picture(cut))
    assert result.reasons or "lungs_cut_off" in warnings(result)


def test_a_refused_image_is_not_classified(tiny_bundle: Bundle) -> None:
    with pytest.raises(NotAChestRadiograph, match=r"^picture: ") as refusal:
        Classifier(tiny_bundle).predict(picture(RNG.random((256, 256))))
    assert refusal.value.gate_result.reasons
    again = copy.copy(refusal.value)  # as another process would get it
    assert (str(again), again.name) == (str(refusal.value), "picture")


def test_the_bundled_gate_is_small_and_its_figures_are_good(gate: Gate) -> None:
    figures = gate.saved.evaluation
    assert (BUNDLED_GATE / GRAPH).stat().st_size < 2e6
    for group, most, dice in (("children", 0.005, 0.93), ("adults", 0.05, 0.95)):
        assert figures["dice"][group]["mean"] >= dice
        row = figures["refused"][group]
        assert row["refused"] <= most * row["images"]


# --- Real files -----------------------------------------------------------------------------------


def classify(files: list[Path]) -> dict[str, dict[str, object]]:
    """Lines of the command line, by the file's name."""
    command = [sys.executable, "-m", "cxr", "classify", *map(str, files), "--json"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert run.returncode in (0, 1), run.stderr
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    return {Path(line["file"]).name: line for line in lines}


CHEST_IMAGES = {
    "chest_CR-MONO1-10.dcm",
    "chest_RSNA_16d7f894.dcm",
    "nhsx_463169821050252582267888.dcm",
}
# Files that cannot be read at all.
ERRORS = {"sk_truncated.jpg"}


@pytest.mark.slow
def test_every_dicom_file_gets_its_line(data: Path) -> None:
    lines = classify(sorted((data / "dicom" / "files").iterdir()))
    assert len(lines) == 15
    for name, line in lines.items():
        expected = "ok" if name in CHEST_IMAGES else "refused"
        assert line["status"] == expected, (name, line["reasons"])
        assert bool(line["reasons"]) == (expected == "refused")
    # All three are adults; one of them only the image tells, for its header has no age.
    for name in CHEST_IMAGES:
        said = " ".join(lines[name]["warnings"])  # type: ignore[arg-type]
        assert "the model was trained on children" in said, name


@pytest.mark.slow
def test_every_image_of_something_else_is_refused(data: Path) -> None:
    lines = classify(sorted((data / "not_chest_radiographs" / "images").iterdir()))
    assert len(lines) == 48
    for name, line in lines.items():
        assert line["status"] == ("error" if name in ERRORS else "refused"), name
        assert line["probability"] is None
        assert line["reasons"]


@pytest.mark.slow
def test_childrens_radiographs_are_accepted(data: Path, gate: Gate) -> None:
    """A sample of the training split; `training fit-gate` has cross-validated on all of it."""
    images = sorted((data / "chest_xray" / "train").rglob("*.jpeg"))[::20]
    results = [gate.check(read_radiograph(path)) for path in images]
    assert len(results) > 250
    assert sum(bool(result.reasons) for result in results) <= 1
    assert sum(result.correction != Correction() for result in results) == 0
    assert np.mean([bool(result.warnings) for result in results]) < 0.1


@pytest.mark.slow
def test_real_radiographs_that_lie_wrong_are_corrected_or_refused(data: Path, gate: Gate) -> None:
    images = sorted((data / "originals").rglob("*.jpeg"))[::8]
    for path in images:
        radiograph = read_radiograph(path)
        for turns, inverted in ((0, True), (2, False), (1, False)):
            pixels = np.rot90(1 - radiograph.pixels if inverted else radiograph.pixels, turns)
            result = gate.check(picture(pixels))
            # It is corrected or refused, and never taken as it is.
            assert result.correction != Correction() or result.reasons, path.name
            if not result.reasons:
                assert result.correction == Correction(turns=-turns % 4, inverted=inverted)


def test_files_that_are_not_read_here_say_why(data: Path) -> None:
    with pytest.raises(UnsupportedRadiograph, match="TIFF"):
        read_radiograph(data / "not_chest_radiographs" / "images" / "sk_multipage.tif")
    with pytest.raises(RadiographError):
        read_radiograph(data / "not_chest_radiographs" / "images" / "sk_truncated.jpg")
