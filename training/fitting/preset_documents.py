"""What the document of a preset says about it: for people who choose one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType


@dataclass(frozen=True)
class Description:
    """The parts of a preset's document.

    Attributes:
        what: its first sentence.
        time: how long it takes.
        figures: what to expect, one sentence each; empty where nothing is to be expected.
    """

    what: str
    time: str
    figures: tuple[str, ...]


def describe(preset: ModuleType) -> Description:
    """Read the document of a preset: the docstring of its module.

    Raises:
        ValueError: it does not say how long the preset takes.
    """
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", preset.__doc__ or "")]
    time = next((part for part in paragraphs if re.match(r"Time\b", part)), None)
    if time is None:
        raise ValueError(f"{preset.__name__}: expected a paragraph that begins with Time.")
    listed = ""
    for heading, part in pairwise(paragraphs):
        if heading.startswith("Expected figures"):
            listed = part
    figures = tuple(_plain(item).rstrip(";.") for item in re.split(r"(?:^|\s)- ", listed) if item)
    return Description(
        what=_plain(paragraphs[0]),
        time=_plain(re.sub(r"^Time( on two cores)?: ", "", time)),
        figures=figures,
    )


def _plain(words: str) -> str:
    """Without the marks of code."""
    return words.replace("``", "").strip()
