"""What serving a page asks of this process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT

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
