"""Bounds what Gradio's queue keeps for its clients, so that it neither ends nor grows.

Gradio keeps messages to a client until they are fetched, however long that takes; it keeps the
names that clients give themselves, of any length; and its queue ends for good if a client is gone
for whom a message waits.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import sys
from collections import OrderedDict
from typing import Any

import gradio as gr
from gradio.server_messages import EventMessage, ProcessCompletedMessage
from gradio.state_holder import SessionState

_MAX_CLIENTS = 2000  # that are remembered, as Gradio does
_MAX_BYTES = 300_000_000  # of answers that nobody has asked for yet; the last one stays in any case
_MAX_WEIGHT = 250_000  # of a request: names of a hundred files weigh half as much
_CLIENT = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what a client may call itself


class _Answers:
    """The answers that wait for their clients, the oldest first."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[int, tuple[ProcessCompletedMessage, int]] = OrderedDict()
        self._bytes = 0

    def add(self, answer: ProcessCompletedMessage) -> None:
        """Keep an answer, and forget the oldest if they are too many."""
        size = _size(answer.output)
        self._waiting[id(answer)] = answer, size
        self._bytes += size
        while self._bytes > _MAX_BYTES and len(self._waiting) > 1:
            forgotten, _ = next(iter(self._waiting.values()))
            self.remove(forgotten)
            forgotten.output, forgotten.success = {"error": "The answer was not fetched."}, False

    def remove(self, answer: ProcessCompletedMessage) -> None:
        """An answer has been fetched, or will not be."""
        _, size = self._waiting.pop(id(answer), (answer, 0))
        self._bytes -= size


class _Messages(asyncio.Queue[EventMessage]):
    """What is to be said to one client."""

    def __init__(self, answers: _Answers) -> None:
        super().__init__()
        self._answers = answers

    def _put(self, item: EventMessage) -> None:
        super()._put(item)
        if isinstance(item, ProcessCompletedMessage):
            self._answers.add(item)

    def _get(self) -> EventMessage:
        item = super()._get()
        if isinstance(item, ProcessCompletedMessage):
            self._answers.remove(item)
        return item

    def drop(self) -> None:
        """Nobody will ask any more."""
        while not self.empty():
            self.get_nowait()


class _Clients(OrderedDict[str, _Messages]):
    """The messages of each client; those who have been away longest are forgotten."""

    def __init__(self, events: dict[str, set[str]]) -> None:
        super().__init__()
        self._answers, self._events = _Answers(), events  # that each client waits for

    def __missing__(self, client: str) -> _Messages:
        return _Messages(_Answers())  # what is said to a client that has gone leads nowhere

    def __getitem__(self, client: str) -> _Messages:
        if client in self:
            self.move_to_end(client)
        return super().__getitem__(client)

    def __setitem__(self, client: str, _: Any) -> None:
        while len(self) >= _MAX_CLIENTS:
            del self[next(iter(self))]
        super().__setitem__(client, _Messages(self._answers))

    def __delitem__(self, client: str) -> None:
        self[client].drop()
        self._events.pop(client, None)
        super().__delitem__(client)


class _NothingKept(SessionState):  # type: ignore[misc]
    """A session of which nothing is kept."""

    def _update_value_in_config(self, key: int, value: Any) -> None:
        """Gradio would keep what an endpoint was sent and what it answered."""


def guard_queue(page: gr.Blocks) -> None:
    """Limit what the queue of a page takes and keeps.

    Args:
        page: that has its queue, and is not served yet.
    """
    queue = page._queue
    queue.pending_messages_per_session = _Clients(queue.pending_event_ids_session)
    # Figures on all requests, with the names of clients, for a page of Gradio's that is off here.
    queue.ANALYTICS_MAX_EVENTS = 1
    queue.ANAYLTICS_CACHE_FREQUENCY = sys.maxsize
    push, session = queue.push, _NothingKept(page)

    async def push_expected(body: Any, request: Any, username: Any) -> Any:
        sessions = page.state_holder.session_data
        client, endpoint = body.session_hash, page.fns.get(body.fn_index)
        if client is not None and not _CLIENT.fullmatch(client):
            sessions.pop(client, None)
            return False, "Expected a session_hash of letters and digits.", "error"
        if endpoint is None or not body.data or _weight(body.data) > _MAX_WEIGHT:
            return False, "Expected the arguments of an endpoint, a radiograph first.", "error"
        # All but the first may be left out, as /info says.
        left_out = [None] * (len(endpoint.inputs) - len(body.data))
        body.data = [*(_argument(each) for each in body.data), *left_out]
        body.trigger_id = body.event_data = None  # of components, which have no part in this
        body.session_hash = client or secrets.token_hex(16)
        sessions[body.session_hash] = session
        return await push(body, request, username)

    queue.push = push_expected


def _argument(sent: Any) -> Any:
    """What our endpoints read of an argument: a file's path and name, a number or a word.

    Gradio would look for files of its own in there, and log the names of those it does not allow.
    """
    if isinstance(sent, list):
        return [_argument(each) if isinstance(each, dict) else None for each in sent]
    if isinstance(sent, dict):
        return {key: sent[key] for key in ("path", "orig_name") if isinstance(sent.get(key), str)}
    return sent


def _size(value: Any) -> int:
    """About how many bytes an answer takes."""
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(_size, value))
    return len(value) if isinstance(value, str) else 0


def _weight(value: Any) -> int:
    """How much a request's arguments are: their characters, and something for each value."""
    weight, values = 0, [value]
    while values and weight <= _MAX_WEIGHT:
        value = values.pop()
        weight += 50
        if isinstance(value, str):
            weight += len(value)
        elif isinstance(value, dict):
            values += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            values += value
    return weight
