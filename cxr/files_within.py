"""The files of a folder, at any depth."""

from __future__ import annotations

import os
from collections.abc import Iterator


def files_within(folder: str, left_out: list[str] | None = None) -> Iterator[str]:
    """Files of a folder of this machine, but hidden ones, in order.

    Args:
        folder: on this machine.
        left_out: gets links to folders, which may go in circles, and links that lead nowhere.

    Returns:
        Paths relative to the folder.

    Raises:
        OSError: it, or a folder within it, cannot be read.
    """

    def fail(error: OSError) -> None:
        raise error

    for path, folders, names in os.walk(folder, onerror=fail):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links = [os.path.join(path, name) for name in folders]
        skipped = [link for link in links if os.path.islink(link)]
        for name in sorted(names):
            file = os.path.join(path, name)
            if name.startswith("."):
                continue
            if os.path.isfile(file):
                yield os.path.relpath(file, folder)
            elif os.path.islink(file):
                skipped.append(file)
        if left_out is not None:
            left_out += skipped
