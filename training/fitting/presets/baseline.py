"""The published CNN-LSTM as it was published: what every other network is compared with.

    python -m training fit --data DIR --out RUN --preset baseline

Three convolutions at 150×150 pixels on grey levels in [0, 1], the rows of the last map as a
sequence, one LSTM; rotation, zoom, horizontal shift and mirroring; Adam; no balancing. Its heatmaps
are Grad-CAM by gradient.

Time: 11 minutes on two cores.

Expected figures (training/EXPERIMENTS.md, "The residual network, and the published network"):

- on 742 held-out images: AUC 0.980, accuracy 94.5 %, sensitivity 95.3 %, specificity 92.2 %;
- ``cross-validate --preset baseline --only 1``, on the 1,038 images of the first fold: AUC 0.978,
  accuracy 91.4 %, sensitivity 89.6 %, specificity 96.6 %; the worst perturbation, contrast doubled
  or halved, leaves an AUC of 0.855.
"""

from __future__ import annotations

from cxr.model.network_config import NetworkConfig
from cxr.preprocessing import Preprocessing
from training.fitting.augmentation import AugmentationConfig
from training.fitting.config import TrainingConfig
from training.fitting.evidence_config import HeatmapFloor, LocalConfig

CONFIG = TrainingConfig(
    preset="baseline",
    network=NetworkConfig(
        architecture="published",
        input_size=150,
        widths=(32, 64, 128),
        lstm_units=64,
        dropout=0.5,
        # The published network has none of these.
        stem_width=24,
        blocks=(1, 2, 2),
        last_width=64,
        lungs_width=0,
        lungs_from=0.15,
        lungs_full=0.65,
        sharpness=2.0,
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
    # The published network learns nothing about places and no lungs, so these two have no effect.
    local=LocalConfig(
        fraction=0.375,
        planted=0.6,
        visible_from=0.0,
        extra=0.3,
        restyle=0.3,
        restyle_planted=0.7,
        exchange_outside=0.2,
        evidence_weight=2.0,
        lungs_weight=1.0,
        outside_weight=0.0,
    ),
    floor=HeatmapFloor(in_lungs=0.8, locality=0.4, planted_hit=0.35, normal_heat=0.5),
    epochs=12,
    select_by="last",
    # Its weights fit one size of image only, so that it has no early epochs on small ones.
    small_size=128,
    small_fraction=0.0,
    batch_size=32,
    optimizer="adam",
    learning_rate=1e-3,
    # Of adamw only.
    warmup_epochs=2,
    weight_decay=0.02,
    ema_momentum=0.0,
    balance="none",
    label_smoothing=0.0,
    mixup_alpha=0.0,
    flip_tta=False,
    validation_fraction=0.15,
    seed=1,
)
