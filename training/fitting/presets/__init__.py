"""Named configurations, one file each: every value, why, how long, what to expect, the command.

To only try settings, no file here is needed: give `--preset` a JSON file with every value, or the
config.json of a run. To add a preset, copy default.py to NAME.py, set ``preset="NAME"`` and every
value, rewrite its docstring, and add it to `DOCUMENTS`. For its card in the studio, add it to
`FIGURES` in training/studio/preset_cards.py, and ``preset_NAME_what`` and ``preset_NAME_time`` to
cxr/messages.toml, in both languages; numbers there have to be in the docstring, too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cxr.errors import RunError
from training.files import read_json
from training.fitting.config import TrainingConfig
from training.fitting.earlier_configs import lacking
from training.fitting.presets import baseline, default, tiny

DOCUMENTS = {"baseline": baseline, "default": default, "tiny": tiny}
PRESETS: dict[str, TrainingConfig] = {name: document.CONFIG for name, document in DOCUMENTS.items()}


def load_preset(name: str) -> TrainingConfig:
    """A preset by its name, or a configuration from a JSON file.

    Args:
        name: of the preset, or the path of a file with every value of one: what a search of
            settings writes as best.json, or the config.json of a run.

    Raises:
        RunError: there is neither, or the file lacks a value.
    """
    if name in PRESETS:
        return PRESETS[name]
    try:
        document = read_json(Path(name))
        if _is_run(document):
            return TrainingConfig.from_json(document["training"])
        config = TrainingConfig.from_json(document)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        known = ", ".join(sorted(PRESETS))
        raise RunError(
            f"{name}: expected a preset ({known}), or a JSON file with every value of one, such as "
            f"the config.json of a run ({error!r})."
        ) from error
    # Earlier versions were without these settings. Nobody knows whether whoever wrote the file was.
    if missing := lacking(document):
        values = ", ".join(f"{setting} = {value}" for setting, value in missing.items())
        raise RunError(
            f"{name}: lacks settings. Add them; earlier versions, which did not have them, trained "
            f"as with {values}."
        )
    return config


def _is_run(document: Any) -> bool:
    return isinstance(document, dict) and {"training", "data", "versions"} <= document.keys()
