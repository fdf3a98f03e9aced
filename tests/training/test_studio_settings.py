"""The settings of the studio, and what they make, without a browser."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from cxr.cases import read_cases
from cxr.errors import DatasetError, RunError
from cxr.language import Language
from cxr.messages import text
from cxr.reading.radiograph import read_radiograph
from tests.conftest import QUICK_FIT
from training.data.dataset import FITTED, present_splits
from training.fitting.loading import load_splits
from training.fitting.presets import baseline, default, tiny
from training.fitting.run_folder import RunFolder
from training.studio import tune_tab
from training.studio.data_tab import chosen_folder, folder_to_fit, require_labelled
from training.studio.settings import SETTINGS, changed, find_preset, preset_choices
from training.studio.train_tab import preview_html


@pytest.mark.parametrize("preset", [default, baseline, tiny])
def test_untouched_controls_give_the_preset_itself(preset: ModuleType) -> None:
    config = preset.CONFIG
    assert changed(config, [setting.value(config) for setting in SETTINGS]) == config


def test_controls_change_what_they_name() -> None:
    values = {setting.name: setting.value(default.CONFIG) for setting in SETTINGS}
    values |= {"network.input_size": 96.0, "epochs": 7.0, "balance": "weights"}
    values |= {"augmentation.rotation": 3, "augmentation.shift_vertically": False}
    config = changed(default.CONFIG, list(values.values()))
    assert config.preset == "custom"
    assert (config.network.input_size, config.preprocessing.size, config.small_size) == (96, 96, 64)
    assert config.epochs == 7
    assert isinstance(config.epochs, int)
    assert config.balance == "weights"
    assert config.augmentation.rotation == 3.0
    assert not config.augmentation.shift_vertically
    whole = dataclasses.replace(default.CONFIG, small_fraction=0)  # as a preset file may have it
    assert changed(whole, list((values | {"small_fraction": 0.5}).values())).small_fraction == 0.5


OF_THE_BASELINE = {("network.input_size", 16), ("small_fraction", 0.5)}


@pytest.mark.parametrize(
    ("name", "value", "english", "french"),
    [
        ("learning_rate", None, "expected a number.", "un nombre est attendu."),
        ("learning_rate", 7, "above 0 and up to 1.", "supérieur à 0, et d'au plus 1, est attendu."),
        ("seed", -1, "from 0 to 4,294,967,295.", "de 0 à 4 294 967 295 est attendu."),
        ("epochs", 2.5, "expected a whole number.", "un nombre entier est attendu."),
        (
            "network.input_size",
            16,
            "nothing is left of the network's map.",
            "rien de la carte du réseau.",
        ),
        ("small_fraction", 0.5, "one size of images only.", "qu'à une taille d'images."),
        ("network.input_size", 100, "expected a multiple of 16.", "un multiple de 16 est attendu."),
    ],
)
def test_a_setting_that_is_refused_is_called_as_on_the_page(
    name: str, value: float | None, english: str, french: str
) -> None:
    config = baseline.CONFIG if (name, value) in OF_THE_BASELINE else default.CONFIG
    values = {setting.name: setting.value(config) for setting in SETTINGS}
    with pytest.raises(RunError) as refused:
        changed(config, list((values | {name: value}).values()))
    languages: tuple[tuple[Language, str], ...] = (("en", english), ("fr", french))
    for language, expected in languages:
        said = refused.value.say(language).replace("\u202f", " ").replace("\u00a0", " ")
        assert said.endswith(expected)
        assert said.startswith(text(f"setting_{name.replace('.', '_')}", language))


def test_sliders_reach_as_far_as_a_preset_does(tmp_path: Path) -> None:
    long = dataclasses.replace(default.CONFIG, epochs=500, validation_fraction=0.0)
    preset = tmp_path / "long.json"
    preset.write_text(json.dumps(long.to_json()))
    config = find_preset(tmp_path, str(preset))
    assert config.validation_fraction == default.CONFIG.validation_fraction  # a run measures itself
    controls = {setting.name: setting.update(config) for setting in SETTINGS}
    assert (controls["epochs"].value, controls["epochs"].maximum) == (500, 500)
    assert controls["batch_size"].maximum == 256


def test_a_run_may_be_called_as_a_preset_is(tmp_path: Path, chest_images: Path) -> None:
    mine = dataclasses.replace(QUICK_FIT, epochs=77)
    RunFolder(tmp_path / "tiny").start(mine, chest_images, load_splits(mine, chest_images))
    assert "réglages de tiny" in dict(preset_choices(tmp_path, "fr"))
    values = dict(preset_choices(tmp_path, "en"))
    assert find_preset(tmp_path, values["settings of tiny"]) == mine
    assert find_preset(tmp_path, values["tiny"]) == tiny.CONFIG


@pytest.mark.parametrize("path", ["", "~nobody-of-this-name/images", "x" * 5000])
def test_what_is_no_data_folder(path: str) -> None:
    with pytest.raises(DatasetError):
        present_splits(chosen_folder(path), FITTED)


def test_a_folder_without_a_class_is_said_before_anything_is_queued(
    tmp_path: Path, chest_images: Path
) -> None:
    assert folder_to_fit(str(chest_images)) == chest_images
    shutil.copytree(chest_images / "train" / "NORMAL", tmp_path / "train" / "NORMAL")
    with pytest.raises(DatasetError, match="No image of class PNEUMONIA"):
        folder_to_fit(str(tmp_path))
    require_labelled(chest_images / "train")
    for folder, said in ((tmp_path / "none", "no such folder"), (tmp_path / "train", "PNEUMONIA")):
        with pytest.raises(DatasetError, match=said):
            require_labelled(folder)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("40.0", "40"),
        ("0.0013292", "0,00133"),
        ("1.1e-05", "0,0000110"),
        ("0.0", "0"),
        ("17.123", "17,1"),
        ("", None),
    ],
)
def test_a_setting_of_a_trial_has_three_digits_that_count(written: str, said: str | None) -> None:
    assert tune_tab._setting_value(written, "fr") == said


def test_the_preview_is_the_same_for_equal_settings() -> None:
    image = read_radiograph(read_cases().radiographs[0].path)
    assert preview_html(tiny.CONFIG, image, "en") == preview_html(tiny.CONFIG, image, "en")
