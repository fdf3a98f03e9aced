"""The figures that a network's heatmaps have to reach before it becomes a bundle."""

from __future__ import annotations

import keras

from cxr.errors import RunError
from training.data.images import Split
from training.fitting.config import TrainingConfig
from training.fitting.evidence_config import HeatmapFloor
from training.validation.localization_check import explainer, measure_lungs, measure_planted


def check_against_floor(
    network: keras.Model, config: TrainingConfig, held_out: Split, *, required: bool
) -> str:
    """Measure whether a network's heatmaps reach the floor of its configuration.

    Args:
        network: an evidence network.
        config: that it was trained with.
        held_out: images of both classes that it was not trained on, all with outlined lungs.
        required: raise if they do not; otherwise, what is returned begins with a warning.

    Returns:
        What they reach, in words.

    Raises:
        RunError: a figure misses its limit; the message gives all figures and their limits.
    """
    explain = explainer(network, config.preprocessing, method="gradcam", flip_tta=config.flip_tta)
    found = measure_lungs(explain, held_out)
    planted = measure_planted(explain, held_out, diameters=(0.1,), strengths=(0.5,))
    reached = HeatmapFloor(
        in_lungs=found["pneumonia"]["in_lungs"],
        locality=found["locality"],
        planted_hit=planted["detection"][0]["hit"],
        normal_heat=found["normal"]["any"],
    )
    if _is_reached(config.floor, reached):
        return f"Heatmaps: {_in_words(reached)}"
    failure = (
        f"The heatmaps fail on {len(held_out.records)} images that the network was not trained on: "
        f"{_in_words(reached)}. Expected {_expected(config.floor)}. Train longer, or with better "
        "outlines of the lungs."
    )
    if required:
        raise RunError(f"{failure} No bundle was written.")
    return f"Warning: {failure}"


def _is_reached(floor: HeatmapFloor, reached: HeatmapFloor) -> bool:
    return (
        reached.in_lungs >= floor.in_lungs
        and reached.locality <= floor.locality
        and reached.planted_hit >= floor.planted_hit
        and reached.normal_heat <= floor.normal_heat
    )


def _expected(floor: HeatmapFloor) -> str:
    return ", ".join(
        f"{name} {'≤' if name in ('locality', 'normal_heat') else '≥'} {value:.2f}"
        for name, value in vars(floor).items()
    )


def _in_words(figures: HeatmapFloor) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in vars(figures).items())
