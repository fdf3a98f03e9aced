"""Every error that this project raises on purpose.

    CXRError
    ├── RadiographError            one file is at fault; the others go on
    │   ├── UnreadableRadiograph   missing, empty, truncated or not a picture
    │   ├── UnsupportedRadiograph  a picture, but of a kind that is not read here
    │   ├── RadiographTooLarge     more pixels, bytes or memory than the reader takes
    │   └── NotAChestRadiograph    read, but not recognised as a frontal chest radiograph
    ├── BundleError                a model or the gate is incomplete, altered or of another version
    ├── HubError                   a repository of the Hub cannot be found, read or written
    ├── BackendError               Keras runs on a backend that cannot draw heatmaps
    ├── PageError                  a page cannot be served
    ├── CasesError                 the examples are damaged or incomplete
    ├── MissingPackage             an optional package is not installed
    ├── DatasetError               a training folder is not what was expected
    └── RunError                   a training command cannot start, go on or write its results

A message names the file, says what was expected and what came, and what to do about it.
"""

from __future__ import annotations

import errno
import os
import unicodedata
from functools import partial
from typing import TYPE_CHECKING, Any

from cxr.messages import Message, text

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from cxr.gate.result import GateResult
    from cxr.language import Language


def for_terminal(text: str) -> str:
    """Text that is safe to print: control characters, as a file's name may hold, are escaped.

    A name could otherwise end a line and make up the next one, or have the terminal do things.
    """
    return "\n".join(
        "".join(
            sign if sign.isprintable() or unicodedata.category(sign) == "Zs" else ascii(sign)[1:-1]
            for sign in line
        )
        for line in text.split("\n")
    )


def first_line(error: Exception) -> str:
    """The first line of an error's message; the name of its class if it has none."""
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__


class CXRError(Exception):
    """Base of all errors below: catch this one to catch them all."""

    def __init__(self, said: str | Message = "") -> None:
        """Take the message: an English sentence, or a `Message`, which has every language."""
        super().__init__(str(said))
        self._said = said

    def say(self, language: Language) -> str:
        """What is said, in this language if it is a `Message`, else in English."""
        return self._said.say(language) if isinstance(self._said, Message) else str(self)


class RadiographError(CXRError):
    """A file cannot be taken as a radiograph.

    Attributes:
        message: why, and what to do about it.
        name: what the file is called; "" within `cxr.reading`, until `read_radiograph` names it.
    """

    def __init__(self, message: Message, *, name: str = "") -> None:
        """Take what is wrong with a file, and the file's name where it is known."""
        super().__init__(message)
        self.message = message
        self.name = name

    def __str__(self) -> str:
        """What the file is called, and why it cannot be taken."""
        return self.say("en")

    def say(self, language: Language) -> str:
        """What the file is called, and why it cannot be taken."""
        said = self.message.say(language)
        return f"{self.name}: {said}" if self.name else said


class UnreadableRadiograph(RadiographError):
    """The file is missing, empty, truncated, or no picture at all."""


class UnsupportedRadiograph(RadiographError):
    """The file is a picture of a kind that is not read here (several pages, CMYK, a GIF, …).

    Attributes:
        picture: grey levels (H, W) in [0, 1], to show what is meant; of a DICOM file of another
            modality, None of others.
    """

    def __init__(
        self,
        message: Message,
        *,
        name: str = "",
        picture: npt.NDArray[np.float32] | None = None,
    ) -> None:
        """Take what is wrong with a file, and its picture where that could be read."""
        super().__init__(message, name=name)
        self.picture = picture


class RadiographTooLarge(RadiographError):
    """The file has more pixels or bytes than the reader takes, or needs more memory."""


class NotAChestRadiograph(RadiographError):
    """The picture is not recognised as a frontal chest radiograph.

    Attributes:
        gate_result: what was found, with the reasons.
    """

    def __init__(self, gate_result: GateResult, *, name: str) -> None:
        """Take what the gate found, and what the radiograph is called."""
        super().__init__(gate_result.reasons[0], name=name)
        self.gate_result = gate_result

    def __reduce__(self) -> tuple[Any, ...]:
        """As it was made, for another process."""
        return partial(type(self), name=self.name), (self.gate_result,)

    def say(self, language: Language) -> str:
        """What the radiograph is called, and each reason why it is not recognised."""
        reasons = "; ".join(reason.say(language) for reason in self.gate_result.reasons)
        return f"{self.name}: {reasons}"


class BundleError(CXRError):
    """A model or the gate is incomplete, altered, or made for another version of the code."""

    def say(self, language: Language) -> str:
        """What is said; in other languages than English, the rest is marked as a detail."""
        said = super().say(language)
        if language == "en" or isinstance(self._said, Message):
            return said
        return text("bundle_problem", language, why=said)


class HubError(CXRError):
    """A repository of the Hub cannot be found, read or written."""


class BackendError(CXRError):
    """Keras runs on a backend that cannot draw heatmaps, or on none."""


class PageError(CXRError):
    """A page cannot be served: its port is taken, or this machine refuses."""


class CasesError(CXRError):
    """The document of the examples is damaged, or a file that it names is missing."""


class MissingPackage(CXRError):
    """What was asked for needs an optional package that is not installed."""


class DatasetError(CXRError):
    """A data folder is empty, lacks a class, or holds files that cannot be read."""


class RunError(CXRError):
    """A training command cannot start, go on or write its results."""


_FULL = {errno.ENOSPC, errno.EFBIG, *filter(None, [getattr(errno, "EDQUOT", None)])}


def not_written(path: str | os.PathLike[str], error: OSError) -> str:
    """What to say of a file or folder that cannot be written: why, and what to do about it."""
    # Libraries pass on the text alone; the second is SQLite's.
    said = ("No space left", "disk is full")
    full = error.errno in _FULL or any(words in str(error) for words in said)
    advice = (
        "Free some space there, then give the same command again."
        if full
        else "Make it writable, or name another place."
    )
    return f"{os.fspath(path)}: cannot be written ({error.strerror or error}). {advice}"
