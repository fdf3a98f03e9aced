"""Tables of labels as people and programs write them, well or badly, chosen by bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tests.fuzz.choices import Choices

_MARK = 8  # an input that begins with a smaller byte chooses a table; others are one
_NAMED = ("path", "image", "file", "Fichier", "filename", "x")
_LABELLED = ("label", "étiquette", "Class", "lung_mask", "y")
_FURTHER = ("patient", "split", "label", "width", "height", "x", "y", "", "positive")
_NAMES = (
    *("a.png", "b.png", "a", "b", "x/b.png", "X\\A.PNG", "./a.png", "../b.png", "/a.png"),
    *("labels.csv", "", " ", "é.png", "c.png", "a\0.png", "~/a.png", "=1+1", "a" * 300 + ".png"),
)
_LABELS = (
    *("0", "1", "normal", "PNEUMONIA", "Pneumonie", "bacterial", "oui", "NON", "négatif"),
    *(" 1 ", "", "?", "2", "1.0", "nan", "NA", "-1", "ß", "İ", "true", "a.png", "b.png"),
)
_NUMBERS = ("1", "0", "3.5", "-2", "1e308", "inf", "nan", "1e-9", "", "x", "20", "1_0", "٣")


def sheet(content: bytes) -> bytes:
    """The bytes of a table that these bytes choose, or these bytes."""
    if not content or content[0] >= _MARK:
        return content
    choices = Choices(content[1:])
    separator = choices.one_of([",", ",", ";", "\t", "|"])
    ending = choices.one_of(["\n", "\r\n", "\r", "\n\n"])
    encoding = choices.one_of(["utf-8", "utf-8-sig", "latin-1", "utf-16", "cp1252"])
    heads = [choices.one_of(_NAMED), choices.one_of(_LABELLED)]
    heads += [choices.one_of(_FURTHER) for _ in range(choices.number(0, 4))]
    if not choices.number(0, 3):
        heads = heads[::-1]
    lines = [heads] if choices.number(0, 5) else []
    # A table that is accepted, and then rows that may be odd.
    for name, label in (("a.png", "0"), ("b.png", "1"))[: choices.number(0, 2) or 2]:
        lines.append([name, label, *(_cell(choices, head) for head in heads[2:])])
    for _ in range(choices.number(0, 6)):
        lines.append([_cell(choices, head) for head in heads])
        if not choices.number(0, 7):
            lines[-1] = lines[-1][: choices.number(0, len(heads))]
    if not choices.number(0, 15):
        lines += lines[-1:] * choices.number(1, 2000)
    text = ending.join(_line(choices, cells, separator) for cells in lines)
    written = bytearray(text.encode(encoding, errors="replace"))
    for _ in range(choices.number(0, 4) // 3):  # a few bytes are damaged
        if written:
            written[choices.number(0, len(written) - 1)] = choices.number(0, 255)
    return bytes(written)


def _cell(choices: Choices, head: str) -> str:
    if head in _NAMED:
        return choices.one_of(_NAMES)
    return choices.one_of(_LABELS if head in _LABELLED else _NUMBERS)


def _line(choices: Choices, cells: Sequence[str], separator: str) -> str:
    how = choices.number(0, 7)
    if how == 0:
        cells = ['"' + cell.replace('"', '""') + '"' for cell in cells]
    elif how == 1:
        cells = [f'"{cell}' for cell in cells]  # never closed
    return separator.join(cells)


def choosing() -> Iterator[bytes]:
    """Inputs that choose tables."""
    rng = np.random.default_rng(1)
    for number in range(20):
        yield bytes([number % _MARK]) + rng.bytes(120)
