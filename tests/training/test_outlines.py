"""Outlines from tables: masks and boxes, of the folder's images and of others."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from cxr.errors import DatasetError, UnreadableRadiograph
from cxr.preprocessing import Preprocessing
from training.data.dataset import read_folder
from training.data.outlines import (
    LUNGS,
    OPACITIES,
    outline_by_gate,
    read_extra,
    read_outlines,
)
from training.fitting.loading import OutlineTables, load_whole
from training.fitting.presets import baseline, tiny

SIZE = 16


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    mask = np.zeros((48, 48), np.uint8)
    mask[:, :24] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    return tmp_path


def write(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_masks_are_found_by_path_and_by_name(chest_images: Path, tables: Path) -> None:
    records, _ = read_folder(chest_images)
    first, second = records[0], records[1]
    table = write(
        tables,
        "lungs.csv",
        "image,lung_mask",
        f"{chest_images / first.path},mask.png",
        f"elsewhere/{Path(second.path).name},mask.png",
    )
    found = read_outlines([table], LUNGS, chest_images, records, SIZE)
    assert found.shape == (len(records), SIZE, SIZE)
    for row in (0, 1):
        np.testing.assert_array_equal(found[row][:, :8], 1)
        np.testing.assert_array_equal(found[row][:, 8:], 0)
    assert np.isnan(found[2:]).all()  # nothing is known of the others


def test_another_image_of_the_same_name_is_another_image(chest_images: Path, tables: Path) -> None:
    records, _ = read_folder(chest_images)
    name = Path(records[0].path).name
    (tables / "adults").mkdir()
    cv2.imwrite(str(tables / "adults" / name), np.full((48, 48), 99, np.uint8))
    (tables / "copy").mkdir()
    copy = tables / "copy" / Path(records[1].path).name
    copy.write_bytes((chest_images / records[1].path).read_bytes())
    lines = [f"adults/{name},mask.png", f"copy/{copy.name},mask.png"]
    table = write(tables, "lungs.csv", "image,lung_mask", *lines)
    found = read_outlines([table], LUNGS, chest_images, records, SIZE)
    assert np.isnan(found[0]).all()
    assert not np.isnan(found[1]).any()


def test_two_masks_of_an_image_from_outside_are_two_lungs_of_it(
    chest_images: Path, tables: Path
) -> None:
    records, _ = read_folder(chest_images)
    other = np.zeros((48, 48), np.uint8)
    other[:, 30:] = 255
    cv2.imwrite(str(tables / "other.png"), other)
    cv2.imwrite(str(tables / "adult.png"), np.full((48, 48), 99, np.uint8))
    lines = ["adult.png,mask.png,normal ", "adult.png,other.png,Normal"]
    table = write(tables, "lungs.csv", "image,lung_mask,label", *lines)
    # Another table has it, too.
    again = write(tables, "again.csv", "image,lung_mask", "adult.png,mask.png")
    found = read_extra([table, again], chest_images, records, Preprocessing(size=SIZE))
    assert found
    assert [record.label for record in found.records] == [0]
    assert found.lungs is not None
    assert found.lungs[0].mean() == pytest.approx(42 / 48, abs=0.01)


def test_images_of_any_split_and_of_its_patients_are_not_from_outside(
    chest_images: Path, tables: Path, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    shutil.copytree(chest_images, root)
    test = root / "test" / "NORMAL" / "NORMAL2-IM-0990-0001.jpeg"
    test.parent.mkdir(parents=True)
    cv2.imwrite(str(test), np.full((48, 48), 77, np.uint8))
    records, _ = read_folder(root)
    (tables / "copy.jpeg").write_bytes(test.read_bytes())
    same_patient = Path(records[0].path).name.replace("0001.jpeg", "0002.jpeg")
    cv2.imwrite(str(tables / same_patient), np.full((48, 48), 55, np.uint8))
    lines = ["copy.jpeg,mask.png", f"{same_patient},mask.png"]
    table = write(tables, "lungs.csv", "image,lung_mask", *lines)
    assert read_extra([table], root, records, Preprocessing(size=SIZE)) is None


def test_other_images_of_one_name_are_from_outside(
    chest_images: Path, tables: Path, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    shutil.copytree(chest_images, root)
    own = next((root / "train" / "NORMAL").iterdir())
    own.rename(own.with_name("1.jpeg"))
    records, _ = read_folder(root)
    for name, level in (("1.jpeg", 55), ("2.jpeg", 66)):
        cv2.imwrite(str(tables / name), np.full((48, 48), level, np.uint8))
    table = write(tables, "lungs.csv", "image,lung_mask", "1.jpeg,mask.png", "2.jpeg,mask.png")
    found = read_extra([table], root, records, Preprocessing(size=SIZE))
    assert found
    assert [record.path for record in found.records] == ["1.jpeg", "2.jpeg"]


def test_a_box_that_begins_before_the_image_is_cut_off_there(
    chest_images: Path, tables: Path
) -> None:
    records, _ = read_folder(chest_images)
    header = "image,x,y,width,height"
    image = chest_images / records[0].path
    table = write(tables, "boxes.csv", header, f"{image},-6,-6,30,30")
    found = read_outlines([table], OPACITIES, chest_images, records, SIZE)[0]
    np.testing.assert_array_equal(found[:8, :8], 1)
    assert found.sum() == 64


def test_lungs_of_one_class_alone_are_refused(chest_images: Path, tables: Path) -> None:
    """Nothing would be planted, and the network would not learn where evidence belongs."""
    records, _ = read_folder(chest_images)
    normal = next(record for record in records if record.label == 0)
    table = write(tables, "lungs.csv", "image,lung_mask", f"{chest_images / normal.path},mask.png")
    with pytest.raises(DatasetError, match=r"images of both classes.*leave out --lungs"):
        load_whole(tiny.CONFIG, chest_images, outlines=OutlineTables(lungs=(table,)))


def test_boxes_are_in_the_images_own_pixels(chest_images: Path, tables: Path) -> None:
    records, _ = read_folder(chest_images)  # of 48×48 pixels
    names = [Path(record.path).name for record in records]
    table = write(
        tables,
        "boxes.csv",
        "image,x,y,width,height",
        f"{names[0]},12,24,12,12",
        f"{names[0]},36,0,12,6",
        f"{names[1]},,,,",  # known to have none
    )
    found = read_outlines([table], OPACITIES, chest_images, records, SIZE)
    expected = np.zeros((SIZE, SIZE))
    expected[8:12, 4:8] = 1
    expected[0:2, 12:16] = 1
    np.testing.assert_array_equal(found[0], expected)
    np.testing.assert_array_equal(found[1], 0)
    assert np.isnan(found[2]).all()


@pytest.mark.parametrize(
    "box",
    [
        ",10,12,12",  # half filled in
        "10,10,-5,6",
        "0.3,0.4,0.2,0.2",  # not in pixels
        "-20,0,6,6",  # of another image
        "900,900,50,60",
        "10,10,inf,5",
    ],
)
def test_a_box_that_is_none_is_refused(chest_images: Path, tables: Path, box: str) -> None:
    """It would teach that the image shows no disease."""
    records, _ = read_folder(chest_images)
    name = Path(records[0].path).name
    lines = ["image,x,y,width,height", f"{name},12,24,12,12", f"{name},{box}"]
    table = write(tables, "boxes.csv", *lines)
    with pytest.raises(DatasetError, match=rf"boxes in pixels.*48 wide.*Received for {name}"):
        read_outlines([table], OPACITIES, chest_images, records, SIZE)


def test_a_table_that_outlines_few_lungs_is_said(
    chest_images: Path, tables: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records, _ = read_folder(chest_images)
    some = [next(record for record in records if record.label == label) for label in (0, 1)]
    lines = [f"{chest_images / record.path},mask.png" for record in some]
    table = write(tables, "lungs.csv", "image,lung_mask", *lines)
    load_whole(tiny.CONFIG, chest_images, outlines=OutlineTables(lungs=(table,)))
    assert "of few images (NORMAL 1 of 24, PNEUMONIA 1 of 24)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["picture,lung_mask", "a,b"], "expected the columns image and lung_mask"),
        (["image,lung_mask", "nowhere.png,mask.png"], "none of its images is among those of"),
    ],
)
def test_a_table_of_something_else_is_refused(
    chest_images: Path, tables: Path, lines: list[str], said: str
) -> None:
    records, _ = read_folder(chest_images)
    with pytest.raises(DatasetError, match=said):
        read_outlines([write(tables, "t.csv", *lines)], LUNGS, chest_images, records, SIZE)


def test_images_beyond_the_folder_come_along_and_copies_do_not(
    chest_images: Path, tables: Path
) -> None:
    records, _ = read_folder(chest_images)
    (tables / "copy.jpeg").write_bytes((chest_images / records[0].path).read_bytes())
    for name in ("adult.png", "ill.png"):
        noise = np.random.default_rng(len(name)).integers(0, 255, (48, 48)).astype(np.uint8)
        cv2.imwrite(str(tables / name), noise)
    table = write(
        tables,
        "adults.csv",
        "image,lung_mask,label",
        "copy.jpeg,mask.png,normal",
        "adult.png,mask.png,normal",
        "ill.png,mask.png,tuberculosis",
    )
    found = read_extra([table], chest_images, records, Preprocessing(size=SIZE))
    assert found is not None
    assert [record.path for record in found.records] == ["adult.png", "ill.png"]
    assert found.labels.tolist() == [0, 1]
    assert found.lungs is not None
    assert found.lungs[0, 0, 0] == 1


def test_a_damaged_image_beyond_the_folder_is_named_or_left_out(
    chest_images: Path, tables: Path
) -> None:
    records, _ = read_folder(chest_images)
    (tables / "damaged.png").write_bytes(b"no picture")
    cv2.imwrite(str(tables / "adult.png"), np.zeros((48, 48), np.uint8))
    rows = ("damaged.png,mask.png,normal", "adult.png,mask.png,normal")
    table = write(tables, "adults.csv", "image,lung_mask,label", *rows)
    size = Preprocessing(size=SIZE)
    with pytest.raises(UnreadableRadiograph, match=re.escape(str(tables / "damaged.png"))):
        read_extra([table], chest_images, records, size)
    found = read_extra([table], chest_images, records, size, skip_unreadable=True)
    assert found is not None
    assert [record.path for record in found.records] == ["adult.png"]


def test_images_that_a_fit_leaves_out_do_not_come_back_by_a_table(
    chest_images: Path, tables: Path
) -> None:
    records, _ = read_folder(chest_images)
    outside = tables / "NORMAL2-IM-0402-0001.png"  # of a patient of training/data/reserved.txt
    cv2.imwrite(str(outside), np.random.default_rng(1).integers(0, 255, (48, 48)).astype(np.uint8))
    table = write(
        tables,
        "lungs.csv",
        "image,lung_mask,label",
        f"{chest_images / records[0].path},mask.png,normal",
        f"{outside.name},mask.png,normal",
    )
    left = records[1:]  # the first image was left out of the fit
    assert read_extra([table], chest_images, left, Preprocessing(size=SIZE)) is None


def test_only_a_network_that_learns_them_has_outlines(chest_images: Path) -> None:
    published, _ = load_whole(baseline.CONFIG, chest_images)
    assert published.lungs is None
    outlined = outline_by_gate(published.images)
    assert outlined.shape == published.images.shape
    # The gate is in doubt of such images, and a network could not learn where evidence belongs.
    assert np.isnan(outlined).all()
    with pytest.raises(DatasetError, match=r"not outlined.*The gate, which outlines them"):
        load_whole(tiny.CONFIG, chest_images)


def test_outlines_are_part_of_what_a_run_is_of(chest_images: Path, tables: Path) -> None:
    records, _ = read_folder(chest_images)
    one_of_each = [next(r for r in records if r.label == label) for label in (0, 1)]
    lines = [f"{Path(record.path).name},mask.png" for record in one_of_each]
    table = write(tables, "lungs.csv", "image,lung_mask", *lines)
    drawn, _ = load_whole(tiny.CONFIG, chest_images, outlines=OutlineTables(lungs=(table,)))
    more = write(tables, "more.csv", "image,lung_mask", *lines, f"{records[1].path},mask.png")
    other, _ = load_whole(tiny.CONFIG, chest_images, outlines=OutlineTables(lungs=(more,)))
    assert drawn.outlines_sha256 != other.outlines_sha256
