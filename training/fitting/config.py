"""The configuration of a fit: everything that decides it apart from the images.

Recommended configurations, with every value and its reason, are in `training.fitting.presets`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from cxr.model.network_config import NetworkConfig
from cxr.preprocessing import Preprocessing
from training.fitting.augmentation import AugmentationConfig
from training.fitting.earlier_configs import with_present_fields
from training.fitting.evidence_config import HeatmapFloor, LocalConfig

Balance = Literal["none", "batches", "oversample", "undersample", "weights"]
Optimizer = Literal["adam", "adamw"]
SelectBy = Literal[
    "last",
    "val_auc",
    "val_average_precision",
    "val_accuracy",
    "val_balanced_accuracy",
    "val_sensitivity",
    "val_specificity",
    "val_precision",
    "val_f1",
    "val_mcc",
    "val_loss",
    "val_brier",
]
LAST: Final = "last"
# The metrics that may choose the epoch whose weights are kept. Of these, lower is better:
_LOWER_IS_BETTER: tuple[SelectBy, ...] = ("val_loss", "val_brier")
SELECTABLE: tuple[SelectBy, ...] = tuple(name for name in get_args(SelectBy) if name != LAST)

_MAX_SIZE = 512  # `cxr.model.graph` bounds what a graph computes
_LIMITS = {
    "epochs": (1, 10_000),
    "small_size": (1, 2048),
    "small_fraction": (0, 1),
    "batch_size": (1, 4096),
    "learning_rate": (0, 1),
    "warmup_epochs": (0, 10_000),
    "weight_decay": (0, 1),
    "ema_momentum": (0, 1),
    "label_smoothing": (0, 1),
    "mixup_alpha": (0, 100),
    "validation_fraction": (0, 0.5),
    "seed": (0, 2**32 - 1),
}
_EXCLUDED = {"small_fraction": (1,), "learning_rate": (0,), "ema_momentum": (1,)}
_WHOLE_NUMBERS = ("epochs", "small_size", "batch_size", "warmup_epochs", "seed")
_CHOICES = {
    "balance": get_args(Balance),
    "select_by": get_args(SelectBy),
    "optimizer": get_args(Optimizer),
}


class OutOfRange(ValueError):
    """A field of a configuration is not from `low` to `high`, or is an excluded value (`but`)."""

    def __init__(
        self, name: str, value: Any, *, low: float, high: float, but: Sequence[float] = ()
    ) -> None:
        """Take the name of the field, its value, and what it may be."""
        excluded = f", but not {but[0]}" if but else ""
        super().__init__(f"Expected {name} from {low} to {high}{excluded}. Received: {value!r}")
        self.name, self.low, self.high, self.but = name, low, high, but


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Everything that decides a fit apart from the images.

    Attributes:
        preset: name of the preset that this was derived from.
        network: which network.
        preprocessing: how images reach it.
        augmentation: how images are varied.
        local: what the evidence network learns about places.
        floor: what its heatmaps have to reach.
        epochs: passes over the training images.
        select_by: the epoch whose weights are kept. ``"last"``, so that validation chooses nothing;
            or the best by one of `SELECTABLE`, among the epochs with images at full size. Figures
            on the validation images are then too good, since the epoch was chosen on them.
        small_size: side of the images in the first epochs, in pixels: training begins on small
            images at a fraction of the cost (Tan 2021, arXiv 2104.00298, section 4).
        small_fraction: fraction of the epochs at that size, in [0, 1).
        batch_size: images in a batch.
        optimizer: ``"adam"`` at a constant rate, or ``"adamw"`` with warm-up and cosine decay.
        learning_rate: at its maximum.
        warmup_epochs: epochs over which the rate rises from a hundredth of its maximum (adamw).
        weight_decay: decoupled (adamw).
        ema_momentum: of the exponential moving average of the weights (EMA), which is then what is
            kept; 0 for none (adamw).
        balance: how the classes, which differ in size, are balanced. ``"batches"``: each batch half
            normal, half pneumonia; an epoch is every image of the smaller class once.
            ``"undersample"``: as many images of each class, too, but shuffled together.
            ``"oversample"``: an epoch is every image of the larger class once, those of the smaller
            repeatedly. ``"weights"``: every image once, and the loss weighs the classes equally.
            ``"none"``: every image once. A last, smaller batch is left out.
        label_smoothing: targets become s/2 and 1 - s/2.
        mixup_alpha: of the Beta distribution by which images and labels are mixed (Zhang 2017,
            arXiv 1710.09412); 0 for none.
        flip_tta: answers are the mean over an image and its mirror image; logits and evidence
            alike.
        validation_fraction: of the images that is held out, by patient; 0 for none, where a
            cross-validation gives the thresholds.
        seed: of split, weights, order, augmentation and dropout.
    """

    preset: str
    network: NetworkConfig
    preprocessing: Preprocessing
    augmentation: AugmentationConfig
    local: LocalConfig
    floor: HeatmapFloor
    epochs: int
    select_by: SelectBy
    small_size: int
    small_fraction: float
    batch_size: int
    optimizer: Optimizer
    learning_rate: float
    warmup_epochs: int
    weight_decay: float
    ema_momentum: float
    balance: Balance
    label_smoothing: float
    mixup_alpha: float
    flip_tta: bool
    validation_fraction: float
    seed: int

    # --- Checks ----------------------------------------------------------------------------------

    def __post_init__(self) -> None:
        self._check_values()
        if self.select_by != LAST and not self.validation_fraction:
            raise ValueError(
                f"Expected select_by {LAST} where no images are held out: nothing could choose the "
                f"epoch. Received: {self.select_by!r}"
            )
        size, input_size = self.preprocessing.size, self.network.input_size
        if input_size != size or size > _MAX_SIZE:
            raise ValueError(
                "Expected images as large as the network's input, and of up to "
                f"{_MAX_SIZE} pixels a side. Received: size={size}, input_size={input_size}"
            )
        if self.small_fraction:
            self._check_small_size()

    def _check_values(self) -> None:
        if not (isinstance(self.flip_tta, bool) and isinstance(self.preset, str)):
            found = (self.flip_tta, self.preset)
            raise ValueError(f"Expected flip_tta as bool, preset as str. Received: {found}")
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            excluded = _EXCLUDED.get(name, ())
            if not low <= value <= high or value in excluded:
                raise OutOfRange(name, value, low=low, high=high, but=excluded)
            if name in _WHOLE_NUMBERS and not isinstance(value, int):
                raise ValueError(f"Expected {name} to be a whole number. Received: {value!r}")
        for name, allowed in _CHOICES.items():
            value = getattr(self, name)
            if value not in allowed:
                raise ValueError(
                    f"Expected {name} to be one of {', '.join(allowed)}. Received: {value!r}"
                )

    def _check_small_size(self) -> None:
        if self.network.architecture == "published":
            raise ValueError(
                "Expected small_fraction 0 for the published network, whose weights fit one "
                f"size of image only. Received: {self.small_fraction}"
            )
        if self.small_size > self.network.input_size:
            raise ValueError(
                f"Expected a small_size up to {self.network.input_size}, the input's. "
                f"Received: {self.small_size}"
            )
        dataclasses.replace(self.network, input_size=self.small_size)  # raises if it does not fit

    # --- Epochs ----------------------------------------------------------------------------------

    def stages(self) -> list[tuple[int, int]]:
        """Pairs of an image side and the last epoch with images of that side.

        The last epoch always has images at full size, as they will be classified.
        """
        full = (self.network.input_size, self.epochs)
        until = min(round(self.epochs * self.small_fraction), self.epochs - 1)
        return [(self.small_size, until), full] if until else [full]

    @property
    def uses_ema(self) -> bool:
        """Whether an exponential moving average of the weights is what is kept."""
        return self.optimizer == "adamw" and self.ema_momentum > 0

    def best_epoch(self, history: Sequence[Mapping[str, float]]) -> int | None:
        """The epoch whose weights are kept, by what has been measured so far.

        Args:
            history: a row for each epoch; see `training.metrics.documents.HistoryRow`.

        Returns:
            Its number from 1: the best of those with images at full size, since figures on smaller
            images cannot be compared with theirs, and the first of equals. The newest epoch before
            there is one at full size; None before there is any.
        """
        small = sum(until for _, until in self.stages()[:-1])
        full = [row for row in history if row["epoch"] > small]
        if self.select_by == LAST or not full:
            return int(history[-1]["epoch"]) if history else None
        sign = -1 if self.select_by in _LOWER_IS_BETTER else 1
        return int(max(full, key=lambda row: sign * row[self.select_by])["epoch"])

    # --- Variants --------------------------------------------------------------------------------

    def with_settings(self, settings: Mapping[str, Any], *, preset: str) -> TrainingConfig:
        """This configuration with some of it changed.

        Args:
            settings: new values by name; ``"network.dropout"`` is the field dropout of network.
            preset: the name of the result.

        Raises:
            TypeError, ValueError: a field is unknown or out of range.
        """
        changes: dict[str, Any] = {}
        for name, value in settings.items():
            section, _, field_name = name.rpartition(".")
            if section:
                before = changes.get(section, getattr(self, section))
                changes[section] = dataclasses.replace(before, **{field_name: value})
            else:
                changes[field_name] = value
        return dataclasses.replace(self, preset=preset, **changes)

    def with_image_size(self, size: int) -> TrainingConfig:
        """This configuration for images of another size, those of the early epochs in proportion.

        Args:
            size: side in pixels; see `NetworkConfig` for what it allows.

        Raises:
            ValueError: the network cannot take it.
        """
        step = self.network.size_step
        small = max(step, round(self.small_size * size / self.network.input_size / step) * step)
        return dataclasses.replace(
            self,
            network=dataclasses.replace(self.network, input_size=size),
            preprocessing=dataclasses.replace(self.preprocessing, size=size),
            small_size=min(small, size),
        )

    # --- JSON ------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """The configuration as plain JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> TrainingConfig:
        """From the values that `to_json` gave, in this version or an earlier one.

        Raises:
            TypeError, KeyError, ValueError: a field is unknown, missing or out of range.
        """
        document = with_present_fields(document)
        sections = {
            "network": NetworkConfig.from_json(document["network"]),
            "preprocessing": Preprocessing(**document["preprocessing"]),
            "augmentation": AugmentationConfig(**document["augmentation"]),
            "local": LocalConfig(**document["local"]),
            "floor": HeatmapFloor(**document["floor"]),
        }
        return cls(**{**document, **sections})
