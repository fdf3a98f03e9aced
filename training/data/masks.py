"""Masks of lungs and opacities: read from files, or of lungs as a lung network outlines them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from cxr.errors import UnreadableRadiograph
from cxr.gate.lungs import LungReading, lung_fields
from cxr.messages import Message
from cxr.preprocessing import lung_preprocessing
from training.data.images import Outlines, StoredImages

# What a lung network answers for images (N, S, S, 1), normalised: its outputs by name.
ComputeLungs = Callable[[npt.NDArray[np.float32]], dict[str, npt.NDArray[np.float32]]]

_BATCH = 64

# Which outlines of a network are good enough to learn from; chosen by looking at contact sheets.
_MAX_UNCERTAINTY = 1.0
_AREA = (0.10, 0.50)  # fraction of the image
_MIN_SMALLER_FIELD = 0.04


def read_mask(path: Path, size: int) -> npt.NDArray[np.float32]:
    """A mask as float32 (size, size), 0 or 1.

    Args:
        path: of a picture, grey or in colour, of 8 or 16 bits, that is black outside.
        size: side of the result.

    Raises:
        UnreadableRadiograph: it cannot be read as a picture.
    """
    try:
        # Upright, as its image is read; made grey or of 8 bits, faint values would become black.
        as_it_is = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR
        mask = cv2.imdecode(np.fromfile(path, np.uint8), as_it_is)
    except (OSError, ValueError, cv2.error):
        mask = None
    if mask is None:
        raise UnreadableRadiograph(Message("no_mask"), name=str(path))
    inside = np.asarray(np.atleast_3d(mask).any(axis=2), dtype=np.float32)
    fractions = cv2.resize(inside, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(fractions >= 0.5, dtype=np.float32)


def compute_lungs(
    compute: ComputeLungs, images: StoredImages, *, flip_tta: bool = False
) -> LungReading:
    """What a lung network answers for images.

    Args:
        compute: a lung network, in Keras (`training.networks.lung_network.lung_computer`) or as
            its exported graph.
        images: (N, S, S) in [0, 1].
        flip_tta: average the lungs over each image and its mirror image; nothing else.
    """
    preprocessing = lung_preprocessing(images.shape[1])
    answers = []
    for start in range(0, len(images), _BATCH):
        batch = preprocessing.normalize(images[start : start + _BATCH].astype(np.float32))
        answer = compute(batch)
        if flip_tta:
            mirrored = compute(np.ascontiguousarray(batch[:, :, ::-1]))["lungs"]
            answer["lungs"] = (answer["lungs"] + mirrored[:, :, ::-1]) / np.float32(2)
        answers.append(answer)
    return LungReading.from_logits(
        {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}
    )


def predict_masks(compute: ComputeLungs, images: StoredImages) -> Outlines:
    """Masks of the lungs of images (N, S, S), 0 or 1, as a lung network outlines them.

    Returns:
        float16 (N, S, S); NaN throughout an image whose outlines are too uncertain to learn from.
    """
    masks = np.full(images.shape, np.nan, dtype=np.float16)
    for row, lungs in enumerate(compute_lungs(compute, images, flip_tta=True).lungs):
        fields = lung_fields(lungs)
        certain = fields.uncertainty < _MAX_UNCERTAINTY
        complete = fields.areas[1] > _MIN_SMALLER_FIELD and _AREA[0] < fields.area < _AREA[1]
        if certain and complete:
            masks[row] = fields.mask
    return masks
