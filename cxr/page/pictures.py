"""Images as data URIs, which reach the browser without being stored on the server."""

from __future__ import annotations

import base64

import cv2
import numpy as np
import numpy.typing as npt

from cxr.output.overlay import png


def shrink(image: npt.NDArray[np.float32], side: int) -> npt.NDArray[np.float32]:
    """An image, float32 (H, W), with its longer side at most `side`; the aspect ratio is kept."""
    scale = side / max(image.shape)
    if scale >= 1:
        return image
    height, width = (max(1, round(length * scale)) for length in image.shape)
    shrunk = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk, dtype=np.float32)


def grey_data_uri(pixels: npt.NDArray[np.float32]) -> str:
    """Grey levels, float32 (H, W) in [0, 1], as an 8-bit PNG."""
    content = png(np.rint(pixels * 255).astype(np.uint8))
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"
