"""The page's endpoints as tools of the Model Context Protocol, for assistants (`app.py --mcp`).

A radiograph comes within the call, as a data URI: it is not stored, and no path and no address is
opened for a client. Gradio's own server for this is not used, since it does each of these: it keeps
what it is sent in a folder that nobody empties, and sends clients' paths and addresses on. It also
writes the path that a browser asks for into a script.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

import cxr
from cxr.classifier import Classifier
from cxr.messages import as_sentence, sentences, text
from cxr.optional_packages import require_extra
from cxr.outcome import answer_file
from cxr.output.record import to_record
from cxr.page.api import heatmap_png, overlay_png
from cxr.page.failures import log_failure
from cxr.page.limits import CALL_BYTES, MCP_PATH
from cxr.page.receiving import Full, Places, in_one_piece, receive_whole
from cxr.page.waiting_turns import Busy, Turns

_NOT_A_DEVICE = "For research and teaching on children of 1 to 5 years; no medical device."
_IMAGE = {
    "type": "string",
    "description": "The radiograph as a data URI in base64, such as data:image/jpeg;base64,…: "
    "JPEG, PNG or DICOM, at most 14 MB. A path or a web address is refused.",
}
_THRESHOLD = {
    "type": "number",
    "minimum": 0,
    "maximum": 1,
    "description": "Predict pneumonia from this probability on, where the model's own "
    "thresholds leave some radiographs uncertain.",
}
_MAX_VALUES = 1000  # of a request; a call has about ten
_TOOLS: dict[str, tuple[str, dict[str, Any]]] = {  # what each does, and what it takes
    "classify": (
        "Classify a frontal chest radiograph of a child. Returns a JSON object with status (ok, "
        "refused or error), probability of pneumonia (0 to 1), label (NORMAL, PNEUMONIA or "
        "UNCERTAIN), in_range, threshold, uncertain (the two probabilities between which the "
        "label is UNCERTAIN), reasons, warnings, and evidence: what the answer is worth. "
        + _NOT_A_DEVICE,
        {"image": _IMAGE, "threshold": _THRESHOLD},
    ),
    "heatmap": (
        "The evidence for pneumonia in a chest radiograph: a grey PNG of the radiograph's size, "
        "black where there is none, white where there is most. " + _NOT_A_DEVICE,
        {"image": _IMAGE},
    ),
    "overlay": (
        "A chest radiograph with its heatmap laid over it, as a PNG with a caption. "
        + _NOT_A_DEVICE,
        {"image": _IMAGE},
    ),
}


def _not_of_mcp(record: logging.LogRecord) -> bool:
    return "mcp" not in Path(record.pathname).parts


class _Refused(Exception):
    """What a client sent cannot be answered; the message says why."""


def mcp_settings(classifier: Classifier, *, turns: Turns) -> dict[str, Any]:
    """What Gradio's ``launch`` takes as ``app_kwargs`` to have the tools beside the page.

    Args:
        classifier: answers.
        turns: how many radiographs are classified at a time.

    Returns:
        ``routes`` and ``lifespan``.

    Raises:
        MissingPackage: the packages of requirements-mcp.txt are not installed.
    """
    require_extra("mcp", "mcp", needed_by="The option --mcp needs")
    from mcp import types
    from mcp.server.lowlevel import Server
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    # The library's log quotes what clients make up, of any length; some of it under no name.
    logging.getLogger("mcp").setLevel(logging.CRITICAL)
    logging.getLogger().addFilter(_not_of_mcp)
    server = Server("cxr", version=cxr.__version__)

    async def list_tools() -> list[types.Tool]:
        return [
            types.Tool(
                name=name,
                description=does,
                inputSchema={
                    "type": "object",
                    "properties": takes,
                    "required": ["image"],
                    "additionalProperties": False,
                },
            )
            for name, (does, takes) in _TOOLS.items()
        ]

    async def call_tool(name: str, arguments: dict[str, Any]) -> types.CallToolResult:
        try:
            kind, said = await asyncio.to_thread(_answer, name, arguments, classifier, turns)
        except _Refused as error:
            why = types.TextContent(type="text", text=str(error))
            return types.CallToolResult(content=[why], isError=True)
        if kind == "text":
            return types.CallToolResult(content=[types.TextContent(type="text", text=said)])
        picture = types.ImageContent(type="image", data=said, mimeType="image/png")
        return types.CallToolResult(content=[picture])

    server.list_tools()(list_tools)
    server.call_tool()(call_tool)  # checks arguments against the schema
    manager = StreamableHTTPSessionManager(
        app=server, json_response=True, stateless=True, max_request_body_size=CALL_BYTES
    )

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        async with manager.run():
            yield

    endpoint = _Endpoint(manager)
    routes = [Route(path, endpoint, methods=["POST"]) for path in (MCP_PATH, f"{MCP_PATH}/")]
    routes.append(Route(f"{MCP_PATH}/schema", _list_for_the_api_page))
    return {"routes": routes, "lifespan": lifespan}


async def _list_for_the_api_page(_: Request) -> JSONResponse:
    """The tools in the form in which Gradio's page on the API lists them."""
    listed = [
        {
            "name": name,
            "description": does,
            "inputSchema": {"properties": takes},
            "endpoint_name": name,
            "meta": {"mcp_type": "tool", "file_data_present": False, "headers": []},
        }
        for name, (does, takes) in _TOOLS.items()
    ]
    return JSONResponse(listed)


class _Endpoint:
    """Answers a few calls at a time, since each is held in memory."""

    def __init__(self, manager: Any) -> None:
        self._manager, self._places = manager, Places()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self._places.take(scope):
                body = await receive_whole(receive)
                if why := await asyncio.to_thread(_unexpected, body):
                    refusal = _refusal(why, 400, {})
                else:
                    await self._manager.handle_request(scope, in_one_piece(body, receive), send)
                    return
        except Full:
            refusal = _refusal("Busy.", 503, {"Retry-After": "10"})
        await refusal(scope, receive, send)


def _unexpected(body: bytes) -> str:
    """Why a request is none that a client sends; empty if it may be one.

    The library would look at each of a million values, which holds up all others, and quote what
    it does not expect in its log.
    """
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return "Expected JSON."
    if not isinstance(message, dict) or not isinstance(message.get("method"), str):
        return "Expected a JSON-RPC request: an object with a method."
    if not re.fullmatch(r"[a-z][a-zA-Z/_]{0,63}", message["method"]):
        return "Expected the name of a method."
    values, count = [message], 0
    while values:
        value = values.pop()
        count += 1
        if count > _MAX_VALUES:
            return f"Expected at most {_MAX_VALUES} values."
        if isinstance(value, dict):
            values += value.values()
        elif isinstance(value, list):
            values += value
    return ""


def _refusal(why: str, status: int, headers: dict[str, str]) -> PlainTextResponse:
    # The rest of the body is not read.
    return PlainTextResponse(why, status, headers={**headers, "Connection": "close"})


def _answer(
    name: str, arguments: Mapping[str, Any], classifier: Classifier, turns: Turns
) -> tuple[str, str]:
    """What a tool says: ``"text"`` and JSON, or ``"image"`` and a PNG in base64.

    Raises:
        _Refused: there is no answer; it says why.
    """
    if name not in _TOOLS:
        raise _Refused(f"Expected one of the tools {', '.join(_TOOLS)}.")
    content, threshold = _content(arguments.get("image")), arguments.get("threshold")
    if threshold is not None and not 0 <= threshold <= 1:  # the schema lets NaN pass
        raise _Refused("Expected a threshold from 0 to 1.")
    try:
        with turns.take():
            outcome = answer_file(content, classifier, file="radiograph")
            if name == "classify":
                record = to_record(outcome, classifier, threshold=threshold)
                return "text", json.dumps(record, ensure_ascii=False)
            if outcome.answer is None:
                raise _Refused(sentences(outcome.why))
            radiograph, prediction = outcome.answer
            picture = (
                heatmap_png(prediction)
                if name == "heatmap"
                else overlay_png(radiograph, prediction, classifier.bundle)
            )
            return "image", base64.b64encode(picture).decode()
    except Busy as error:
        raise _Refused(as_sentence(text("state_busy", "en"))) from error
    except _Refused:
        raise
    except Exception as error:
        log_failure("a tool was not answered", error)
        raise _Refused(as_sentence(text("state_failed", "en"))) from error


def _content(image: Any) -> bytes:
    """The file within a data URI (RFC 2397).

    Raises:
        _Refused: it is none in base64.
    """
    head, _, body = str(image).partition(",")
    if head.startswith("data:") and head.endswith(";base64"):
        try:
            return base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            pass
    raise _Refused(
        "Expected the radiograph as a data URI in base64, such as data:image/jpeg;base64,…. "
        "Paths and web addresses are not opened."
    )
