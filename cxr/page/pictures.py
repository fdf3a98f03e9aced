"""Pictures as data URIs: they reach the browser without being stored anywhere."""

from __future__ import annotations

import base64

import cv2
import numpy as np
import numpy.typing as npt

from cxr.output.overlay import png


def shrink(picture: npt.NDArray[np.float32], side: int) -> npt.NDArray[np.float32]:
    """The picture (H, W) with its longer side at most `side`; aspect ratio kept."""
    scale = side / max(picture.shape)
    if scale >= 1:
        return picture
    height, width = (max(1, round(length * scale)) for length in picture.shape)
    shrunk = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk, dtype=np.float32)


def grey_data_uri(pixels: npt.NDArray[np.float32]) -> str:
    """Grey levels (H, W) in [0, 1] as an 8-bit PNG."""
    return data_uri(np.rint(pixels * 255).astype(np.uint8))


def data_uri(picture: npt.NDArray[np.uint8]) -> str:
    """A picture as `cxr.output.overlay.png` takes it."""
    return f"data:image/png;base64,{base64.b64encode(png(picture)).decode()}"
