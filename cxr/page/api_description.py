"""What Gradio's page on the API says of our endpoints: their parameters and results, with examples.

Gradio takes an endpoint's types from its annotations and the first lines of its docstring. The rest
of the docstring is put in here, and examples that run as they stand.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import gradio as gr

from cxr.messages import as_sentence


def _example(path: str) -> dict[str, Any]:
    """A file as Gradio describes one, of which its page makes ``handle_file(path)``."""
    return {"path": path, "url": path, "meta": {"_type": "gradio.FileData"}}


_LABELS = {"image": "radiograph", "images": "radiographs"}  # of parameters
_EXAMPLES: dict[str, Any] = {
    "image": _example("examples/hila.jpeg"),
    "images": [_example("examples/hila.jpeg"), _example("examples/dicom.dcm")],
}
_TYPES = {"threshold": {"type": "number"}}  # without the "or None" of an optional one


def description(endpoint: Callable[..., Any]) -> str:
    """What an endpoint does and returns, from its docstring."""
    does, _, returns = _parts(endpoint)
    return f"{does} Returns {returns}"


def describe(page: gr.Blocks, endpoint: Callable[..., Any]) -> None:
    """Describe the parameters and the result of an endpoint.

    Args:
        page: with the endpoint, while it is being built.
        endpoint: a function that was given to ``gr.api``.
    """
    _, arguments, _ = _parts(endpoint)
    (described,) = (each for each in page.fns.values() if each.fn is endpoint)
    for block, name in zip(described.inputs, inspect.signature(endpoint).parameters, strict=True):
        _describe(block, name, arguments[name])
    for block in described.outputs:
        block.label = endpoint.__name__


def _describe(block: Any, name: str, said: str) -> None:
    info = {**block.api_info(), **_TYPES.get(name, {}), "additional_description": as_sentence(said)}
    if name in _TYPES:
        info.pop("oneOf", None)
    block.label = _LABELS.get(name, name)
    block.api_info = lambda: info
    block.example_payload = lambda: _EXAMPLES.get(name)


def _parts(endpoint: Callable[..., Any]) -> tuple[str, dict[str, str], str]:
    """What an endpoint does, what each parameter is, and what it returns: each as one line."""
    does, _, rest = (inspect.getdoc(endpoint) or "").partition("\n\nArgs:\n")
    arguments, _, returns = rest.partition("\n\nReturns:\n")
    found = re.findall(r"^ {4}(\w+): (.*?)(?=\n {4}\w|\Z)", arguments, re.MULTILINE | re.DOTALL)
    return _line(does), {name: _line(said) for name, said in found}, _line(returns)


def _line(said: str) -> str:
    return " ".join(said.split())
