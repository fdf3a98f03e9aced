"""A gate is made from images on disk, at tiny size, and is then read like any other."""

from __future__ import annotations

import dataclasses
import shutil
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cxr.errors import BundleError, DatasetError, RunError, UnreadableRadiograph
from cxr.gate.gate import Gate
from cxr.gate.lungs import KINDS, LungFields, LungNetworkConfig
from cxr.gate.rules import Limits, Measurements, image_reasons
from cxr.reading.radiograph import read_radiograph
from training.data.masks import read_mask
from training.data.reserved import reserved_patients
from training.fitting.augmentation import augment, augment_with_masks
from training.fitting.presets import default
from training.gate.batches import LungBatches, LungData
from training.gate.data import kind_folds, load_gate_images
from training.gate.make import GatePlan, make_gate
from training.gate.scores import choose_limits, evaluate, is_refused

SIDE = 32
TINY = GatePlan(
    network=LungNetworkConfig(size=SIDE, widths=(2,)), folds=2, epochs=(1, 1), batches=3
)
OTHERS = ["ct_1.png", "ct_2.png", "lateral_1.png", "lateral_2.png", "photo_1.png", "hand_1.png"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, chest_images: Path) -> Path:
    root = tmp_path_factory.mktemp("gate")
    write_images(root, chest_images)
    return root


def write_images(root: Path, chest_images: Path) -> None:
    """Adults and children with masks of their lungs, and other images, one of them broken."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(6):
        mask = np.zeros((SIDE, SIDE), np.uint8)
        mask[8:24, 4:12] = mask[8:24, 20:28] = 255
        image = np.where(mask, 60, 180).astype(np.uint8) + rng.integers(0, 20, mask.shape, np.uint8)
        cv2.imwrite(str(root / f"image_{i}.png"), image)
        cv2.imwrite(str(root / f"mask_{i}.png"), mask)
        rows.append({"image": f"image_{i}.png", "lung_mask": f"mask_{i}.png"})
    pd.DataFrame(rows).to_csv(root / "lungs.csv", index=False)
    # Of two of the children, too; their images are found by their names, which are unique.
    children = [path for path in sorted(chest_images.rglob("train/*/*")) if path.is_file()][:2]
    rows = [{"image": path.name, "lung_mask": "mask_0.png"} for path in children]
    pd.DataFrame(rows).to_csv(root / "children.csv", index=False)
    for name in OTHERS:
        cv2.imwrite(str(root / name), rng.integers(0, 255, (SIDE, SIDE), np.uint8))
    (root / "broken.png").write_bytes(b"no picture")
    pd.DataFrame({"path": [*OTHERS, "broken.png"]}).to_csv(root / "others.csv", index=False)


def test_a_gate_is_made_measured_and_read(
    chest_images: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lungs = [folder / "lungs.csv", folder / "children.csv"]
    arguments = (chest_images, lungs, folder / "others.csv", tmp_path, TINY)
    made = make_gate(*arguments)
    scores = pd.read_csv(tmp_path / "pictures.csv")
    # Every image once as it is; the broken one is left out.
    as_they_are = scores[~scores["corrected"]]
    assert as_they_are["name"].is_unique
    assert dict(as_they_are["group"].value_counts()) == {"children": 48, "adults": 6, "others": 6}
    # What should be refused is tried in the seven other orientations, as the gate does.
    assert dict(scores[scores["corrected"]]["name"].value_counts()) == dict.fromkeys(OTHERS, 7)
    assert set(scores["fold"]) == {1, 2}
    assert dict(scores.dropna(subset="dice")["group"].value_counts()) == {
        "adults": 6,
        "children": 2,
    }
    assert scores["dice"].dropna().between(0, 1).all()
    assert {group: row["images"] for group, row in made.evaluation["dice"].items()} == {
        "adults": 6,
        "children": 2,
    }
    assert {name: row["images"] for name, row in made.evaluation["refused"].items()} == {
        "children": 48,
        "adults": 6,
        "ct": 2,
        "lateral": 2,
        "other": 1,
        "bones": 1,
    }
    for name in ("gate.json", "outlines.png"):
        assert (tmp_path / name).stat().st_size
    gate = Gate(tmp_path / "gate")
    assert gate.saved.limits == made.limits
    assert gate.sha256 == made.sha256
    gate.check(read_radiograph(folder / "image_0.png"))  # it answers
    # Again, and with the names of fields that earlier versions wrote: nothing is fitted anew.
    config = tmp_path / "config.json"
    earlier = config.read_text().replace("images_sha256", "films_sha256")
    config.write_text(earlier.replace("names_sha256", "pictures_sha256"))
    capsys.readouterr()
    assert make_gate(*arguments).evaluation == made.evaluation
    assert "Epoch" not in capsys.readouterr().out
    other = dataclasses.replace(TINY, seed=2)
    with pytest.raises(RunError, match="another plan"):
        make_gate(*arguments[:-1], other)
    adult = folder / "image_0.png"
    before = adult.read_bytes()
    cv2.imwrite(str(adult), np.zeros((SIDE, SIDE), np.uint8))
    with pytest.raises(RunError, match="of other images"):
        make_gate(*arguments)
    adult.write_bytes(before)
    # The weights of the last network are checked when they are read again.
    (tmp_path / "lungs.weights.h5").write_bytes((made.folder / "features.npz").read_bytes())
    with pytest.raises(BundleError, match=r"lungs\.weights\.h5: does not fit .* config\.json"):
        make_gate(*arguments)


def test_kinds_come_from_a_column_or_from_names(chest_images: Path, folder: Path) -> None:
    lungs = [folder / "lungs.csv"]
    images = load_gate_images(chest_images, lungs, folder / "others.csv", size=SIDE)
    assert np.isnan(images.child_masks).all()
    assert images.other_kinds == ["ct", "ct", "lateral", "lateral", "other", "bones"]
    table = pd.DataFrame({"path": OTHERS, "kind": ["other"] * 5 + ["cat"]})
    table.to_csv(folder / "odd.csv", index=False)
    with pytest.raises(DatasetError, match="Received: 'cat'"):
        load_gate_images(chest_images, lungs, folder / "odd.csv", size=SIDE)
    with pytest.raises(DatasetError, match="expected images of adults, too"):
        load_gate_images(chest_images, [folder / "children.csv"], folder / "others.csv", size=SIDE)
    pd.DataFrame({"path": ["photo_1.png", ""], "kind": "other"}).to_csv(folder / "gap.csv")
    with pytest.raises(DatasetError, match="a row has no path"):
        load_gate_images(chest_images, lungs, folder / "gap.csv", size=SIDE)


def test_a_gate_does_not_learn_from_patients_who_are_reserved(
    chest_images: Path, folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(chest_images, tmp_path / "data")
    patient = min(name for name in reserved_patients() if name.startswith("person"))
    for number, path in enumerate(sorted((tmp_path / "data/train/PNEUMONIA").iterdir())[:3]):
        path.rename(path.with_name(f"{patient}_virus_{number}.jpeg"))
    images = load_gate_images(
        tmp_path / "data", [folder / "lungs.csv"], folder / "others.csv", size=SIDE
    )
    assert len(images.records) == 45
    assert patient not in {record.patient for record in images.records}


def test_each_kind_is_spread_over_the_folds() -> None:
    kinds = ["ct"] * 8 + ["lateral"] * 4 + ["other"] * 2
    folds = kind_folds(kinds, folds=4, seed=0)  # type: ignore[arg-type]
    assert sorted(folds[:8]) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert sorted(folds[8:12]) == [0, 1, 2, 3]
    assert len(set(folds[12:])) == 2
    # With fewer images of each kind than folds, no fold is empty.
    few = kind_folds(["ct"] * 3 + ["lateral"] * 3 + ["bones"] * 3, folds=4, seed=0)  # type: ignore[arg-type]
    assert set(few) == {0, 1, 2, 3}


def data(*, child_masks: bool) -> LungData:
    images = np.random.default_rng(0).random((8, SIDE, SIDE)).astype(np.float16)
    masks = np.zeros_like(images)
    masks[:, 8:24, 4:28] = 1
    partly_known = masks.copy()
    partly_known[:: 2 if child_masks else 1] = np.nan
    return LungData(
        adults=images,
        adult_masks=masks,
        children=images,
        child_masks=partly_known,
        others=images,
        other_kinds=["ct", "lateral", "bones", "other"] * 2,
    )


@pytest.mark.parametrize("child_masks", [False, True])
def test_batches(child_masks: bool) -> None:
    batches = LungBatches(data(child_masks=child_masks), batches=4, batch_size=64, seed=1)
    images, targets, weights = batches[0]
    assert images.shape == targets["lungs"].shape == (64, SIDE, SIDE, 1)
    for values in (images, *targets.values(), *weights.values()):
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
    kinds = targets["kind"][:, 0].astype(int)
    names = np.array(KINDS)[kinds]
    assert {"frontal", "turned"} < set(names)
    # Lungs are learned where they are known; other images have none.
    learned = weights["lungs"] > 0
    assert not learned[names == "turned"].any()
    others = ~np.isin(names, ["frontal", "turned"])
    assert learned[others].all()
    assert not targets["lungs"][others].any()
    frontal_children = (names == "frontal") & (targets["adult"][:, 0] == 0)
    assert learned[frontal_children].any() == child_masks
    assert not weights["adult"][others].any()
    # An equal seed gives equal batches; the next epoch has different ones.
    again = LungBatches(data(child_masks=child_masks), batches=4, batch_size=64, seed=1)
    np.testing.assert_array_equal(again[0][0], images)
    again.on_epoch_end()
    assert (again[0][0] != images).any()


def test_a_mask_moves_with_its_image() -> None:
    image = np.zeros((64, 64), dtype=np.float32)
    image[20:44, 12:30] = 1
    config = dataclasses.replace(
        default.CONFIG.augmentation,
        gamma=0,
        contrast=0,
        brightness=0,
        local_contrast=0,
        blur=0,
        noise=0,
        erase=0,
    )
    for seed in range(5):
        moved, (mask,), _ = augment_with_masks(image, [image], config, np.random.default_rng(seed))
        np.testing.assert_allclose(moved, mask, atol=0.02)
        alone = augment(image, config, np.random.default_rng(seed))
        np.testing.assert_array_equal(moved, alone)


def test_a_mask_is_read_at_another_size(folder: Path) -> None:
    mask = read_mask(folder / "mask_0.png", SIDE // 2)
    assert mask.dtype == np.float32
    np.testing.assert_array_equal(np.unique(mask), [0, 1])
    np.testing.assert_array_equal(mask[4:12, 2:6], 1)
    assert mask.sum() == 2 * 8 * 4
    with pytest.raises(UnreadableRadiograph, match=r"broken\.png: cannot be read as a mask"):
        read_mask(folder / "broken.png", SIDE)


def test_a_mask_is_upright_as_its_image_is(tmp_path: Path) -> None:
    picture = np.zeros((8, 8), np.uint8)
    picture[:2] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # its top is at the right
    Image.fromarray(picture).save(tmp_path / "mask.png", exif=exif)
    mask = read_mask(tmp_path / "mask.png", 8)
    np.testing.assert_array_equal(mask[:, 6:], 1)
    assert mask.sum() == 16


@pytest.mark.parametrize(
    "faintest",
    [
        np.uint8(1),
        np.uint16(1),
        np.array([1, 0, 0], np.uint8),
        np.array([0, 0, 1], np.uint16),
        np.array([0, 1, 0, 255], np.uint8),
    ],
    ids=["8 bits", "16 bits", "colour", "colour of 16 bits", "colour and transparent"],
)
def test_a_mask_is_what_is_not_black(tmp_path: Path, faintest: np.ndarray) -> None:
    picture = np.zeros((8, 8, *faintest.shape), faintest.dtype)
    if faintest.shape == (4,):
        picture[..., 3] = 255
    picture[2:4, 2:6] = faintest
    path = tmp_path / "é.png"
    cv2.imencode(".png", picture)[1].tofile(path)
    mask = read_mask(path, 8)
    np.testing.assert_array_equal(mask[2:4, 2:6], 1)
    assert mask.sum() == 8


def test_a_table_is_refused_by_the_rules_of_the_gate() -> None:
    limits = Limits(frontal=0.5, area=0.5, distance=0.5, cut=1, tilt=1, adult=1)
    measures = ["frontal", "area", "distance"]
    levels = (0.25, 0.5, 0.75)  # below each limit, at it, above
    scores = pd.DataFrame(product(levels, repeat=3), columns=measures)
    scores["corrected"] = False
    lungs = LungFields(mask=np.zeros((1, 1), bool), areas=(0, 0), cut=0, tilt=0, uncertainty=0)
    one_by_one = []
    for row in scores.to_dict("records"):
        kinds = np.full(len(KINDS), 0.0, np.float32)
        kinds[KINDS.index("frontal")] = row["frontal"]
        fields = dataclasses.replace(lungs, areas=(row["area"], 0.0))
        measured = Measurements(kinds=kinds, adult=0, lungs=fields, distance=row["distance"])
        one_by_one.append(bool(image_reasons(measured, limits)))
    assert is_refused(scores, limits).tolist() == one_by_one


def test_one_child_in_a_hundred_is_called_an_adult_whatever_adults_look_like() -> None:
    children = pd.DataFrame({"group": "children", "adult": np.linspace(0, 1, 1001)})
    adults = pd.DataFrame({"group": "adults", "adult": np.linspace(0.2, 0.4, 100)})
    scores = pd.concat([children, adults], ignore_index=True)
    scores = scores.assign(frontal=1.0, area=0.2, distance=1.0, cut=0.0, tilt=0.0)
    assert choose_limits(scores).adult == pytest.approx(0.99)


def test_a_corrected_image_gets_no_allowance() -> None:
    limits = Limits(frontal=0.5, area=0.5, distance=3, cut=1, tilt=1, adult=1)
    scores = pd.DataFrame(
        {
            "image": [0, 0, 0, 1, 1, 1],
            "group": "others",
            "kind": "ct",
            "frontal": [0.4, 0.985, 0.99, 0.4, 0.99, 0.4],
            "area": 0.6,
            "distance": [1, 1, 2.5, 1, 1.9, 1],
            "corrected": [False, True, True, False, True, True],
            "dice": np.nan,
        }
    )
    scores["refused"] = is_refused(scores, limits)
    # One that has to be turned is accepted only if the most certain way is close to what is known.
    assert scores["refused"].tolist() == [True, True, True, True, False, True]
    assert evaluate(scores)["refused"] == {"ct": {"images": 2, "refused": 1}}
