"""Serving a Gradio page from this machine: the settings and steps that all our pages share."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import hashlib
import io
import logging
import os
import platform
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from cxr.errors import PageError
from cxr.page.defences import defences
from cxr.page.uploads import deleted_when_old

_UPLOADS = "cxr-uploads-"  # and `_SPACE`, the process id, and a random part
_LAUNCHES = 3
_LOOK = 0.01  # seconds between two looks into the queue
_SECONDS_TO_END = 20  # of the server, beside the five that Gradio waits
# By which a page is ended: told to, and on POSIX, its terminal closed or Ctrl-\ pressed.
_ENDINGS = [
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)
]
_M_ARENA_MAX = -8  # in malloc.h of glibc

# Arguments of `launch` for every page of ours; some of them keep radiographs private.
BASE_SETTINGS: dict[str, Any] = {
    "theme": gr.themes.Base(
        primary_hue="slate",
        neutral_hue="slate",
        font=["system-ui", "sans-serif"],  # no font is fetched from another host
        font_mono=["ui-monospace", "monospace"],
    ).set(  # muted text keeps a contrast of 4.5 to 1 (WCAG 2, AA)
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        block_label_text_color="*neutral_700",
        block_title_text_color="*neutral_700",
        input_placeholder_color="*neutral_600",
        input_placeholder_color_dark="*neutral_400",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
    ),
    "run_history": False,
    "enable_monitoring": False,
    "footer_links": [],
    "ssr_mode": False,
    "mcp_server": False,  # Gradio's; its environment variable must not turn it on
}


def share_free_memory() -> None:
    """Let all threads of this process take memory from two pools, where it is glibc that does.

    By default each of the many threads that answer keeps free memory of its own, which the others
    cannot use: under load the page held 1.0 instead of 0.7 GB. See mallopt(3).
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_M_ARENA_MAX, 2)


@contextlib.contextmanager
def private_uploads() -> Iterator[None]:
    """Keep what Gradio stores in a folder that goes when this process does.

    Whatever writes to it must have ended before this does: see `served`.
    """
    remove_left_uploads()
    with _signals_put_back():
        for number in _ENDINGS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as of nohup
                signal.signal(number, _end)
        with tempfile.TemporaryDirectory(
            prefix=f"{_UPLOADS}{_SPACE}-{os.getpid()}-", ignore_cleanup_errors=True
        ) as folder:
            # What a thread of the server still had in hand, and wrote after all was removed.
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            try:
                with _environment(GRADIO_TEMP_DIR=folder), deleted_when_old(Path(folder)):
                    yield
            finally:
                _ignore_endings()


def _process_space() -> str:
    """What tells process ids of this machine, or container, from those of others."""
    try:
        inner = os.readlink("/proc/self/ns/pid")  # of Linux
    except OSError:
        inner = ""
    return hashlib.sha256(f"{platform.node()} {inner}".encode()).hexdigest()[:12]


_SPACE = _process_space()


def remove_left_uploads() -> None:
    """Delete the folders of pages that were killed here, which could not do it themselves.

    Not on Windows, and not where another process has got the number since.
    """
    here = f"{_UPLOADS}{_SPACE}-"
    for folder in Path(tempfile.gettempdir()).glob(f"{here}*"):
        process = folder.name.removeprefix(here).partition("-")[0]
        if process.isdecimal() and not _is_running(int(process)):
            shutil.rmtree(folder, ignore_errors=True)  # that of another user stays


def _is_running(process: int) -> bool:
    if sys.platform == "win32":
        return True  # signal 0 would end it there
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _end(*_: object) -> None:
    """End in order, so that the folder is removed."""
    _ignore_endings()
    sys.exit(0)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let nothing interrupt the end of the server, which takes seconds at most.

    It would go on and store uploads beside the removal of their folder.
    """
    if threading.current_thread() is not threading.main_thread():  # where no signal arrives
        yield
        return
    with _signals_put_back():
        _ignore_endings()
        yield


@contextlib.contextmanager
def _signals_put_back() -> Iterator[None]:
    """Put back, at the end, what this process does at the signals that end it."""
    before = {number: signal.getsignal(number) for number in (*_ENDINGS, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_endings() -> None:
    """Let nothing interrupt the removal of the folder."""
    for number in (*_ENDINGS, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Set environment variables, and put back what they were."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def served(
    page: gr.Blocks, settings: dict[str, Any], *, host_names: tuple[str, ...] = ()
) -> Iterator[str | None]:
    """Serve a page in the background, with its defences, and print where.

    Args:
        page: the page; it has its address as ``local_url`` while this lasts.
        settings: of Gradio's ``launch``.
        host_names: see `cxr.page.defences.defences`.

    Yields:
        The share link, if one was asked for and made.

    Raises:
        PageError: it cannot be served.
    """
    ours = settings.get("app_kwargs", {})
    middleware = [*defences(settings, host_names=host_names), *ours.get("middleware", ())]
    settings = {**settings, "app_kwargs": {**ours, "middleware": middleware}}
    # Behind a proxy, too, the page is asked for here and not there.
    named = (os.environ.get("no_proxy"), os.environ.get("NO_PROXY"), "127.0.0.1,localhost")
    direct = ",".join(filter(None, named))
    try:
        # Gradio prints a page of advice if no share link can be made; `app.py` says it in a line.
        with (
            _environment(NO_PROXY=direct, no_proxy=direct),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            local_url, share_url = _launch(page, settings)
    except Exception as error:  # a port in use, a proxy in between, no loopback, …
        raise PageError(f"The page cannot be served ({error}).") from error
    print(f"Page: {local_url}", flush=True)
    try:
        yield str(share_url) if share_url else None
    finally:
        # Requests in progress are broken off: a browser would hold its connection for ever.
        page.server.force_exit = True
        with _uninterrupted(), _unlogged("uvicorn.error"):  # each would leave a traceback there
            page.close(verbose=False)
            page.server.thread.join(_SECONDS_TO_END)


def wait_for_the_end() -> None:
    """Wait until Ctrl-C is pressed.

    Gradio's `block_thread` would begin to close the server itself, and write about it.
    """
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)


def _launch(page: gr.Blocks, settings: dict[str, Any]) -> tuple[str, str | None]:
    """Launch a page; returns its address here, and its share link if there is one.

    Gradio asks its own page for an answer and gives up after three seconds, which a busy machine
    may need: it is launched again.
    """
    left = _LAUNCHES
    while True:
        left -= 1
        try:
            _, here, shared = page.launch(**settings, prevent_thread_lock=True, quiet=True)
            _look_less_often(page)
            return here, shared
        except ValueError as error:
            if not left or "localhost is not accessible" not in str(error):
                raise
            page.close(verbose=False)


def _look_less_often(page: gr.Blocks) -> None:
    """Let Gradio look into its queue a hundred times a second, not a thousand.

    A page that nobody used took a tenth of a processor.
    """
    page._queue.sleep_when_free = max(page._queue.sleep_when_free, _LOOK)
    page._queue.progress_update_sleep_when_free = max(
        page._queue.progress_update_sleep_when_free, 10 * _LOOK
    )


@contextlib.contextmanager
def _unlogged(name: str) -> Iterator[None]:
    """Keep a logger silent."""
    logger = logging.getLogger(name)
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
