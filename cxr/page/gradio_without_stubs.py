"""Imports Gradio without the type stubs that it writes.

Whenever Gradio is imported, it parses the source of its eighty components and writes a stub beside
each, for editors: more than a third of the time that the import takes. It leaves out classes whose
file is not known, so while it is imported here, none of its own is. Should a later version not
ask, only the time is lost.

Packages that import Gradio import this before.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def _files_unknown() -> Iterator[None]:
    find = inspect.getfile

    def getfile(of: Any) -> str:
        if isinstance(of, type) and of.__module__.startswith("gradio."):
            raise OSError("not asked for")
        return find(of)

    inspect.getfile = getfile  # type: ignore[assignment]
    try:
        yield
    finally:
        inspect.getfile = find


with _files_unknown():
    import gradio  # noqa: F401
