"""Images as data URIs, which reach the browser without being stored on the server."""

from __future__ import annotations

import base64

import cv2
import numpy as np
import numpy.typing as npt

from cxr.output.overlay import png, shrink

_THUMBNAIL_QUALITY = 80  # of a JPEG


def thumbnail(pixels: npt.NDArray[np.float32], side: int) -> str:
    """A radiograph in small, in its own proportions: a JPEG whose longer side is `side` at most.

    Args:
        pixels: grey levels, float32 (H, W) in [0, 1].
        side: in pixels.
    """
    grey = np.rint(shrink(pixels, side) * 255).astype(np.uint8)
    _, encoded = cv2.imencode(".jpeg", grey, [cv2.IMWRITE_JPEG_QUALITY, _THUMBNAIL_QUALITY])
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode()}"


def grey_data_uri(pixels: npt.NDArray[np.float32]) -> str:
    """Grey levels, float32 (H, W) in [0, 1], as an 8-bit PNG."""
    return picture_data_uri(np.rint(pixels * 255).astype(np.uint8))


def picture_data_uri(picture: npt.NDArray[np.uint8]) -> str:
    """A picture, uint8 of shape (H, W) or RGB (H, W, 3), as a PNG."""
    return f"data:image/png;base64,{base64.b64encode(png(picture)).decode()}"
