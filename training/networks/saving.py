"""Saves weights where the disk may be full."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from training.files import reserve_space

if TYPE_CHECKING:
    import keras  # which takes seconds

_BYTES_AROUND = 4096  # at most, around each array in HDF5


def save_weights(model: keras.Model, path: Path) -> None:
    """Save a model's weights, and its optimizer's state if it has one, as Keras does.

    HDF5 may end the whole process where a disk fills up while it writes, so the space is reserved
    first.

    Raises:
        OSError: there is too little room, or the file cannot be written.
    """
    optimizer = getattr(model, "optimizer", None)
    arrays = [*model.weights, *(optimizer.variables if optimizer else ())]
    reserve_space(path, sum(4 * math.prod(array.shape) + _BYTES_AROUND for array in arrays))
    try:
        model.save_weights(path)
    except RuntimeError as error:  # of HDF5
        raise OSError(str(error)) from error
