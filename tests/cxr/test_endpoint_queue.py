"""The queue of the endpoints: what clients send neither ends it nor makes it grow."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from cxr.classifier import Classifier
from cxr.page import LAUNCH_SETTINGS, build_page, endpoint_queue, serving
from cxr.page.waiting_turns import Turns
from tests.conftest import PAGE_MARKS
from tests.cxr.asking import ask, upload

pytestmark = PAGE_MARKS
JSON = {"Content_Type": "application/json"}


class Served:
    """A page whose turns a test can hold."""

    def __init__(self, page: gr.Blocks, turns: Turns) -> None:
        self.page, self.turns, self.url = page, turns, page.local_url

    def join(self, data: list[Any], *, endpoint: str = "classify", **more: Any) -> tuple[int, Any]:
        """Status of a request, and what it is called, or why it was not taken."""
        (index,) = (i for i, each in self.page.fns.items() if each.api_name == endpoint)
        body = json.dumps({"data": data, "fn_index": index, **more}).encode()
        path = "gradio_api/queue/join"
        if "session_hash" not in more:
            path = f"gradio_api/call/{endpoint}"
        status, _, answer = ask(self.url, path, method="POST", body=body, **JSON)
        said = json.loads(answer)
        return status, said.get("event_id") or said.get("detail")

    def fetch(self, event: str) -> str:
        """What became of a request."""
        return ask(self.url, f"gradio_api/call/classify/{event}")[2].decode()

    def wait_until_nothing_waits(self) -> None:
        deadline = time.monotonic() + 20
        while self.page._queue.event_ids_to_events and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not self.page._queue.event_ids_to_events


@pytest.fixture
def served(tiny_classifier: Classifier) -> Iterator[Served]:
    turns = Turns(1)
    page = build_page(tiny_classifier, turns=turns)
    with serving.served(page, {**LAUNCH_SETTINGS, "server_name": "127.0.0.1"}):
        yield Served(page, turns)


def test_the_queue_outlives_clients_that_are_forgotten(
    served: Served, image_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gradio's ends for good when it forgets a client that waits in it."""
    monkeypatch.setattr(endpoint_queue, "_MAX_CLIENTS", 5)
    served.page._queue.sleep_when_free = 0.001  # each is begun before the next is sent
    file = {"path": upload(served.url, "a.png", image_file.read_bytes())}
    with ExitStack() as held:
        held.enter_context(served.turns.take())
        for client in ("old", *(f"new{i}" for i in range(4)), "old", "old", "last", "last"):
            assert served.join([file, None], session_hash=client)[0] == 200
    served.wait_until_nothing_waits()
    assert set(served.page._queue.pending_messages_per_session) == {
        "old",
        "last",
        "new1",
        "new2",
        "new3",
    }
    assert served.page._queue.pending_event_ids_session.keys() == {
        "old",
        "last",
        "new1",
        "new2",
        "new3",
    }
    status, event = served.join([file, None])
    assert status == 200
    assert "event: complete" in served.fetch(event)


def test_all_but_the_radiograph_may_be_left_out(served: Served, image_file: Path) -> None:
    file = {"path": upload(served.url, "a.png", image_file.read_bytes())}
    status, event = served.join([file])
    assert status == 200
    assert '"status":"ok"' in served.fetch(event).replace(" ", "")
    assert served.join([])[0] == 400


def test_a_client_that_goes_is_forgotten(served: Served, image_file: Path) -> None:
    queue = served.page._queue
    queue.pending_messages_per_session["gone"] = None  # type: ignore[assignment]
    queue.pending_event_ids_session["gone"] = {"event"}
    del queue.pending_messages_per_session["gone"]
    assert not queue.pending_event_ids_session
    queue.pending_messages_per_session["gone"].put_nowait(None)  # type: ignore[arg-type]
    assert not queue.pending_messages_per_session


def test_answers_that_nobody_fetches_are_forgotten(
    served: Served, image_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = {"path": upload(served.url, "a.png", image_file.read_bytes())}
    monkeypatch.setattr(endpoint_queue, "_MAX_BYTES", 500_000)  # two answers are more
    events = [served.join([file], endpoint="heatmap")[1] for _ in range(3)]
    served.wait_until_nothing_waits()
    said = [served.fetch(event) for event in events]
    assert "event: error" in said[0]
    assert "was not fetched" in said[0]
    assert "event: complete" in said[2]
    assert len(said[2]) > 230_000
    answers = served.page._queue.pending_messages_per_session._answers  # type: ignore[attr-defined]
    assert (answers._bytes, len(answers._waiting)) == (0, 0)


@pytest.mark.parametrize(
    ("data", "more"),
    [
        ([None, None], {"session_hash": "x" * 65}),
        ([None, None], {"session_hash": "a<gradio-sep>b"}),
        ([None, None], {"session_hash": ""}),
        ([["x" * 300_000], None], {}),
        ([[[]] * 6_000, None], {}),
        ([{"x" * 300_000: 1}, None], {}),
        ([None, None], {"session_hash": "x", "fn_index": 10_000}),
    ],
)
def test_what_no_client_sends_is_not_taken(
    served: Served, data: list[Any], more: dict[str, Any]
) -> None:
    status, why = served.join(data, **more)
    assert (status, why.split()[0]) == (400, "Expected")
    assert not served.page._queue.pending_event_ids_session


def test_a_hundred_files_with_long_names_are_taken(served: Served) -> None:
    file = {
        "path": f"/tmp/cxr-uploads-abcdefgh/{'0' * 64}/{'é' * 100}.dcm",  # noqa: S108
        "url": f"http://127.0.0.1:7860/gradio_api/file=/tmp/{'0' * 64}/{'%C3%A9' * 100}.dcm",
        "orig_name": f"{'é' * 100}.dcm",
        "size": 1_000_000,
        "mime_type": "application/dicom",
        "is_stream": False,
        "meta": {"_type": "gradio.FileData"},
    }
    status, event = served.join([[file] * 100, 0.5], endpoint="classify_batch")
    assert status == 200
    assert "no such upload" in served.fetch(event)  # it has read them


def test_nothing_is_kept_of_sessions(served: Served, image_file: Path) -> None:
    """Gradio would keep the last arguments and answers of 10,000."""
    file = {"path": upload(served.url, "a.png", image_file.read_bytes())}
    sessions = served.page.state_holder.session_data
    served.join([file], endpoint="overlay", session_hash="x")
    served.wait_until_nothing_waits()
    for client in range(5):
        served.join([file], endpoint="overlay", session_hash=f"x{client}")
    served.wait_until_nothing_waits()
    assert len({id(session) for session in sessions.values()}) == 1
    assert file["path"] not in str(sessions["x"].config_values)
    assert "iVBORw0KGgo" not in str(sessions["x"].config_values)  # as a PNG begins in base64
    assert len(served.page._queue.event_analytics) <= 1
