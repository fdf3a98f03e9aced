"""The floor that a network's heatmaps have to reach before it becomes a bundle."""

from __future__ import annotations

import dataclasses

import keras

from cxr.errors import RunError
from training.data.images import Split
from training.fitting.config import TrainingConfig
from training.validation.localization_check import explainer, measure_lungs, measure_planted


def require_heatmap_floor(
    network: keras.Model, config: TrainingConfig, held_out: Split
) -> dict[str, float]:
    """Raise a RunError if a network's heatmaps do not reach the floor of its configuration.

    Args:
        network: an evidence network.
        config: that it was trained with.
        held_out: images of both classes that it was not trained on, all with outlined lungs.

    Returns:
        The figures, by the names of `training.fitting.evidence_config.HeatmapFloor`.

    Raises:
        RunError: a figure is below the floor; the message names all of them.
    """
    explain = explainer(network, config.preprocessing, method="gradcam", flip_tta=config.flip_tta)
    found = measure_lungs(explain, held_out)
    planted = measure_planted(explain, held_out, diameters=(0.1,), strengths=(0.5,))
    reached = {
        "in_lungs": found["pneumonia"]["in_lungs"],
        "locality": found["locality"],
        "planted_hit": planted["detection"][0]["hit"],
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
            f"The heatmaps fail on {len(held_out.records)} images that the network was not trained "
            f"on: {_in_words(reached)}. Expected at least {_in_words(dataclasses.asdict(floor))} "
            "(locality and normal_heat: at most). No bundle was written. Train longer, or with "
            "better outlines of the lungs."
        )
    return reached


def _in_words(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in figures.items())
