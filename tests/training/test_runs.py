"""What is known of runs from their folders, and which images two models are measured on."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cxr.errors import BundleError, DatasetError, RunError
from cxr.model import bundle as bundles
from cxr.model import hub
from cxr.model.bundle import Bundle, load_bundle
from cxr.old_names import with_new_names
from training.data.fingerprints import split_fingerprints
from training.data.images import Split, Splits
from training.fitting.loading import OutlineTables, load_splits
from training.fitting.presets import tiny
from training.fitting.run_folder import RunData, RunFolder
from training.fitting.runs import images_to_compare_on, list_runs, read_run, unreadable_runs
from training.sharing.local_model import use, use_bundled

# Two of its epochs are at half the size.
CONFIG = dataclasses.replace(tiny.CONFIG, epochs=5, small_fraction=0.4)


@pytest.fixture(scope="module")
def splits(chest_images: Path, lungs_table: Path) -> Splits:
    return load_splits(CONFIG, chest_images, outlines=OutlineTables(lungs=(lungs_table,)))


@pytest.fixture
def folder(chest_images: Path, splits: Splits, tmp_path: Path) -> RunFolder:
    """A run that has done nothing yet."""
    started = RunFolder(tmp_path / "runs" / "mine")
    started.start(CONFIG, chest_images, splits)
    return started


def test_a_run_is_described_by_the_present_names_of_fields(folder: RunFolder) -> None:
    document = json.loads(folder.config.read_text())
    assert with_new_names(document) == document
    assert document["data"].keys() == RunData.__annotations__.keys()


def epochs(count: int, seconds: float = 10.0) -> list[dict[str, float]]:
    row = {"val_sensitivity": 5 / 6, "val_specificity": 4 / 6, "seconds": seconds}
    return [{"epoch": epoch, **row} for epoch in range(1, count + 1)]


def test_folders_that_are_no_runs_are_passed_over(folder: RunFolder) -> None:
    (folder.folder.parent / "notes").mkdir()
    broken = folder.folder.parent / "broken"
    broken.mkdir()
    (broken / "config.json").write_text('{"training": {}}')
    for number, section in enumerate(("network", "local", "augmentation")):
        odd = folder.folder.parent / f"odd-{number}"
        odd.mkdir()
        document = json.loads(folder.config.read_text())
        document["training"][section] = []
        (odd / "config.json").write_text(json.dumps(document))
    later = folder.folder.parent / "later"
    shutil.copytree(folder.folder, later)
    (later / "history.csv").write_text(f"epoch,loss\n{CONFIG.epochs + 1},1\n")
    (run,) = list_runs(folder.folder.parent)
    assert (run.name, run.config, run.history, run.bundle) == ("mine", CONFIG, [], None)
    assert list_runs(folder.folder / "nowhere") == []
    assert unreadable_runs(folder.folder.parent) == ["later", "odd-0", "odd-1", "odd-2"]


def test_the_confusion_matrix_follows_from_the_newest_epoch(folder: RunFolder) -> None:
    folder.save_history(epochs(2))
    run = read_run(folder.folder)
    assert run is not None
    assert len(run.validation()) == 12
    np.testing.assert_array_equal(run.confusion(), [[4, 2], [1, 5]])


def test_time_left_knows_that_large_images_take_longer(folder: RunFolder) -> None:
    folder.save_history(epochs(1))
    run = read_run(folder.folder)
    assert run is not None
    # One more small epoch at 10 s, then three with four times the pixels.
    assert run.seconds_left() == pytest.approx(10 + 3 * 40)
    rows = [*epochs(2), {**epochs(1)[0], "epoch": 3, "seconds": 25.0}]
    assert dataclasses.replace(run, history=rows).seconds_left() == pytest.approx(2 * 25)
    assert dataclasses.replace(run, history=[]).seconds_left() is None


# --- Images to compare on -------------------------------------------------------------------------


def learned(bundle: Bundle, split: Split) -> Bundle:
    evaluation = {"trained_fingerprints": split_fingerprints(split, most=99)}
    return dataclasses.replace(bundle, evaluation=evaluation)


def test_models_are_compared_on_images_that_neither_learned_from(
    folder: RunFolder, splits: Splits, tiny_bundle: Bundle
) -> None:
    run = read_run(folder.folder)
    assert run is not None
    held_out = splits.validation
    some = held_out.take(range(1, len(held_out.records), 2))
    images, seen = images_to_compare_on(run, [learned(tiny_bundle, some)])
    assert (len(images), seen) == (6, 0)
    for image in images:
        assert Path(image["path"]).is_file()
    # Where nothing is left that could be measured, all are given, and how many are not new.
    images, seen = images_to_compare_on(run, [learned(tiny_bundle, held_out)])
    assert (len(images), seen) == (12, 12)
    assert len(images_to_compare_on(run, [])[0]) == 12


def test_images_that_have_gone_are_named(folder: RunFolder, tmp_path: Path) -> None:
    run = read_run(folder.folder)
    assert run is not None
    moved = dataclasses.replace(run, data=tmp_path / "elsewhere")
    with pytest.raises(DatasetError, match="is not there any more"):
        images_to_compare_on(moved, [])


def test_a_run_that_held_nothing_out_names_no_images(folder: RunFolder) -> None:
    split = folder.folder / "split.csv"
    with split.open(newline="") as file:
        rows = [row for row in csv.reader(file) if row[0] != "validation"]
    split.write_text("\n".join(map(",".join, rows)) + "\n")
    run = read_run(folder.folder)
    assert run is not None
    with pytest.raises(DatasetError, match="no images were held out"):
        images_to_compare_on(run, [])


# --- The model of this machine --------------------------------------------------------------------


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a chosen model goes."""
    path = tmp_path / "models" / "local"
    path.parent.mkdir()
    monkeypatch.setattr(bundles, "LOCAL_MODEL", path)
    monkeypatch.setattr(hub, "LOCAL_MODEL", path)
    monkeypatch.delenv(hub.MODEL_VARIABLE, raising=False)
    return path


def test_a_chosen_model_answers_until_the_bundled_one_is_chosen_again(
    local: Path, write_bundle: Callable[[Path], Bundle], tmp_path: Path
) -> None:
    assert hub.find_bundle().name == "cxr-cnn-lstm"
    mine = write_bundle(tmp_path / "run" / "bundle")
    (mine.folder / "stray.txt").write_text("not part of a model")
    assert use(tmp_path / "run").sha256 == mine.sha256
    assert hub.find_bundle().name == "tiny"
    assert hub.find_bundle(load_bundle().folder).name == "cxr-cnn-lstm"  # what is named wins
    assert use(mine.folder).sha256 == mine.sha256  # again, over itself
    assert {path.name for path in local.parent.iterdir()} == {"local"}
    assert "stray.txt" not in {path.name for path in local.iterdir()}
    assert use_bundled().name == "cxr-cnn-lstm"
    assert hub.find_bundle().name == "cxr-cnn-lstm"


def test_a_model_that_cannot_be_put_in_place_leaves_the_one_before(
    local: Path,
    write_bundle: Callable[[Path], Bundle],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use(write_bundle(tmp_path / "mine").folder)
    rename = Path.rename

    def fail_from_new(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_from_new)
    with pytest.raises(RunError, match="No space left"):
        use(load_bundle().folder)
    assert hub.find_bundle().name == "tiny"


def test_a_damaged_model_is_not_chosen(
    local: Path, write_bundle: Callable[[Path], Bundle], tmp_path: Path
) -> None:
    mine = write_bundle(tmp_path / "mine")
    document = json.loads((mine.folder / "config.json").read_text())
    (mine.folder / "config.json").write_text(json.dumps({**document, "version": "2"}))
    with pytest.raises(BundleError, match=r"config\.json"):
        use(mine.folder)
    with pytest.raises(RunError, match="holds no bundle"):
        use(tmp_path)
    assert not local.exists()
