"""Ends a command when the process that started it ends, even if that was killed."""

from __future__ import annotations

import os
import sys
import threading

# Environment variable of a command that is to end with its parent. Its standard input is then a
# pipe that the parent holds open.
TETHERED = "CXR_TETHERED"


def end_with_parent() -> None:
    """End this process when its parent ends, if the parent asked for that.

    The operating system closes the pipe to this process' standard input when the parent ends,
    even if it was killed. Nothing is lost: a training saves every finished epoch.
    """
    if os.environ.pop(TETHERED, None):
        threading.Thread(target=_exit_with_input, daemon=True).start()


def _exit_with_input() -> None:
    sys.stdin.read()
    os._exit(1)
