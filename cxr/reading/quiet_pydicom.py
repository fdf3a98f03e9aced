"""Keeps pydicom from saying what is in a header."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pydicom.config


class _Quiet:
    """Settings of the whole process, changed while any thread reads a DICOM file."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers = 0
        self._before = ExitStack()

    def enter(self) -> None:
        with self._lock:
            self._readers += 1
            if self._readers > 1:
                return
            settings, logger = pydicom.config.settings, logging.getLogger("pydicom")
            self._before.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            validation, level = settings.reading_validation_mode, logger.level
            self._before.callback(setattr, settings, "reading_validation_mode", validation)
            self._before.callback(logger.setLevel, level)
            settings.reading_validation_mode = pydicom.config.IGNORE
            logger.setLevel(logging.CRITICAL + 1)

    def leave(self) -> None:
        with self._lock:
            self._readers -= 1
            if not self._readers:
                self._before.close()


_QUIET = _Quiet()


@contextmanager
def quietly() -> Iterator[None]:
    """Silence warnings and pydicom's log, which would quote a header, and its checks of values.

    An odd value is refused where it is used. These settings are the same for all threads: the first
    that reads changes them, and after the last they are as before.
    """
    _QUIET.enter()
    try:
        yield
    finally:
        _QUIET.leave()
