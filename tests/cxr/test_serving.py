"""What serving a page asks of this process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from gradio import networking

from cxr.classifier import Classifier
from cxr.errors import PageError
from cxr.page.serving import private_uploads, remove_left_uploads
from tests.conftest import ROOT
from tests.cxr.asking import ask
from tests.cxr.browser import served


def test_uploads_of_a_page_that_was_killed_are_deleted_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    with private_uploads():
        (running,) = tmp_path.iterdir()
        left = running.with_name(running.name.replace(str(os.getpid()), str(killed.pid)))
        left = left / "image.png"
        left.parent.mkdir()
        left.touch()
        other = tmp_path / f"cxr-uploads-0123456789ab-{killed.pid}-abcd"  # of another machine
        other.mkdir()
        remove_left_uploads()
        assert set(tmp_path.iterdir()) == {running, other}


def test_a_page_that_a_busy_machine_does_not_reach_at_once_is_served(
    tiny_classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([False, True])
    monkeypatch.setattr(networking, "url_ok", lambda _: next(answers))
    with served(tiny_classifier) as address:
        assert ask(address, "")[0] == 200
    assert next(answers, None) is None


def test_a_page_that_cannot_be_reached_is_given_up(
    tiny_classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networking, "url_ok", lambda _: False)
    with pytest.raises(PageError, match="localhost is not accessible"), served(tiny_classifier):
        pass


POOLS = """
import ctypes, sys, threading
from cxr.page.serving import share_free_memory
if sys.argv[1] == "shared":
    share_free_memory()
libc = ctypes.CDLL(None)
together = threading.Barrier(8)
def take():
    together.wait()
    libc.free(ctypes.c_void_p(libc.malloc(1000)))
    together.wait()
libc.malloc.restype = ctypes.c_void_p
threads = [threading.Thread(target=take) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="not of glibc")
def test_threads_share_the_memory_that_is_free() -> None:
    pools = {}
    for how in ("shared", "not"):
        command = [sys.executable, "-c", POOLS, how]
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        pools[how] = said.count("<heap nr=")
    assert pools["shared"] <= 2 < pools["not"]
