"""A command that ends with the process that started it, however that ends."""

from __future__ import annotations

import os
import sys
import threading

TETHERED = "CXR_TETHERED"  # environment variable of a command that is started so


def end_with_parent() -> None:
    """Have this process end when the one that started it does, if that one asked for it.

    It holds the other end of this process' standard input, which closes with it even where it was
    killed. What a fit has finished by then is on disk.
    """
    if os.environ.pop(TETHERED, None):
        threading.Thread(target=_wait_for_the_end, daemon=True).start()


def _wait_for_the_end() -> None:
    sys.stdin.read()
    os._exit(1)
