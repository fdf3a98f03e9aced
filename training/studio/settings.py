"""The settings that the studio offers, each with its control; others keep the preset's value."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import gradio as gr

from cxr.errors import RunError
from training.fitting.config import LAST, SELECTABLE, Balance, TrainingConfig
from training.fitting.presets import PRESETS, load_preset
from training.fitting.runs import list_runs
from training.metrics.plots import metric_title

IMAGE_SIZE = "network.input_size"  # sets the size in preprocessing and in early epochs too
_RUN = "run:"  # before a run's name, since a run may have the name of a preset
CUSTOM = "custom"  # name of a preset that was changed


@dataclass(frozen=True)
class Setting:
    """One field of the configuration, and its control.

    Attributes:
        name: of the field; ``"network.dropout"`` is the field dropout of the field network.
        create: makes the control, given its first value.
        limits: lowest and highest value of a slider.
    """

    name: str
    create: Callable[[Any], gr.components.Component]
    limits: tuple[float, float] | None = None

    def value(self, config: TrainingConfig) -> Any:
        """The value that a configuration has in this field."""
        part, _, field = self.name.rpartition(".")
        return getattr(getattr(config, part) if part else config, field)

    def typed(self, chosen: Any, config: TrainingConfig) -> Any:
        """A control's value in the field's type; a browser does not tell int from float.

        Raises:
            ValueError: the control is empty, or does not hold a whole number where one is needed.
        """
        if chosen is None or chosen == "":
            raise ValueError(f"Expected a value for {self.name}. Received none.")
        part, _, field = self.name.rpartition(".")
        owner = getattr(config, part) if part else config
        kinds = {found.name: found.type for found in dataclasses.fields(owner)}
        kind = str(kinds[field])
        if kind == "int" and float(chosen) != int(chosen):
            raise ValueError(f"Expected {self.name} to be a whole number. Received: {chosen}")
        return {"bool": bool, "int": int, "float": float}.get(kind, str)(chosen)

    def update(self, config: TrainingConfig) -> Any:
        """An update of the control to a configuration's value; a slider's range includes it."""
        value = self.value(config)
        if self.limits is None:
            return value
        low, high = self.limits
        if self.name == IMAGE_SIZE:  # in steps that the network's strides divide
            low = config.network.stride
            return gr.Slider(low, max(high, value), value, step=low)
        return gr.Slider(min(low, value), max(high, value), value)


def _slider(name: str, label: str, low: float, high: float, step: float, info: str = "") -> Setting:
    return Setting(
        name,
        lambda value: gr.Slider(
            low, high, value, step=step, label=label, info=info or None, min_width=230
        ),
        limits=(low, high),
    )


def _number(name: str, label: str, info: str = "") -> Setting:
    return Setting(name, lambda value: gr.Number(value, label=label, info=info or None))


def _choice(name: str, label: str, choices: list[tuple[str, str]], info: str = "") -> Setting:
    return Setting(
        name, lambda value: gr.Dropdown(choices, value=value, label=label, info=info or None)
    )


def _switch(name: str, label: str, info: str = "") -> Setting:
    return Setting(
        name, lambda value: gr.Checkbox(value, label=label, info=info or None, min_width=230)
    )


_BALANCE = {
    "batches": "Balanced batches",
    "undersample": "Under-sampling",
    "oversample": "Over-sampling",
    "weights": "Class weights",
    "none": "None",
}
_SELECT_BY = [("The last epoch: validation images choose nothing", LAST)] + [
    (f"Best validation {metric_title(name.removeprefix('val_'))}", name) for name in SELECTABLE
]

MAIN = (
    _slider(
        IMAGE_SIZE,
        "Image size",
        16,
        512,
        16,
        "Side in pixels. Training time grows with its square.",
    ),
    _slider("epochs", "Epochs", 1, 200, 1),
    _slider("batch_size", "Batch size", 1, 256, 1),
    _number("learning_rate", "Learning rate", "The highest of the schedule."),
    _slider("network.dropout", "Dropout", 0, 0.9, 0.05),
    _slider("network.lstm_units", "LSTM units", 1, 256, 1, "In each LSTM, per direction."),
    _choice("balance", "Class balance", [(_BALANCE[name], name) for name in get_args(Balance)]),
    _choice("select_by", "Epoch that is kept", _SELECT_BY),
)
MORE = (
    _choice(
        "optimizer", "Optimizer", [("AdamW with warm-up and decay", "adamw"), ("Adam", "adam")]
    ),
    _slider("warmup_epochs", "Warm-up epochs", 0, 20, 1, "AdamW only."),
    _number("weight_decay", "Weight decay", "AdamW only."),
    _slider(
        "ema_momentum", "EMA of the weights", 0, 0.999, 0.001, "Momentum; 0 for none. AdamW only."
    ),
    _slider("label_smoothing", "Label smoothing", 0, 0.3, 0.01),
    _slider("mixup_alpha", "Mix-up", 0, 1, 0.05, "Alpha of the Beta distribution; 0 for none."),
    _slider("small_fraction", "Early epochs on small images", 0, 0.9, 0.05, "Fraction of epochs."),
)
LOCAL = (
    _slider(
        "local.fraction",
        "Images with known opacities",
        0,
        0.9,
        0.025,
        "Fraction of each batch: normal lungs, with planted opacities or none. Not for the "
        "baseline.",
    ),
    _slider("local.planted", "With planted opacities", 0, 1, 0.05, "Fraction of these images."),
    _slider(
        "local.restyle",
        "Exchange appearance",
        0,
        1,
        0.05,
        "Probability of sharpness and grey levels of the other class. Not for the baseline.",
    ),
    _slider(
        "local.exchange_outside",
        "Exchange surroundings",
        0,
        1,
        0.05,
        "Probability of showing the lungs in another image's surroundings. Not for the baseline.",
    ),
)
MEASURING = (
    _switch("flip_tta", "Flip TTA: average over the image and its mirror image"),
    _slider(
        "validation_fraction",
        "Validation fraction",
        0.05,
        0.5,
        0.01,
        "Split by patient; rounded to the nearest 1/n.",
    ),
    _number("seed", "Seed", "For split, weights, order, augmentation and dropout."),
)
AUGMENTATION = (
    _slider("augmentation.flip", "Mirror", 0, 1, 0.05, "Probability."),
    _slider("augmentation.rotation", "Rotation", 0, 45, 1, "Degrees, either way."),
    _slider("augmentation.zoom", "Zoom", 0, 0.5, 0.01, "Scale from 1 − this to 1 + this."),
    _slider(
        "augmentation.stretch", "Stretch", 0, 0.5, 0.01, "Aspect ratio from 1 − this to 1 + this."
    ),
    _slider("augmentation.shift", "Shift", 0, 0.3, 0.01, "Fraction of the side."),
    _switch("augmentation.shift_vertically", "Vertical shift"),
    _slider("augmentation.shear", "Shear", 0, 20, 1, "Degrees."),
    _slider("augmentation.gamma", "Gamma", 0, 1, 0.05, "Standard deviation of log gamma."),
    _slider("augmentation.contrast", "Contrast", 0, 0.8, 0.05, "Factor from 1 − this to 1 + this."),
    _slider("augmentation.brightness", "Brightness", 0, 0.5, 0.02, "Fraction of the full range."),
    _slider("augmentation.local_contrast", "Local contrast", 0, 1, 0.05, "Probability of CLAHE."),
    _slider("augmentation.blur", "Blur or sharpen", 0, 1, 0.05, "Probability of each."),
    _slider("augmentation.noise", "Noise", 0, 0.2, 0.01, "Highest standard deviation."),
    _slider("augmentation.erase", "Erase a rectangle", 0, 1, 0.05, "Probability."),
)
# What is folded away, by the heading of each group.
FOLDED = {
    "more": MORE,
    "augmentation": AUGMENTATION,
    "local": LOCAL,
    "measuring": MEASURING,
}
SETTINGS = (*MAIN, *(setting for group in FOLDED.values() for setting in group))


def preset_choices(runs: Path) -> list[tuple[str, str]]:
    """What a run can start from: presets, the best of a search, the settings of other runs."""
    ours = [(name, name) for name in sorted(PRESETS)]
    searches = [(f"best of {path.parent.name}", str(path)) for path in runs.glob("*/best.json")]
    others = [(f"settings of {run.name}", f"{_RUN}{run.name}") for run in list_runs(runs)]
    return [*ours, *sorted(searches), *others]


def find_preset(runs: Path, name: str | None) -> TrainingConfig:
    """The configuration of one of `preset_choices`, always with a validation split.

    Raises:
        RunError: nothing was chosen, or the run no longer exists.
    """
    if not name:
        raise RunError("Choose a preset to start from.")
    if name.startswith(_RUN):
        run = next((run for run in list_runs(runs) if name == f"{_RUN}{run.name}"), None)
        if run is None:
            raise RunError(f"{name.removeprefix(_RUN)}: this run no longer exists. Choose another.")
        config = run.config
    else:
        config = load_preset(name)
    if config.validation_fraction:
        return config
    # It was made for a cross-validation, or measured by one. A run of the studio measures itself.
    fraction = PRESETS["default"].validation_fraction
    return dataclasses.replace(config, validation_fraction=fraction)


def changed(config: TrainingConfig, chosen: Sequence[Any]) -> TrainingConfig:
    """A configuration with the values of the controls.

    Args:
        config: what the controls started from.
        chosen: values of the controls, in the order of `SETTINGS`.

    Raises:
        RunError: the values make no valid configuration; the message says why.
    """
    try:
        values = {
            setting.name: setting.typed(value, config)
            for setting, value in zip(SETTINGS, chosen, strict=True)
        }
        size = values.pop(IMAGE_SIZE)
        sized = config if size == config.network.input_size else config.with_image_size(size)
        result = sized.with_settings(values, preset=config.preset)
    except (TypeError, ValueError) as error:
        raise RunError(str(error)) from error
    return result if result == config else dataclasses.replace(result, preset=CUSTOM)
