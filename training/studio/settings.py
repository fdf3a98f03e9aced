"""The settings that the studio offers, each with its control; others keep the preset's value."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import gradio as gr

from cxr.errors import RunError
from cxr.language import Language
from cxr.messages import Message, text
from training.fitting.config import LAST, SELECTABLE, Balance, Optimizer, OutOfRange, TrainingConfig
from training.fitting.presets import PRESETS, load_preset
from training.fitting.runs import list_runs
from training.studio.html_parts import QUIET
from training.studio.words import language_of, shown

IMAGE_SIZE = "network.input_size"  # sets the size in preprocessing and in early epochs too
_RUN = "run:"  # before a run's name, since a run may have the name of a preset
CUSTOM = "custom"  # name of a preset that was changed


class SettingRefused(RunError):
    """The value of a control is not allowed; the message names it by its label on the page."""

    def __init__(self, name: str, why: Message) -> None:
        """Take the name of the setting, and what was expected of it."""
        super().__init__(f"{name}: {why}")
        self._name, self._why = name, why

    def say(self, language: Language) -> str:
        """The control's label, and what was expected of it."""
        label = text(f"setting_{self._name.replace('.', '_')}", language)
        return text("studio_setting", language, label=label, why=self._why.say(language))


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
            SettingRefused: the control is empty, or holds no whole number where one is needed.
        """
        if chosen is None or chosen == "":
            raise SettingRefused(self.name, Message("studio_number"))
        part, _, field = self.name.rpartition(".")
        owner = getattr(config, part) if part else config
        kinds = {found.name: found.type for found in dataclasses.fields(owner)}
        kind = str(kinds[field])
        if kind == "int" and float(chosen) != int(chosen):
            raise SettingRefused(self.name, Message("studio_whole_number"))
        return {"bool": bool, "int": int, "float": float}.get(kind, str)(chosen)

    def update(self, config: TrainingConfig) -> Any:
        """An update of the control to a configuration's value; a slider's range includes it."""
        value = self.value(config)
        if self.limits is None:
            return value
        low, high = self.limits
        if self.name == IMAGE_SIZE:  # in steps that the network can take
            low = config.network.size_step
            return gr.Slider(low, max(high, value), value, step=low)
        return gr.Slider(min(low, value), max(high, value), value)


def _words(name: str) -> dict[str, Any]:
    """Label of a control and, in a sentence, what it means."""
    key = name.replace(".", "_")
    return {"label": shown(f"setting_{key}"), "info": shown(f"setting_{key}_means")}


def _slider(name: str, low: float, high: float, step: float) -> Setting:
    return Setting(
        name,
        lambda value: gr.Slider(
            low, high, value, step=step, min_width=230, buttons=[], **_words(name)
        ),
        limits=(low, high),
    )


def _number(name: str) -> Setting:
    return Setting(name, lambda value: gr.Number(value, **_words(name)))


def _choice(name: str, choices: Sequence[tuple[Any, str]]) -> Setting:
    return Setting(name, lambda value: gr.Dropdown(choices, value=value, **_words(name)))


def _switch(name: str) -> Setting:
    return Setting(name, lambda value: gr.Checkbox(value, min_width=230, **_words(name)))


_SELECT_BY = [(shown("select_last"), LAST)] + [
    (shown(f"metric_{name.removeprefix('val_')}"), name) for name in SELECTABLE
]

MAIN = (
    _slider(IMAGE_SIZE, 16, 512, 16),
    _slider("epochs", 1, 200, 1),
    _slider("batch_size", 1, 256, 1),
    _number("learning_rate"),
    _slider("network.dropout", 0, 0.9, 0.05),
    _slider("network.lstm_units", 1, 256, 1),
    _choice("balance", [(shown(f"balance_{name}"), name) for name in get_args(Balance)]),
    _choice("select_by", _SELECT_BY),
)
MORE = (
    _choice("optimizer", [(shown(f"optimizer_{name}"), name) for name in get_args(Optimizer)]),
    _slider("warmup_epochs", 0, 20, 1),
    _number("weight_decay"),
    _slider("ema_momentum", 0, 0.999, 0.001),
    _slider("label_smoothing", 0, 0.3, 0.01),
    _slider("mixup_alpha", 0, 1, 0.05),
    _slider("small_fraction", 0, 0.9, 0.05),
)
LOCAL = (
    _slider("local.fraction", 0, 0.9, 0.025),
    _slider("local.planted", 0, 1, 0.05),
    _slider("local.restyle", 0, 1, 0.05),
    _slider("local.exchange_outside", 0, 1, 0.05),
)
MEASURING = (
    _switch("flip_tta"),
    _slider("validation_fraction", 0.05, 0.5, 0.01),
    _number("seed"),
)
AUGMENTATION = (
    _slider("augmentation.flip", 0, 1, 0.05),
    _slider("augmentation.rotation", 0, 45, 1),
    _slider("augmentation.zoom", 0, 0.5, 0.01),
    _slider("augmentation.stretch", 0, 0.5, 0.01),
    _slider("augmentation.shift", 0, 0.3, 0.01),
    _switch("augmentation.shift_vertically"),
    _slider("augmentation.shear", 0, 20, 1),
    _slider("augmentation.gamma", 0, 1, 0.05),
    _slider("augmentation.contrast", 0, 0.8, 0.05),
    _slider("augmentation.brightness", 0, 0.5, 0.02),
    _slider("augmentation.local_contrast", 0, 1, 0.05),
    _slider("augmentation.blur", 0, 1, 0.05),
    _slider("augmentation.noise", 0, 0.2, 0.01),
    _slider("augmentation.erase", 0, 1, 0.05),
)
# What is folded away, by the heading of each group.
FOLDED = {
    "more": MORE,
    "augmentation": AUGMENTATION,
    "local": LOCAL,
    "measuring": MEASURING,
}
SETTINGS = (*MAIN, *(setting for group in FOLDED.values() for setting in group))


def preset_choices(runs: Path, language: Language) -> list[tuple[str, str]]:
    """What a run can start from: presets, the best of a search, the settings of other runs."""
    ours = [(name, name) for name in sorted(PRESETS)]
    searches = [
        (text("studio_best_of", language, name=path.parent.name), str(path))
        for path in runs.glob("*/best.json")
    ]
    others = [
        (text("studio_settings_of", language, name=run.name), f"{_RUN}{run.name}")
        for run in list_runs(runs)
    ]
    return [*ours, *sorted(searches), *others]


def offer_presets(runs: Path, preset: gr.Dropdown) -> None:
    """Renew the choices of a list of presets whenever it is opened."""

    def choices(request: gr.Request) -> gr.Dropdown:
        return gr.Dropdown(preset_choices(runs, language_of(request)))

    preset.focus(choices, None, preset, **QUIET)


def find_preset(runs: Path, name: str | None) -> TrainingConfig:
    """The configuration of one of `preset_choices`, always with a validation split.

    Raises:
        RunError: nothing was chosen, or the run no longer exists.
    """
    if not name:
        raise RunError(Message("studio_needs_preset"))
    if name.startswith(_RUN):
        run = next((run for run in list_runs(runs) if name == f"{_RUN}{run.name}"), None)
        if run is None:
            raise RunError(Message("studio_run_gone", {"name": name.removeprefix(_RUN)}))
        config = run.config
    else:
        config = load_preset(name)
    if config.validation_fraction:
        return config
    # It was made for a cross-validation, or measured by one. A run of the studio measures itself.
    fraction = PRESETS["default"].validation_fraction
    return dataclasses.replace(config, validation_fraction=fraction)


def _check_images(config: TrainingConfig, size: int, *, small_fraction: float) -> None:
    """Raise a SettingRefused for sizes of images that the network cannot take."""
    step = config.network.size_step
    if size != config.network.input_size:
        try:
            config.with_image_size(size)
        except ValueError as error:
            if size % step == 0 and size > config.network.input_size:
                raise
            raise SettingRefused(
                IMAGE_SIZE,
                Message("studio_size_step" if size % step else "studio_size_small", {"step": step}),
            ) from error
    if small_fraction and config.network.architecture == "published":
        raise SettingRefused("small_fraction", Message("studio_one_size"))


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
        _check_images(config, size, small_fraction=values["small_fraction"])
        sized = config if size == config.network.input_size else config.with_image_size(size)
        result = sized.with_settings(values, preset=config.preset)
    except OutOfRange as error:
        limits = {"low": error.low, "high": error.high}
        above = error.low in error.but  # the only limit of these controls that is not allowed
        raise SettingRefused(
            error.name, Message("studio_number_above" if above else "studio_number_from", limits)
        ) from error
    except (TypeError, ValueError, OverflowError) as error:
        raise RunError(Message("studio_no_fit", {"reason": str(error)})) from error
    return result if result == config else dataclasses.replace(result, preset=CUSTOM)
