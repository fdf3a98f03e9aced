"""A radiograph and its heatmap become a picture."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from cxr.reading.radiograph import Radiograph

# Dark red to pale yellow: rises evenly in lightness, so that it reads the same to colour-blind eyes
# and in print, and no grey radiograph shows these hues by itself.
_COLOUR_MAP = cv2.COLORMAP_INFERNO
_DARKEST = 90  # of 255; the map's black and violet below would pass for radiograph
_STRIP = 256  # rows


def colour_heatmap(heatmap: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """The heatmap as a layer to lay over its radiograph.

    Args:
        heatmap: float32 of shape (H, W) in [0, 1].

    Returns:
        RGBA, uint8 of shape (H, W, 4). Alpha equals the heat: where there is none, the radiograph
        shows through unchanged.
    """
    levels = np.rint(heatmap * 255).astype(np.uint8)
    hues = _DARKEST + np.rint(heatmap * (250 - _DARKEST)).astype(np.uint8)
    rgb = cv2.cvtColor(cv2.applyColorMap(hues, _COLOUR_MAP), cv2.COLOR_BGR2RGB)
    return np.dstack([rgb, levels])


def draw_overlay(
    radiograph: Radiograph, heatmap: npt.NDArray[np.float32], *, opacity: float = 0.6
) -> npt.NDArray[np.uint8]:
    """The radiograph with its heatmap laid over it.

    Args:
        radiograph: the radiograph, (H, W).
        heatmap: float32 of shape (H, W) in [0, 1].
        opacity: of the hottest places, in [0, 1]; 0 gives the radiograph alone.

    Returns:
        RGB, uint8 of shape (H, W, 3).
    """
    overlay = np.empty((*heatmap.shape, 3), dtype=np.uint8)
    for top in range(0, len(heatmap), _STRIP):  # in strips: as floats, all takes 100 MB and more
        rows = slice(top, top + _STRIP)
        layer = colour_heatmap(heatmap[rows]).astype(np.float32)
        alpha = layer[..., 3:] / 255 * np.float32(opacity)
        image = radiograph.pixels[rows, :, np.newaxis] * np.float32(255)
        overlay[rows] = np.rint(image * (1 - alpha) + layer[..., :3] * alpha).astype(np.uint8)
    return overlay


def png(picture: npt.NDArray[np.uint8]) -> bytes:
    """A picture of shape (H, W), (H, W, 3) RGB or (H, W, 4) RGBA, uint8, as a PNG file."""
    if picture.ndim == 3:
        codes = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
        return cv2.imencode(".png", cv2.cvtColor(picture, codes[picture.shape[2]]))[1].tobytes()
    return cv2.imencode(".png", picture)[1].tobytes()
