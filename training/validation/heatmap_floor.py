"""The floor that a network's heatmaps have to reach before it becomes a bundle."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np

from cxr.errors import RunError
from training.data.images import Split
from training.fitting.config import TrainingConfig
from training.metrics.localization import detection
from training.validation.localization_check import explainer, measure_lungs


def require_heatmap_floor(
    network: keras.Model, config: TrainingConfig, held_out: Split
) -> dict[str, float]:
    """Raise a RunError if a network's heatmaps do not reach the floor of its configuration.

    Args:
        network: an evidence network.
        config: that it was trained with.
        held_out: images that it was not trained on, with outlines of the lungs.

    Returns:
        The figures, by the names of `training.fitting.evidence_config.HeatmapFloor`.

    Raises:
        RunError: a figure is below the floor; the message names all of them.
        ValueError: there are no outlines.
    """
    explain = explainer(network, config.preprocessing, method="gradcam", flip_tta=config.flip_tta)
    if held_out.lungs is None:
        raise ValueError("Expected images with outlines of the lungs. Received none.")
    known = ~np.isnan(held_out.lungs[:, 0, 0])
    images = held_out.images[known].astype(np.float32)
    lungs = held_out.lungs[known].astype(np.float32)
    labels = held_out.labels[known]
    found = measure_lungs(explain, images, lungs, labels)
    normal = labels == 0
    (planted,) = detection(
        images[normal], lungs[normal], explain, diameters=(0.1,), contrasts=(0.5,)
    )
    reached = {
        "in_lungs": found["pneumonia"]["in_lungs"],
        "locality": found["locality"],
        "planted_hit": planted["hit"],
        "normal_heat": found["normal"]["any"],
    }
    floor = config.floor
    if (
        reached["in_lungs"] < floor.in_lungs
        or reached["locality"] > floor.locality
        or reached["planted_hit"] < floor.planted_hit
        or reached["normal_heat"] > floor.normal_heat
    ):
        raise RunError(
            f"The heatmaps fail on {len(images)} images that the network was not trained on: "
            f"{_in_words(reached)}. Expected at least {_in_words(dataclasses.asdict(floor))} "
            "(locality and normal_heat: at most). No bundle was written. Train longer, or with "
            "better outlines of the lungs."
        )
    return reached


def _in_words(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in figures.items())
