"""Grey levels as a file stores them, before any window: what a viewer's own window works on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

WHITE = 65_535


@dataclass(frozen=True, eq=False, kw_only=True)
class StoredLevels:
    """Grey levels with more than eight bits.

    Attributes:
        levels: uint16 (H, W), from 0, shown black, to 65,535, shown white.
        black: the file's own value at level 0: in Hounsfield-like units, counts, …
        white: the same at level 65,535; below `black` where the file stores negatives.
        window: the values that the file itself wants shown black and white; None where it names
            no window.
    """

    levels: npt.NDArray[np.uint16]
    black: float
    white: float
    window: tuple[float, float] | None = None

    @classmethod
    def from_values(
        cls,
        values: npt.NDArray[Any],
        *,
        low: float,
        high: float,
        inverted: bool = False,
        window: tuple[float, float] | None = None,
    ) -> StoredLevels:
        """Spread values over all levels.

        Args:
            values: (H, W), numbers.
            low: the value that becomes the darkest level, as all below it.
            high: the one that becomes the brightest, above `low`.
            inverted: whether high values are shown dark.
            window: the values that the file wants shown at the two ends, the lower first.
        """
        scale = np.float32(WHITE / max(high - low, 1e-6))
        levels = np.clip((values.astype(np.float32) - np.float32(low)) * scale, 0, WHITE)
        if inverted:
            levels = WHITE - levels
            low, high = high, low
            window = window and (window[1], window[0])
        return cls(levels=np.rint(levels).astype(np.uint16), black=low, white=high, window=window)
