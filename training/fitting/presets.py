"""Presets are documents: what, why, how long, what to expect, and the command."""

from __future__ import annotations

import json
from pathlib import Path

from cxr.errors import RunError
from cxr.model.network_config import NetworkConfig
from cxr.preprocessing import Preprocessing
from training.fitting.augmentation import AugmentationConfig
from training.fitting.config import TrainingConfig


def baseline() -> TrainingConfig:
    """The published CNN-LSTM, as published: the row that everything is compared with.

    Three convolutions at 150×150 on grey levels in [0, 1], rows of the last map as a sequence, one
    LSTM; rotation, zoom, horizontal shift and flip; Adam; no balancing.

        python -m training fit --data DIR --out RUN --preset baseline
    """
    return TrainingConfig(
        preset="baseline",
        network=NetworkConfig(
            architecture="published",
            input_size=150,
            widths=(32, 64, 128),
            lstm_units=64,
            dropout=0.5,
        ),
        preprocessing=Preprocessing(size=150, intensity="unit"),
        augmentation=AugmentationConfig(
            flip=0.5,
            rotation=15.0,
            zoom=0.2,
            stretch=0.0,
            shift=0.1,
            shift_vertically=False,
            shear=0.0,
            gamma=0.0,
            contrast=0.0,
            brightness=0.0,
            local_contrast=0.0,
            blur=0.0,
            noise=0.0,
            erase=0.0,
        ),
        epochs=12,
        small_fraction=0.0,
        optimizer="adam",
        learning_rate=1e-3,
        ema_momentum=0.0,
        balance="none",
        label_smoothing=0.0,
        mixup_alpha=0.0,
        flip_tta=False,
    )


def default() -> TrainingConfig:
    """Ours: evidence at 20×20 places within the lungs, whose smooth maximum is the logit.

    Lungs learned from outlines that people drew; opacities planted in normal lungs, so that it is
    known where evidence belongs; looks and surroundings exchanged between the classes, and features
    standardised within the lungs, so that how an image was taken tells little. Strong augmentation,
    balanced batches, averaged weights. What else was tried: training/EXPERIMENTS.md.

        python -m training fit --data DIR --lungs MASKS.csv --out RUN
    """
    return TrainingConfig(preset="default")


def tiny() -> TrainingConfig:
    """The default at a size that fits in seconds: to try the path, and for the tests."""
    return TrainingConfig(
        preset="tiny",
        network=NetworkConfig(
            input_size=32, stem_width=4, widths=(4, 8), blocks=(1, 1), lstm_units=4, dropout=0.1
        ),
        preprocessing=Preprocessing(size=32),
        epochs=2,
        small_size=16,
        small_fraction=0.5,
        batch_size=8,
        warmup_epochs=1,
        validation_fraction=0.25,
    )


def load_preset(name: str) -> TrainingConfig:
    """A preset by its name, or from the JSON file of this name.

    Raises:
        RunError: there is neither.
    """
    if name in PRESETS:
        return PRESETS[name]()
    path = Path(name)
    try:
        return TrainingConfig.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError) as error:
        known = ", ".join(sorted(PRESETS))
        raise RunError(
            f"{name}: expected a preset ({known}) or a JSON file of one ({error!r})."
        ) from error


PRESETS = {"baseline": baseline, "default": default, "tiny": tiny}
