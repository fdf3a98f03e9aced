"""Named configurations, one file each: every value, why, how long, what to expect, the command.

To only try settings, no file here is needed: give `--preset` a JSON file with every value. To add a
preset, copy default.py to NAME.py, set ``preset="NAME"`` and every value, rewrite its docstring,
and add it to `DOCUMENTS`. For its card in the studio, add it to `FIGURES` in
training/studio/preset_cards.py, and ``preset_NAME_what`` and ``preset_NAME_time`` to
cxr/messages.toml, in both languages; numbers there have to be in the docstring, too.
"""

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
