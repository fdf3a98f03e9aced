"""The default at a size that is fitted in seconds: to try a command, and for the tests.

    python -m training fit --data DIR --out RUN --preset tiny

Every part of the default is there, so that the same code runs: two stages of image sizes, planted
opacities, exchanges, averaged weights. Its figures mean nothing.

Time: a few seconds on two cores for the tests' 48 images, and the time to read the images for more.
"""

from __future__ import annotations

from cxr.model.network_config import NetworkConfig
from cxr.preprocessing import Preprocessing
from training.fitting.augmentation import AugmentationConfig
from training.fitting.config import TrainingConfig
from training.fitting.evidence_config import HeatmapFloor, LocalConfig

CONFIG = TrainingConfig(
    preset="tiny",
    network=NetworkConfig(
        architecture="evidence",
        input_size=32,
        stem_width=4,
        widths=(4, 8),
        blocks=(1, 1),
        lstm_units=4,
        last_width=64,
        lungs_width=16,
        lungs_from=0.4,
        lungs_full=0.8,
        sharpness=2.0,
        dropout=0.1,
    ),
    preprocessing=Preprocessing(size=32, intensity="standardized_by_middle"),
    augmentation=AugmentationConfig(
        flip=0.5,
        rotation=12.0,
        zoom=0.18,
        stretch=0.10,
        shift=0.08,
        shift_vertically=True,
        shear=5.0,
        gamma=0.30,
        contrast=0.25,
        brightness=0.12,
        local_contrast=0.25,
        blur=0.20,
        noise=0.04,
        erase=0.30,
    ),
    local=LocalConfig(
        fraction=0.375,
        planted=0.6,
        visible_from=0.05,
        extra=0.3,
        restyle=0.3,
        restyle_planted=0.7,
        exchange_outside=0.2,
        evidence_weight=2.0,
        lungs_weight=1.0,
        outside_weight=0.3,
    ),
    floor=HeatmapFloor(in_lungs=0.8, locality=0.4, planted_hit=0.35, normal_heat=0.5),
    epochs=2,
    select_by="last",
    small_size=16,
    small_fraction=0.5,
    batch_size=8,
    optimizer="adamw",
    learning_rate=2e-3,
    warmup_epochs=1,
    weight_decay=0.02,
    ema_momentum=0.99,
    balance="batches",
    label_smoothing=0.05,
    mixup_alpha=0.0,
    flip_tta=True,
    validation_fraction=0.25,
    seed=1,
)
