"""Configurations refuse what makes no fit, and say which epoch is kept."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from training.fitting.augmentation import AugmentationConfig
from training.fitting.config import SELECTABLE, LocalConfig, TrainingConfig
from training.fitting.presets import baseline, default, tiny


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
        ({"small_size": 168}, "small_size up to 160"),
    ],
)
def test_what_makes_no_fit(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        dataclasses.replace(default(), **changes)


@pytest.mark.parametrize("changes", [{"flip": 1.1}, {"rotation": -1}, {"zoom": 1.0}])
def test_what_makes_no_augmentation(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        AugmentationConfig(**changes)


@pytest.mark.parametrize("changes", [{"fraction": 1}, {"planted": -1}, {"evidence_weight": 11}])
def test_what_makes_no_local_truth(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        LocalConfig(**changes)


def test_the_published_network_takes_images_of_one_size() -> None:
    with pytest.raises(ValueError, match="one size"):
        dataclasses.replace(baseline(), small_fraction=0.5)


def test_another_image_size_takes_the_early_epochs_along() -> None:
    small = default().with_image_size(80)
    assert (small.network.input_size, small.preprocessing.size, small.small_size) == (80, 80, 64)
    assert default().with_image_size(160) == default()
    assert baseline().with_image_size(151).network.input_size == 151
    with pytest.raises(ValueError, match="8 divides"):
        default().with_image_size(100)


def test_a_configuration_of_before_is_read() -> None:
    document = default().to_json()
    del document["balance"], document["select_by"]
    for balanced, balance in ((True, "batches"), (False, "none")):
        read = TrainingConfig.from_json({**document, "balance_classes": balanced})
        assert read == dataclasses.replace(default(), balance=balance)


def test_fields_are_read_by_their_names_until_0_5() -> None:
    renamed = {
        "flip_tta": "mirror",
        "small_fraction": "small_epochs",
        "ema_momentum": "average_momentum",
    }
    document = default().to_json()
    before = {renamed.get(name, name): value for name, value in document.items()}
    assert before.keys() != document.keys()
    assert TrainingConfig.from_json(before) == default()


# --- The epoch that is kept -----------------------------------------------------------------------

HISTORY = [
    {"epoch": 1, "val_auc": 0.9, "val_loss": 0.2},  # at small size
    {"epoch": 2, "val_auc": 0.7, "val_loss": 0.5},
    {"epoch": 3, "val_auc": 0.8, "val_loss": 0.4},
    {"epoch": 4, "val_auc": 0.8, "val_loss": 0.6},
]


@pytest.mark.parametrize(("by", "kept"), [("last", 4), ("val_auc", 3), ("val_loss", 3)])
def test_the_best_epoch_is_one_at_full_size(by: str, kept: int) -> None:
    config = dataclasses.replace(tiny(), epochs=4, small_fraction=0.25, select_by=by)
    assert config.best_epoch(HISTORY) == kept
    assert config.best_epoch(HISTORY[:2]) == 2
    assert config.best_epoch([]) is None


def test_every_selectable_metric_is_measured() -> None:
    import numpy as np

    from training.metrics.evaluation import classification_metrics

    measured = classification_metrics(np.array([0, 1]), np.array([-1, 1], dtype=np.float32))
    assert set(SELECTABLE) <= {f"val_{name}" for name, _ in measured}
