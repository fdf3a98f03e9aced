"""Named configurations, one file each: every value, why, how long, what to expect, the command."""

from __future__ import annotations

from pathlib import Path

from cxr.errors import RunError
from training.files import read_json
from training.fitting.config import TrainingConfig
from training.fitting.presets import baseline, default, tiny

DOCUMENTS = {"baseline": baseline, "default": default, "tiny": tiny}
PRESETS: dict[str, TrainingConfig] = {name: document.CONFIG for name, document in DOCUMENTS.items()}


def load_preset(name: str) -> TrainingConfig:
    """A preset by its name, or a configuration from the JSON file of this name.

    Raises:
        RunError: there is neither.
    """
    if name in PRESETS:
        return PRESETS[name]
    try:
        return TrainingConfig.from_json(read_json(Path(name)))
    except (OSError, ValueError, TypeError, KeyError) as error:
        known = ", ".join(sorted(PRESETS))
        raise RunError(
            f"{name}: expected a preset ({known}) or a JSON file with every value of one "
            f"({error!r})."
        ) from error
