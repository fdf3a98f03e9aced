"""All that decides a fit besides the images. What we recommend is in `training.fitting.presets`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from cxr.model.network_config import NetworkConfig
from cxr.model.renamed import with_new_names
from cxr.preprocessing import Preprocessing
from training.fitting.augmentation import AugmentationConfig

Balance = Literal["none", "batches", "oversample", "undersample", "weights"]
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
_NEVER = {"small_fraction": (1,), "learning_rate": (0,), "ema_momentum": (1,)}
_WHOLE = ("epochs", "small_size", "batch_size", "warmup_epochs", "seed")
LAST = "last"
# What may choose the epoch that is kept, and whether more of it is better.
SELECTABLE = {
    "val_auc": True,
    "val_average_precision": True,
    "val_accuracy": True,
    "val_balanced_accuracy": True,
    "val_sensitivity": True,
    "val_specificity": True,
    "val_precision": True,
    "val_f1": True,
    "val_mcc": True,
    "val_loss": False,
    "val_brier": False,
}


@dataclass(frozen=True, kw_only=True)
class LocalConfig:
    """What the evidence network learns of places, and how images lend each other their parts.

    Attributes:
        fraction: share of each batch that is images of known places: normal ones with planted
            opacities or without (`training.fitting.opacities`).
        planted: share of these in which opacities are planted; the others stay clear.
        elsewhere: share of these that come from outside the data folder, where a table of lungs
            has such images (`training.data.outlines.read_elsewhere`).
        restyle: probability of giving an image the sharpness and grey levels of one of the other
            class, so that neither tells the class (`training.fitting.exchange.restyle`).
        restyle_planted: the same for images of known places.
        exchange_outside: probability of showing an image's lungs in the surroundings of another's.
        evidence_weight: of the places' loss beside that of the class.
        lungs_weight: of the loss of the lungs' outlines.
    """

    fraction: float = 0.375
    planted: float = 0.6
    elsewhere: float = 0.3
    restyle: float = 0.3
    restyle_planted: float = 0.7
    exchange_outside: float = 0.2
    evidence_weight: float = 2.0
    lungs_weight: float = 1.0

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            highest = 10 if name.endswith("weight") else 1
            if not 0 <= value <= highest or (name == "fraction" and value == 1):
                raise ValueError(f"Expected {name} from 0 to {highest}. Received: {value!r}")


@dataclass(frozen=True, kw_only=True)
class HeatmapFloor:
    """What heatmaps have to reach on patients that no fit learns from, for a model to ship.

    Attributes:
        in_lungs: least mean fraction of the heat in people's outlines of the lungs.
        locality: greatest median fraction of the lungs above half of the map's maximum.
        planted_hit: least fraction of opacities, of 10 % of the side and half strength, planted in
            normal images, with the hottest point in them.
    """

    in_lungs: float = 0.8
    locality: float = 0.4
    planted_hit: float = 0.35


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """All that decides a fit besides the images.

    Attributes:
        preset: the preset that this came from.
        network: which network.
        preprocessing: how images reach it.
        augmentation: how images are varied.
        local: what the evidence network learns of places.
        floor: what its heatmaps have to reach.
        epochs: how many passes.
        select_by: the epoch whose weights are the result: ``"last"``, so that validation chooses
            nothing; or the best by one of `SELECTABLE`, of those with images at full size. What
            is then measured on the same images is too good by that choice.
        small_size: side of the images in the first epochs, for an early start at a fraction of the
            cost (Tan 2021, arXiv 2104.00298, section 4).
        small_fraction: share of the epochs at that size, in [0, 1).
        batch_size: images in a batch.
        optimizer: ``"adam"`` at a constant rate, or ``"adamw"`` with warm-up and cosine decay.
        learning_rate: at its highest.
        warmup_epochs: epochs over which the rate rises from a hundredth (adamw).
        weight_decay: decoupled (adamw).
        ema_momentum: of the exponential average of the weights, which is what is kept; 0 for
            none (adamw).
        balance: of the classes, which differ in size. ``"batches"``: each batch half normal, half
            pneumonia, and each epoch every image of the smaller class once. ``"undersample"``: as
            many images of each class, too, but shuffled all together. ``"oversample"``: each
            epoch every image of the larger class once, those of the smaller repeatedly.
            ``"weights"``: every image once, and the loss weighs the classes alike. ``"none"``:
            every image once. A last, smaller batch is left out.
        label_smoothing: targets become s/2 and 1 - s/2.
        mixup_alpha: of the Beta distribution that images and labels are mixed by (Zhang 2017,
            arXiv 1710.09412); 0 for none.
        flip_tta: answers are the mean over a image and its mirror image, so that neither decides;
            logits and heatmaps alike.
        validation_fraction: share of images held out, by patient; 0 for none, where a
            cross-validation gives the thresholds.
        seed: of split, weights, order, augmentation and dropout.
    """

    preset: str
    network: NetworkConfig = field(default_factory=NetworkConfig)
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    local: LocalConfig = field(default_factory=LocalConfig)
    floor: HeatmapFloor = field(default_factory=HeatmapFloor)
    epochs: int = 18
    select_by: str = LAST
    small_size: int = 128
    small_fraction: float = 0.6
    batch_size: int = 32
    optimizer: str = "adamw"
    learning_rate: float = 2e-3
    warmup_epochs: int = 2
    weight_decay: float = 0.02
    ema_momentum: float = 0.99
    balance: Balance = "batches"
    label_smoothing: float = 0.05
    mixup_alpha: float = 0.0
    flip_tta: bool = True
    validation_fraction: float = 0.15
    seed: int = 1

    def __post_init__(self) -> None:
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            if not low <= value <= high or value in _NEVER.get(name, ()):
                never = " or ".join(str(number) for number in _NEVER.get(name, ()))
                but = f", but not {never}" if never else ""
                raise ValueError(f"Expected {name} from {low} to {high}{but}. Received: {value!r}")
            if name in _WHOLE and not isinstance(value, int):
                raise ValueError(f"Expected {name} to be a whole number. Received: {value!r}")
        choices = {
            "balance": get_args(Balance),
            "select_by": (LAST, *SELECTABLE),
            "optimizer": ("adam", "adamw"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"Expected {name} to be one of {', '.join(allowed)}. "
                    f"Received: {getattr(self, name)!r}"
                )
        if self.select_by != LAST and not self.validation_fraction:
            raise ValueError(
                f"Expected select_by {LAST} where no images are held out: nothing could choose the "
                f"epoch. Received: {self.select_by!r}"
            )
        if self.network.input_size != self.preprocessing.size:
            raise ValueError(
                "Expected images as large as the network's input. Received: "
                f"size={self.preprocessing.size}, input_size={self.network.input_size}"
            )
        self._check_early_epochs()

    def _check_early_epochs(self) -> None:
        if not self.small_fraction:
            return
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
        dataclasses.replace(self.network, input_size=self.small_size)  # which checks it

    def stages(self) -> list[tuple[int, int]]:
        """Sides of the images, and the epochs until which they have them."""
        full = (self.network.input_size, self.epochs)
        until = min(round(self.epochs * self.small_fraction), self.epochs - 1)
        return [(self.small_size, until), full] if until else [full]

    @property
    def uses_ema(self) -> bool:
        """Whether an exponential average of the weights is what is kept."""
        return self.optimizer == "adamw" and self.ema_momentum > 0

    def best_epoch(self, history: Sequence[Mapping[str, float]]) -> int | None:
        """The epoch, from 1, whose weights are kept, of those in `history`; None before any.

        The first of equals, of those with images at full size: smaller ones are not to be compared
        with. The newest while there is none at full size.
        """
        full = [row for row in history if row["epoch"] > self.epochs_before_full_size()]
        if self.select_by == LAST or not full:
            return int(history[-1]["epoch"]) if history else None
        sign = 1 if SELECTABLE[self.select_by] else -1
        return int(max(full, key=lambda row: sign * row[self.select_by])["epoch"])

    def epochs_before_full_size(self) -> int:
        """How many epochs see images at `small_size`."""
        return sum(until for _, until in self.stages()[:-1])

    def with_settings(self, settings: Mapping[str, Any], *, preset: str) -> TrainingConfig:
        """This configuration with some of it changed.

        Args:
            settings: new values by name; ``"network.dropout"`` is a field of a field.
            preset: what to call the result.

        Raises:
            TypeError, ValueError: a field is unknown or out of range.
        """
        changes: dict[str, Any] = {}
        for name, value in settings.items():
            split, _, field_name = name.rpartition(".")
            if split:
                before = changes.get(split, getattr(self, split))
                changes[split] = dataclasses.replace(before, **{field_name: value})
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
        step = self.network.stride
        small = max(step, round(self.small_size * size / self.network.input_size / step) * step)
        return dataclasses.replace(
            self,
            network=dataclasses.replace(self.network, input_size=size),
            preprocessing=dataclasses.replace(self.preprocessing, size=size),
            small_size=min(small, size),
        )

    def to_json(self) -> dict[str, Any]:
        """The configuration as plain JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> TrainingConfig:
        """From the values that `to_json` gave, also by earlier versions.

        Raises:
            TypeError, KeyError, ValueError: a field is unknown, missing or out of range.
        """
        document = with_new_names(document)
        if "balance_classes" in document:  # its name before there was more than on and off
            document["balance"] = "batches" if document.pop("balance_classes") else "none"
        splits = {
            "network": NetworkConfig.from_json(document["network"]),
            "preprocessing": Preprocessing(**document["preprocessing"]),
            "augmentation": AugmentationConfig(**document["augmentation"]),
            "local": LocalConfig(**document.get("local", {})),
            "floor": HeatmapFloor(**document.get("floor", {})),
        }
        return cls(**{**document, **splits})


def as_written_now(document: dict[str, Any]) -> dict[str, Any]:
    """A configuration's JSON values as this version writes them, to be compared with others."""
    try:
        current: dict[str, Any] = TrainingConfig.from_json(document).to_json()
    except (TypeError, KeyError, ValueError):
        current = document
    found: dict[str, Any] = json.loads(json.dumps(current))
    return found
