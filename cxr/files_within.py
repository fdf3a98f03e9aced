"""The files of a folder, at any depth."""

from __future__ import annotations

import os
from collections.abc import Iterator


def files_within(folder: str) -> Iterator[str]:
    """Files of a folder of this machine, but hidden ones, in order.

    Folders that are links are left out, since they may go in circles.

    Returns:
        Paths relative to the folder.

    Raises:
        OSError: it, or a folder within it, cannot be read.
    """

    def fail(error: OSError) -> None:
        raise error

    for path, folders, names in os.walk(folder, onerror=fail):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            file = os.path.join(path, name)
            if not name.startswith(".") and os.path.isfile(file):
                yield os.path.relpath(file, folder)
