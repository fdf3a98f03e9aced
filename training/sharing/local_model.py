"""A run's model becomes the one that page, command line and library use on this machine."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from cxr.errors import RunError
from cxr.model import bundle as bundles
from cxr.model.bundle import FILES, Bundle, load_bundle
from training.sharing.publish import bundle_of


def use(run: Path) -> Bundle:
    """Copy a run's bundle to where the default is looked for; the run may go.

    Args:
        run: a run folder, or a bundle.

    Returns:
        The copy.

    Raises:
        RunError: it holds no bundle, or the copy cannot be written.
        BundleError: the bundle is not intact.
    """
    bundle = load_bundle(bundle_of(run))
    local = bundles.LOCAL_MODEL
    try:
        # Beside it, then renamed: a model is never half there.
        with tempfile.TemporaryDirectory(dir=local.parent, prefix="local-") as beside:
            copy = Path(beside) / "new"
            copy.mkdir()
            for name in FILES:
                shutil.copy2(bundle.folder / name, copy / name)
            load_bundle(copy)
            old = Path(beside) / "old"
            if local.exists():
                local.rename(old)
            try:
                copy.rename(local)
            except OSError:
                if old.exists():
                    old.rename(local)
                raise
    except OSError as error:
        raise RunError(f"{local}: cannot be written ({error.strerror}).") from error
    return load_bundle(local)


def chosen() -> Bundle | None:
    """The model that was chosen for this machine; None if it is the bundled one.

    Raises:
        BundleError: there is one, and it is not intact.
    """
    return load_bundle(bundles.LOCAL_MODEL) if bundles.LOCAL_MODEL.is_dir() else None


def use_bundled() -> Bundle:
    """Use the model that comes with the code again.

    Raises:
        RunError: the other one cannot be removed.
    """
    try:
        if bundles.LOCAL_MODEL.exists():
            with tempfile.TemporaryDirectory(dir=bundles.LOCAL_MODEL.parent) as beside:
                bundles.LOCAL_MODEL.rename(Path(beside) / "old")
    except OSError as error:
        raise RunError(f"{bundles.LOCAL_MODEL}: cannot be removed ({error.strerror}).") from error
    return load_bundle()
