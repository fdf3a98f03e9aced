"""What browsers and programs may send to the page's functions: any JSON value is answered."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Callable
from functools import cache
from typing import Any
from unittest import mock

import cv2
from gradio import HTML, Blocks, Error
from gradio.routes import ORJSONResponse

from cxr.classifier import Classifier, Prediction
from cxr.errors import NotAChestRadiograph
from cxr.messages import text
from cxr.model.bundle import load_bundle
from cxr.page.api import create_api
from cxr.page.many import create_many
from cxr.page.viewer import create_viewer
from cxr.page.waiting_turns import Turns
from cxr.reading.radiograph import Radiograph
from tests.conftest import ROOT, run_loop
from tests.fuzz import seeds
from tests.fuzz.choices import Choices
from tests.fuzz.folder import FOLDER
from training.data.digests import array_digest

_KEYS = (
    *("path", "name", "case", "kind", "language", "threshold", "own", "confidence"),
    *("prevalence", "keep_identifiers", "meta", "orig_name", "map", "turns"),
)
_WORDS = (
    "",
    "\0",
    "..",
    "../x",
    "dicom",
    "report",
    "fr",
    "en",
    "x" * 5000,
    "é\ud800",
    "NORMAL",
    "~",
)
_FILES = ("hila.jpeg", "dicom.dcm", "drawing.png", "small.png", "none", ".", "../x")
_NUMBERS = (0, 1, 0.5, -1, 1e308, float("nan"), float("inf"), 10**400, True, None)
_FUNCTIONS = (
    ("viewer", "answer_one"),
    ("viewer", "keep_file"),
    ("many", "classify_one"),
    ("many", "overlay_of"),
)


def request(content: bytes) -> None:
    """One of the functions, with a value that the bytes choose."""
    choices = Choices(content)
    component, function = choices.one_of(_FUNCTIONS)
    asked = _asked(choices) if choices.number(0, 7) else _value(choices, depth=0)
    with mock.patch.dict(os.environ, {"GRADIO_TEMP_DIR": str(FOLDER)}):
        answer = getattr(_components()[component], function)(asked)
    assert isinstance(answer, dict)
    assert ORJSONResponse(answer).body  # as Gradio sends it
    # An error that nobody foresaw is said as such.
    assert "failed" not in (answer.get("kind"), answer.get("problem")), asked
    assert text("failed", "en") not in str(answer), asked
    assert "failed" not in [each["code"] for each in answer.get("messages", ())], asked


def endpoint(content: bytes) -> None:
    """One of the documented endpoints, with arguments that the bytes choose."""
    choices = Choices(content)
    function = choices.one_of(_endpoints())
    names = list(inspect.signature(function).parameters)
    arguments = {"image": _file(choices), "images": _value(choices, depth=0)}
    if choices.number(0, 2):
        arguments["images"] = [_file(choices) for _ in range(choices.number(0, 3))]
    arguments["threshold"] = choices.one_of([0.5, *_NUMBERS, *_WORDS])
    with mock.patch.dict(os.environ, {"GRADIO_TEMP_DIR": str(FOLDER)}):
        try:
            answer = function(**{name: arguments[name] for name in names})
        except Error as error:  # ours, with a text that the client is shown
            assert str(error.message)
            assert not error.print_exception
            return
    assert ORJSONResponse(answer).body
    for record in answer if isinstance(answer, list) else [answer]:
        assert record.get("status", "ok") in ("ok", "refused", "error")


# What the page itself sends, apart from the file.
_USUAL: dict[str, tuple[Any, ...]] = {
    "name": ("hila.jpeg", "dicom.dcm", "x/é.dcm", "a.b.c"),
    "kind": ("dicom", "report"),
    "language": ("fr", "en"),
    "threshold": (0.5, 0, 1),
    "own": ("NORMAL", "PNEUMONIA", "UNSURE", "UNCERTAIN"),
    "confidence": (0.75, 0.5),
    "prevalence": (0.01, 0.99),
    "keep_identifiers": (True, False),
    "turns": (0, 1, 2, 3, 7, -1),
}


def _asked(choices: Choices) -> dict[str, Any]:
    """A request as the page sends it, with some values replaced, left out or added."""
    asked: dict[str, Any] = {"path": str(FOLDER / choices.one_of(_FILES))}
    if not choices.number(0, 3):
        asked = {"case": choices.one_of(["hila", "none"])}
    for key, values in _USUAL.items():
        if choices.number(0, 2):
            asked[key] = choices.one_of(values)
    if choices.number(0, 3):
        rows, columns = choices.number(1, 5), choices.number(1, 5)
        values = (0.0, 0.5, 1.0, -3.0, 1e30)
        asked["map"] = [[choices.one_of(values) for _ in range(columns)] for _ in range(rows)]
        if not choices.number(0, 3):
            asked["map"][choices.number(0, rows - 1)] = _value(choices, depth=2)
    for _ in range(choices.number(0, 5) // 2):
        asked[choices.one_of([*asked, *_KEYS])] = _value(choices, depth=1)
    return asked


class _Remembering(Classifier):
    """Answers a radiograph once: what is fuzzed is how it is asked for."""

    def __init__(self) -> None:
        super().__init__(load_bundle())
        self._known: dict[str, Prediction | NotAChestRadiograph] = {}

    def predict(self, radiograph: Radiograph) -> Prediction:
        key = array_digest([radiograph.pixels])
        if key not in self._known:
            try:
                self._known[key] = super().predict(radiograph)
            except NotAChestRadiograph as refusal:
                self._known[key] = refusal
        found = self._known[key]
        if isinstance(found, NotAChestRadiograph):
            raise found.with_traceback(None)  # or each time would keep its frames
        return found


def _file(choices: Choices) -> Any:
    """What a client names as a file: often one that is there, sometimes anything."""
    if not choices.number(0, 3):
        return _value(choices, depth=choices.number(0, 1))
    return {
        "path": str(FOLDER / choices.one_of(_FILES)),
        "orig_name": choices.one_of([*_WORDS, *_NUMBERS]),
    }


@cache
def _endpoints() -> list[Callable[..., Any]]:
    _components()  # and their files

    async def made() -> list[Callable[..., Any]]:
        with Blocks(analytics_enabled=False) as page:
            create_api(page, _Remembering(), turns=Turns(1))
        return [block.fn for block in page.fns.values() if block.fn]

    # Within a loop, or Gradio would make one for each lock, and close none.
    return run_loop(made())


@cache
def _components() -> dict[str, HTML]:
    logging.disable()
    classifier = _Remembering()
    cv2.imwrite(str(FOLDER / "small.png"), seeds.GREY)  # quick to read
    for name in ("hila.jpeg", "dicom.dcm", "drawing.png"):
        (FOLDER / name).write_bytes((ROOT / "examples" / name).read_bytes())
    viewer = create_viewer(
        classifier, cases={"hila": FOLDER / "hila.jpeg"}, turns=Turns(1), elem_id="viewer"
    )
    return {"viewer": viewer, "many": create_many(classifier, turns=Turns(1), elem_id="many")}


def _value(choices: Choices, *, depth: int) -> Any:
    kind = choices.number(0, 9) if depth else 9
    if depth > 3 or kind < 3:
        return choices.one_of(_NUMBERS)
    if kind < 6:
        return choices.one_of(_WORDS)
    if kind == 6:
        return str(FOLDER / choices.one_of(_FILES))
    if kind == 7:
        return [_value(choices, depth=depth + 1) for _ in range(choices.number(0, 3))]
    if kind == 8:
        return choices.some_bytes(20).decode("utf-8", errors="surrogateescape")
    keys = [choices.one_of(_KEYS) for _ in range(choices.number(0, 6))]
    return {key: _value(choices, depth=depth + 1) for key in keys}
