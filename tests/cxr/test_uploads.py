"""Where uploads go and when they are deleted, and that no other file or address is given out."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from cxr.errors import UnreadableRadiograph
from cxr.page import limits
from cxr.page.uploads import asked_name, delete_old, uploaded_file
from tests.conftest import PAGE_MARKS
from tests.cxr.asking import ask, upload

pytestmark = PAGE_MARKS


@pytest.mark.parametrize(
    "path",
    [
        "gradio_api/file=/etc/passwd",
        "gradio_api/file=../../../../etc/passwd",
        "gradio_api/file=..%2f..%2f..%2fetc%2fpasswd",
        "gradio_api/file=app.py",
        "gradio_api/file=cxr/messages.toml",
        "gradio_api/file=http://127.0.0.1:9/",
        "gradio_api/file/etc/passwd",
        "static/../../../../../etc/passwd",
        "static/%2e%2e/%2e%2e/routes.py",
        "assets/%2e%2e/%2e%2e/%2e%2e/routes.py",
        "svelte/../../routes.py",
        "gradio_api/proxy=http://127.0.0.1:9/",
        "gradio_api/proxy=https://elsewhere.hf.space/",
        "monitoring",
        "monitoring/summary",
    ],
)
def test_no_file_and_no_address_is_given_out(url: str, path: str) -> None:
    status, _, body = ask(url, path)
    assert status >= 300
    assert b"root:" not in body
    assert b"import" not in body


def test_names_of_uploads_lead_nowhere_else(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(os.environ.get("GRADIO_TEMP_DIR") or Path(limits.get_upload_folder()))
    for name in ("../../x.png", "/etc/x.png", "a\\..\\..\\x.png", "%2e%2e%2fx", "C:x"):
        put = Path(upload(url, name, b"content"))
        assert put.resolve().is_relative_to(folder.resolve()), name
        assert put.is_file()


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "http://127.0.0.1:{port}/x.png",
        "https://127.0.0.1:{port}/",
        "file:///etc/passwd",
    ],
)
def test_a_client_that_names_another_file_or_address_gets_nothing(url: str, path: str) -> None:
    """Gradio would fetch an address for it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)
        named = {
            "path": path.format(port=server.getsockname()[1]),
            "meta": {"_type": "gradio.FileData"},
        }
        body = json.dumps({"data": [named, None]}).encode()
        kind = {"Content_Type": "application/json"}
        path = "gradio_api/call/classify"
        _, _, joined = ask(url, path, method="POST", body=body, **kind)
        _, _, answer = ask(url, f"{path}/{json.loads(joined)['event_id']}")
        assert b"event: error" in answer or b'"status": "error"' in answer
        assert b"root:" not in answer
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_path_of_many_parts_is_none_of_an_upload() -> None:
    """Looking at each of its parts took seconds."""
    started = time.process_time()
    with pytest.raises(UnreadableRadiograph, match="no such upload"):
        uploaded_file("/" + "a/" * 150_000, name="image")
    assert time.process_time() - started < 0.1


def test_names_are_as_long_as_those_of_files() -> None:
    """Drawing one of a hundred thousand letters into a report took half a minute."""
    assert asked_name({"name": "ward/é.png"}) == "é.png"
    assert asked_name({"name": "é" * 100_000}) == "é" * 127
    assert asked_name({}) == "the picture"


def form(content: str, kind: str = "multipart/form-data; boundary=x") -> dict[str, Any]:
    return {"body": content.encode(), "Content_Type": kind, "method": "POST"}


FILE = '--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\ncontent'


@pytest.mark.parametrize(
    "sent",
    [
        form(FILE),  # cut off before its end
        form(FILE + "\r\n--x--\r\n", "multipart/form-data; boundary=x; charset=punycode"),
    ],
    ids=["cut off", "punycode"],
)
def test_what_is_no_form_with_a_file_is_said(url: str, sent: dict[str, Any]) -> None:
    status, _, said = ask(url, "gradio_api/upload", **sent)
    assert (status, said) == (400, b"Expected a form with a file.")


def test_uploads_are_deleted_when_they_are_old(tmp_path: Path) -> None:
    old, new = time.time() - 1000, time.time()
    outside = tmp_path / "outside"
    outside.write_bytes(b"kept")
    folder = tmp_path / "uploads"
    # Of tomorrow where the clock was set back since.
    for name, when in (("tmpold", old), ("tmpnew", new), ("tmptomorrow", new + 86_400)):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"part")
        os.utime(folder / name, (when, when))
    for name in ("empty", "full", "older"):
        (folder / name).mkdir()
    for name in ("full/image.png", "older/image.png"):
        (folder / name).write_bytes(b"whole")
    (folder / "link").symlink_to(tmp_path)
    for name in ("empty", "full", "older/image.png", "older", "link"):
        os.utime(folder / name, (old, old), follow_symlinks=False)
    delete_old(folder, age=300)
    left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    assert left == ["full", "full/image.png", "older", "tmpnew"]  # as new as its last change
    assert outside.read_bytes() == b"kept"
