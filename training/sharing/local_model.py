"""The model that page, command line and library use on this machine by default."""

from __future__ import annotations

import shutil
from pathlib import Path

from cxr.errors import RunError
from cxr.model import bundle as bundles
from cxr.model.bundle import FILES, Bundle, load_bundle
from cxr.saved_files import where_it_is
from training.files import remove_whole, replaced_whole
from training.sharing.publish import bundle_of


def use(run: Path) -> Bundle:
    """Copy a run's bundle to where the default model is looked for. The run may be deleted after.

    Args:
        run: folder of a run, or of a bundle.

    Returns:
        The copy.

    Raises:
        RunError: the folder holds no bundle, or the copy cannot be written.
        BundleError: the bundle is not intact.
    """
    bundle = load_bundle(bundle_of(run))
    local = bundles.LOCAL_MODEL
    with replaced_whole(local) as copy:
        for name in FILES:
            shutil.copy2(bundle.folder / name, copy / name)
        load_bundle(copy)
    return load_bundle(local)


def chosen() -> Bundle | None:
    """The model that was chosen for this machine; None if the bundled one is in use.

    Raises:
        BundleError: a model was chosen, and it is not intact.
    """
    local = bundles.LOCAL_MODEL
    return load_bundle(local) if where_it_is(local).is_dir() else None


def use_bundled() -> Bundle:
    """Go back to the model that comes with the code.

    Raises:
        RunError: the model that was chosen cannot be removed.
    """
    try:
        remove_whole(bundles.LOCAL_MODEL)
    except OSError as error:
        raise RunError(f"{bundles.LOCAL_MODEL}: cannot be removed ({error.strerror}).") from error
    return load_bundle()
