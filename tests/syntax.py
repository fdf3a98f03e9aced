"""Parses Python, also beside servers that were left to the garbage collector."""

from __future__ import annotations

import ast
import gc


def parse(source: str) -> ast.Module:
    """A source as `ast.parse` gives it.

    Without garbage collection: where a finalizer warns of a loop that a server left open, its
    traceback is formatted by `ast.parse`, too, and Python 3.11 fails within the first call
    ("AST constructor recursion depth mismatch").
    """
    gc.disable()
    try:
        return ast.parse(source)
    finally:
        gc.enable()
