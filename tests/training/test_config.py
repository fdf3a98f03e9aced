"""Configurations: presets name every value, wrong values are refused, old documents are read."""

from __future__ import annotations

import ast
import dataclasses
import math
import re
from pathlib import Path
from typing import Any

import pytest

from cxr.language import LANGUAGES
from cxr.messages import text
from cxr.model.network_config import NetworkConfig
from cxr.preprocessing import Preprocessing
from tests.syntax import parse
from training.fitting import presets
from training.fitting.augmentation import AugmentationConfig
from training.fitting.config import SELECTABLE, TrainingConfig
from training.fitting.earlier_configs import lacking
from training.fitting.evidence_config import HeatmapFloor, LocalConfig
from training.fitting.presets import DOCUMENTS, PRESETS, baseline, default, tiny
from training.studio.preset_cards import FIGURES

SECTIONS = (
    TrainingConfig,
    NetworkConfig,
    Preprocessing,
    AugmentationConfig,
    LocalConfig,
    HeatmapFloor,
)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_preset_names_every_value_and_its_command(name: str) -> None:
    source = Path(presets.__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
    tree = parse(source)
    given = {
        node.func.id: {keyword.arg for keyword in node.keywords}
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    for section in SECTIONS:
        fields = {field.name for field in dataclasses.fields(section)}
        assert given[section.__name__] == fields
    assert PRESETS[name].preset == name
    assert "python -m training fit " in (ast.get_docstring(tree) or "")


def test_every_preset_has_a_file() -> None:
    files = Path(presets.__file__).parent.glob("[!_]*.py")
    assert {path.stem for path in files} == set(PRESETS)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"epochs": 0}, "epochs from 1"),
        ({"batch_size": 0}, "batch_size from 1"),
        ({"learning_rate": float("nan")}, "learning_rate from 0"),
        ({"learning_rate": 0}, "learning_rate from 0 to 1, but not 0"),
        ({"ema_momentum": 1}, "ema_momentum from 0 to 1, but not 1"),
        ({"seed": 1.5}, "seed to be a whole number"),
        ({"select_by": "val_auc", "validation_fraction": 0.0}, "nothing could choose"),
        ({"validation_fraction": 0.6}, "validation_fraction from 0 to 0.5"),
        ({"balance": "evenly"}, "balance to be one of none, batches"),
        ({"select_by": "val_luck"}, "select_by to be one of last, val_auc"),
        ({"optimizer": "sgd"}, "optimizer to be one of"),
        ({"small_size": 100}, "8 divides"),
        ({"small_size": 208}, "small_size up to 192"),
    ],
)
def test_what_makes_no_fit(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        dataclasses.replace(default.CONFIG, **changes)


@pytest.mark.parametrize("size", [16, 20])
def test_a_network_needs_places_to_draw_a_heatmap_between(size: int) -> None:
    with pytest.raises(ValueError, match="leaves 2 places a side"):
        dataclasses.replace(baseline.CONFIG.network, input_size=size)
    assert dataclasses.replace(baseline.CONFIG.network, input_size=22).map_side == 2


@pytest.mark.parametrize("floor", [math.nan, "0.35", None])
def test_what_makes_no_floor(floor: Any) -> None:
    with pytest.raises(ValueError, match="a number as planted_hit"):
        dataclasses.replace(default.CONFIG.floor, planted_hit=floor)


@pytest.mark.parametrize("changes", [{"flip": 1.1}, {"rotation": -1}, {"zoom": 1.0}])
def test_what_makes_no_augmentation(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        dataclasses.replace(default.CONFIG.augmentation, **changes)


@pytest.mark.parametrize(
    "name", [of.name for of in dataclasses.fields(AugmentationConfig) if of.type != "bool"]
)
def test_every_transform_has_a_limit(name: str) -> None:
    with pytest.raises(ValueError, match=f"augmentation {name} from 0 to"):
        dataclasses.replace(default.CONFIG.augmentation, **{name: 1000.0})


@pytest.mark.parametrize("changes", [{"fraction": 1}, {"planted": -1}, {"evidence_weight": 11}])
def test_what_makes_no_local_truth(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        dataclasses.replace(default.CONFIG.local, **changes)


def test_the_published_network_takes_images_of_one_size() -> None:
    with pytest.raises(ValueError, match="one size"):
        dataclasses.replace(baseline.CONFIG, small_fraction=0.5)


def test_another_image_size_takes_the_early_epochs_along() -> None:
    small = default.CONFIG.with_image_size(80)
    assert (small.network.input_size, small.preprocessing.size, small.small_size) == (80, 80, 48)
    assert default.CONFIG.with_image_size(192) == default.CONFIG
    assert baseline.CONFIG.with_image_size(151).network.input_size == 151
    with pytest.raises(ValueError, match="8 divides"):
        default.CONFIG.with_image_size(100)


def test_a_configuration_of_before_is_read() -> None:
    document = default.CONFIG.to_json()
    del document["balance"], document["select_by"]
    for balanced, balance in ((True, "batches"), (False, "none")):
        read = TrainingConfig.from_json({**document, "balance_classes": balanced})
        assert read == dataclasses.replace(default.CONFIG, balance=balance)


def test_a_configuration_of_the_published_network_until_0_4_is_the_preset() -> None:
    document = baseline.CONFIG.to_json()
    del document["local"], document["floor"], document["select_by"]
    assert TrainingConfig.from_json(document) == baseline.CONFIG


def test_a_configuration_until_0_12_has_no_limit_on_heat_of_normal_images() -> None:
    document = default.CONFIG.to_json()
    del document["floor"]["normal_heat"]
    assert TrainingConfig.from_json(document) == default.CONFIG


def test_a_configuration_until_0_14_learned_of_opacities_that_cannot_be_seen() -> None:
    document = tiny.CONFIG.to_json()
    del document["local"]["visible_from"]
    local = dataclasses.replace(tiny.CONFIG.local, visible_from=0.0)
    assert TrainingConfig.from_json(document) == dataclasses.replace(tiny.CONFIG, local=local)
    assert tiny.CONFIG.local.visible_from > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"flip_tta": "false"}, "Expected flip_tta as bool.*Received: .'false'"),
        ({"preset": 3}, "preset as str"),
        ({"augmentation": {"shift_vertically": 1}}, "shift_vertically as true or false"),
        (
            {"network": {"input_size": 640}, "preprocessing": {"size": 640}},
            "up to 512 pixels a side",
        ),
    ],
)
def test_what_would_only_fail_after_the_training_is_refused_before(
    change: dict[str, Any], message: str
) -> None:
    document = default.CONFIG.to_json()
    for name, value in change.items():
        if isinstance(value, dict):
            document[name] |= value
        else:
            document[name] = value
    with pytest.raises(ValueError, match=message):
        TrainingConfig.from_json(document)


def test_extra_images_had_another_name_until_0_20() -> None:
    document = default.CONFIG.to_json()
    document["local"]["elsewhere"] = document["local"].pop("extra")
    assert TrainingConfig.from_json(document) == default.CONFIG
    assert not lacking(document)  # of a preset, too


def test_a_configuration_that_lacks_a_value_is_refused() -> None:
    document = default.CONFIG.to_json()
    del document["augmentation"]["flip"]
    with pytest.raises(TypeError, match="flip"):
        TrainingConfig.from_json(document)


def test_fields_are_read_by_their_names_until_0_5() -> None:
    renamed = {
        "flip_tta": "mirror",
        "small_fraction": "small_epochs",
        "ema_momentum": "average_momentum",
    }
    document = default.CONFIG.to_json()
    before = {renamed.get(name, name): value for name, value in document.items()}
    assert before.keys() != document.keys()
    assert TrainingConfig.from_json(before) == default.CONFIG


# --- The epoch that is kept -----------------------------------------------------------------------

HISTORY = [
    {"epoch": 1, "val_auc": 0.9, "val_loss": 0.2},  # at small size
    {"epoch": 2, "val_auc": 0.7, "val_loss": 0.5},
    {"epoch": 3, "val_auc": 0.8, "val_loss": 0.4},
    {"epoch": 4, "val_auc": 0.8, "val_loss": 0.6},
]


@pytest.mark.parametrize(("by", "kept"), [("last", 4), ("val_auc", 3), ("val_loss", 3)])
def test_the_best_epoch_is_one_at_full_size(by: str, kept: int) -> None:
    config = dataclasses.replace(tiny.CONFIG, epochs=4, small_fraction=0.25, select_by=by)
    assert config.best_epoch(HISTORY) == kept
    assert config.best_epoch(HISTORY[:2]) == 2
    assert config.best_epoch([]) is None


def test_every_selectable_metric_is_measured() -> None:
    import numpy as np

    from training.metrics.evaluation import classification_metrics

    measured = classification_metrics(np.array([0, 1]), np.array([-1, 1], dtype=np.float32))
    assert set(SELECTABLE) <= {f"val_{name}" for name, _ in measured}


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_the_card_of_a_preset_says_what_its_document_says(name: str) -> None:
    """Every number of the card, in both languages, is in the docstring of the preset."""
    document = " ".join((DOCUMENTS[name].__doc__ or "").split())
    known = set(re.findall(r"\d[\d.,]*\d|\d", document))
    parts = ["time", *FIGURES[name]]
    for part in parts:
        english, french = (text(f"preset_{name}_{part}", language) for language in LANGUAGES)
        numbers = re.findall(r"\d[\d.,]*\d|\d", english)
        assert numbers, part
        assert set(numbers) <= known
        signs = str.maketrans({",": "\u202f", ".": ","})  # a thin space that does not break
        found = re.findall(r"\d[\d\u202f,]*\d|\d", french)
        assert found == [one.translate(signs) for one in numbers]
    assert bool(FIGURES[name]) is (name != "tiny")
