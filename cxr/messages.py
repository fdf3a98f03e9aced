"""Reads `messages.toml`, the table of all that people read, and fills its sentences in.

A `Message` is a key of that table and the values that its sentence names: rules return messages,
tests compare them, and the page says them in the reader's language. Only this module reads the
table; the browser receives it as `page_texts`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from cxr.language import LANGUAGES, Language, format_number, is_singular, keep_together

Value = str | float
Texts = dict[str, str]  # each key with its sentence in one language

_FILE = Path(__file__).with_suffix(".toml")
_STUDIO = "studio"  # the heading of what only the studio says
_PLOTS = "plots"  # the heading of the words in pictures of plots, which no browser needs
_NAME = re.compile(r"\{(\w+)(?:\|([^{}|]*)\|([^{}|]*))?\}")  # {name} or {name|one|many}


@dataclass(frozen=True)
class Message:
    """A sentence that has yet to be put in a language.

    Attributes:
        code: its key in `messages.toml`.
        values: what the sentence names in braces.
    """

    code: str
    values: Mapping[str, Value] = field(default_factory=dict)

    def __str__(self) -> str:
        """The English sentence as it stands in the table."""
        return self.say("en")

    def say(self, language: Language) -> str:
        """The sentence as it stands in the table, filled in.

        Raises:
            KeyError: the table has no such key, or the sentence names a value that is missing.
        """
        return text(self.code, language, **self.values)


@cache
def all_texts() -> dict[Language, Texts]:
    """Every sentence of the table by language and key, with its braces."""
    return _texts(_headings())


@cache
def page_texts() -> dict[Language, Texts]:
    """The same without those of the studio, which the page's browser need not fetch."""
    return _texts(heading for heading in _headings() if heading not in (_STUDIO, _PLOTS))


@cache
def studio_texts() -> dict[Language, Texts]:
    """Those of the studio alone."""
    return _texts([_STUDIO])


@cache
def _headings() -> dict[str, dict[str, dict[Language, str]]]:
    """The table as it is: headings, keys, languages."""
    with _FILE.open("rb") as file:
        return tomllib.load(file)


def _texts(headings: Iterable[str]) -> dict[Language, Texts]:
    entries = {key: entry for name in headings for key, entry in _headings()[name].items()}
    return {
        language: {key: keep_together(entry[language], language) for key, entry in entries.items()}
        for language in LANGUAGES
    }


def text(key: str, language: Language, **values: Value) -> str:
    """One sentence of the table, filled in.

    Args:
        key: of the sentence.
        language: in which it is said.
        values: what it names in braces; numbers are written as the language writes them.

    Raises:
        KeyError: the table has no such key, or the sentence names a value that is missing.
    """
    sentences = all_texts()[language]
    if key not in sentences:
        raise KeyError(f"{key}: no such key in {_FILE.name}. Add it there, in every language.")
    return fill(sentences[key], language, values)


def fill(sentence: str, language: Language, values: Mapping[str, Value]) -> str:
    """A sentence with what is in braces replaced; see the head of `messages.toml`.

    Raises:
        KeyError: it names a value that is missing.
    """

    def replace(found: re.Match[str]) -> str:
        name, one, many = found.groups()
        if name not in values:
            raise KeyError(f"{name}: no value was given for it. Sentence: {sentence}")
        value = values[name]
        if isinstance(value, str):
            return value
        if one is None:
            return format_number(value, language)
        return str(one if is_singular(value, language) else many)

    return _NAME.sub(replace, sentence)


def as_sentence(said: str) -> str:
    """With a capital and, unless it ends with a sign of its own, a full stop."""
    stop = "" if not said or said[-1] in ".?!" else "."
    return f"{said[:1].upper()}{said[1:]}{stop}"


def sentences(messages: Iterable[Message], language: Language = "en") -> str:
    """Messages as sentences, one after the other."""
    return " ".join(as_sentence(message.say(language)) for message in messages)
