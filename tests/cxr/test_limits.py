"""How much the page takes, and of whom: floods, sizes, a full disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page
from starlette.testclient import TestClient

from cxr.messages import as_sentence, text
from cxr.page import limits
from cxr.page.limits import Allowance, Limits
from tests.conftest import PAGE_MARKS
from tests.cxr.asking import wrapped
from tests.cxr.browser import answered

pytestmark = PAGE_MARKS


def test_uploads_come_back_with_time() -> None:
    now = [0.0]
    allowance = Allowance(burst=3, per_second=2, clock=lambda: now[0])
    assert [allowance.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert allowance.take("b") == 0  # each client has its own
    now[0] = 0.5
    assert [allowance.take("a") for _ in range(2)] == [0, 0.5]
    now[0] = 1000.0
    assert [allowance.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_the_clients_that_are_remembered_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_MAX_CLIENTS", 10)
    allowance = Allowance(burst=1, per_second=0.001)
    for client in range(100):
        assert allowance.take(str(client)) == 0
    assert len(allowance._left) == 10
    assert allowance.take("99") > 0


def limited(**settings: Any) -> TestClient:
    return TestClient(Limits(wrapped([]), **{"file_bytes": 1000, **settings}))


def test_what_is_too_large_is_refused_before_it_is_read() -> None:
    client = limited()
    assert client.post("/gradio_api/upload", content=bytes(1000)).text == "1000"
    refused = client.post("/gradio_api/upload", content=bytes(200_000))
    assert refused.status_code == 413
    assert refused.text == as_sentence(text("request_too_large", "en"))
    assert client.post("/gradio_api/queue/join", content=bytes(1_000_000)).status_code == 200
    french = {"Accept-Language": "fr-FR,fr"}
    refused = client.post("/gradio_api/queue/join", content=bytes(1_000_001), headers=french)
    assert refused.text == as_sentence(text("request_too_large", "fr"))


def test_a_request_that_hides_its_length_is_refused_on_the_way() -> None:
    sent = []

    def pieces() -> Iterator[bytes]:
        for _ in range(50):
            sent.append(1)
            yield bytes(100_000)

    refused = limited().post("/gradio_api/call/classify", content=pieces())
    assert refused.status_code == 413


def test_a_flood_of_uploads_is_told_to_come_later() -> None:
    client = limited(allowance=Allowance(burst=2, per_second=0.001))
    statuses = [client.post("/gradio_api/upload", content=b"x").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    refused = client.post("/gradio_api/upload", content=b"x")
    assert refused.text == as_sentence(text("too_many_uploads", "en"))
    assert int(refused.headers["retry-after"]) >= 1
    assert client.post("/gradio_api/component_server", content=b"x").status_code == 200


def test_no_upload_is_taken_when_the_disk_is_nearly_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_FREE_BYTES", 1 << 62)
    refused = limited().post("/gradio_api/upload", content=b"x")
    assert refused.status_code == 503
    assert refused.text == as_sentence(text("disk_nearly_full", "en"))


def test_an_upload_ends_when_the_disk_is_nearly_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many at once would each have found enough when they began."""
    looks = iter((False, True))
    monkeypatch.setattr(limits, "_is_nearly_full", lambda: next(looks))
    content = bytes(limits._LOOK_EVERY)
    refused = limited(file_bytes=len(content)).post("/gradio_api/upload", content=content)
    assert refused.status_code == 503
    assert refused.text == as_sentence(text("disk_nearly_full", "en"))


@pytest.mark.parametrize("path", ["call/upload", "run/upload", "stream/upload", "x/upload"])
def test_what_is_named_like_an_upload_is_none(path: str) -> None:
    assert limited().post(f"/gradio_api/{path}", content=bytes(1_000_001)).status_code == 413


def test_the_page_waits_when_it_is_told_to(page: Page, image_file: Path) -> None:
    refusals = [503, 429]

    def refuse(route: Any) -> None:
        if refusals:
            route.fulfill(status=refusals.pop(), body="later")
        else:
            route.continue_()

    page.route("**/gradio_api/upload*", refuse)
    answered(page, image_file)
    assert not refusals
