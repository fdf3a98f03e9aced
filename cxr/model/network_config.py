"""What a network is built from. It needs no Keras, which `training.networks.network` does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

# Beyond what a radiograph has detail for: a bundle from elsewhere must not ask for terabytes.
_MAX_SIZE = 2048
_MAX_STAGES = 8
_MIN_PLACES = 2  # a side of a map: heatmaps are drawn between them
_MAX_SHARPNESS = 100.0  # beyond, exponentials of logits overflow

Architecture = Literal["published", "evidence"]


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """What `build_network` needs; saved in the bundle.

    Attributes:
        architecture: ``"published"`` is the student project's network, ``"evidence"`` is ours.
        input_size: side of the square input in pixels.
        stem_width: channels of the first convolution (evidence only).
        widths: channels of each stage. Evidence: the stem and each stage but the last halve the
            map, which then has input_size / 2^stages places a side. Published: one convolution of
            3×3 without padding a stage, then a pooling that halves.
        blocks: residual blocks of each stage (evidence only).
        lstm_units: units of each LSTM, per direction.
        last_width: channels of the last convolution (evidence only).
        lungs_width: channels of the layers that see the surroundings of a place to tell whether it
            lies in a lung; 0 for none (evidence only).
        lungs_from, lungs_full: probabilities of lying in a lung from which a place counts at all,
            and from which in full; in [0, 1) and (0, 1] (evidence only).
        sharpness: of the pooling, above 0; see `cxr.model.evidence.pool_evidence` (evidence only).
        dropout: rate before the last convolution (evidence) or the last layer, in [0, 1).
    """

    # The defaults are for bundles of earlier versions; our values are in the presets.
    architecture: Architecture = "evidence"
    input_size: int = 160
    stem_width: int = 24
    widths: tuple[int, ...] = (32, 64, 96)
    blocks: tuple[int, ...] = (1, 2, 2)
    lstm_units: int = 32
    last_width: int = 64
    lungs_width: int = 0
    lungs_from: float = 0.15
    lungs_full: float = 0.65
    sharpness: float = 2.0
    dropout: float = 0.2

    def __post_init__(self) -> None:
        if self.architecture not in ("published", "evidence"):
            raise ValueError(
                "Expected architecture 'published' or 'evidence'. "
                f"Received: architecture={self.architecture!r}"
            )
        sizes = (self.input_size, self.stem_width, self.lstm_units, self.last_width)
        numbers = (*sizes, *self.widths, *self.blocks)
        if not self.widths or not all(isinstance(n, int) and n > 0 for n in numbers):
            raise ValueError(f"Expected whole numbers above 0. Received: {self}")
        if max(numbers) > _MAX_SIZE or len(self.widths) > _MAX_STAGES:
            raise ValueError(
                f"Expected numbers up to {_MAX_SIZE} and up to {_MAX_STAGES} stages. "
                f"Received: {self}"
            )
        if (
            not 0 <= self.lungs_width <= _MAX_SIZE
            or not 0 <= self.lungs_from < self.lungs_full <= 1
        ):
            raise ValueError(
                f"Expected lungs_width from 0 to {_MAX_SIZE}, and lungs_from below lungs_full, "
                f"both in [0, 1]. Received: {self}"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"Expected a dropout in [0, 1). Received: dropout={self.dropout}")
        if not 0 < self.sharpness <= _MAX_SHARPNESS:
            raise ValueError(
                f"Expected a sharpness above 0 and up to {_MAX_SHARPNESS}. "
                f"Received: sharpness={self.sharpness}"
            )
        if self.input_size % self.stride:
            raise ValueError(
                f"Expected an input_size that {self.stride} divides, so that each feature sits at "
                f"the centre of its patch. Received: input_size={self.input_size}"
            )
        if self.map_side < _MIN_PLACES:
            raise ValueError(
                f"Expected an input_size that leaves {_MIN_PLACES} places a side. Received: "
                f"input_size={self.input_size}, which leaves {max(0, self.map_side)}"
            )
        if self.lungs_width and self.map_side % 2:
            raise ValueError(
                "Expected an even number of places a side where lungs_width is above 0. "
                f"Received: {self.map_side}"
            )
        if self.architecture == "evidence" and len(self.blocks) != len(self.widths):
            raise ValueError(
                "Expected as many blocks as widths. "
                f"Received: widths={self.widths}, blocks={self.blocks}"
            )

    @property
    def stride(self) -> int:
        """Pixels a side of one place of the map."""
        return 2 ** len(self.widths) if self.architecture == "evidence" else 1

    @property
    def size_step(self) -> int:
        """What the side of an image, in pixels, has to be a multiple of."""
        return self.stride * (2 if self.lungs_width else 1)

    @property
    def map_side(self) -> int:
        """Places a side of the last convolution's map."""
        if self.architecture == "evidence":
            return self.input_size // self.stride
        side = self.input_size - 2  # each 3×3 convolution is unpadded
        for _ in self.widths[1:]:
            side = side // 2 - 2
        return side

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> NetworkConfig:
        """From JSON values, whose lists become tuples.

        Raises:
            TypeError, ValueError: a field is unknown or out of range.
        """
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in document.items()
        }
        return cls(**fields)
