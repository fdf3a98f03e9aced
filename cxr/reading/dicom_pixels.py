"""Stored DICOM pixels become grey levels (PS3.3 section C.11).

Modality LUT or rescale; then the first VOI LUT or window, or from the darkest to the brightest
value where none shows anything; then MONOCHROME1 is turned, so that 0 is black.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut

from cxr.errors import UnsupportedRadiograph
from cxr.messages import Message
from cxr.reading.stored_levels import WHITE, StoredLevels

_BEYOND = 1e30  # no detector's value; differences of two such values are still finite in float32


def grey_levels(
    dataset: Dataset, stored: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.float32], StoredLevels | None]:
    """Grey levels, or colours, of stored values.

    Args:
        dataset: that has been found to be a radiograph.
        stored: its values, see `cxr.reading.dicom_decoding.decode_pixels`.

    Returns:
        float32 in [0, 1] with 0 for black: of shape (H, W), or (H, W, 3) in colour. And the levels
        before windowing; None of a colour image.

    Raises:
        UnsupportedRadiograph: its photometric interpretation is not known here.
        Exception: its header is malformed.
    """
    photometric = str(dataset.PhotometricInterpretation)
    if photometric == "PALETTE COLOR":
        colours = apply_color_lut(stored, dataset)
        return _scaled(colours, 0, np.iinfo(colours.dtype).max), None
    if stored.ndim == 3 and stored.shape[2] == 3:
        return _scaled(stored, 0, 2 ** int(dataset.BitsStored) - 1), None
    if photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise UnsupportedRadiograph(Message("dicom_photometric"))
    if stored.ndim != 2:
        raise ValueError("more pixels than the header says")
    inverted = photometric == "MONOCHROME1"
    values = np.asarray(apply_modality_lut(stored, dataset))
    if not (np.abs(values) < _BEYOND).all():  # or NaN
        raise ValueError("rescaled to no numbers")
    values, low, high = _without_padding(values, stored, dataset, inverted=inverted)
    pixels = _windowed(values, dataset)
    shown = _scaled(values, low, high) if pixels is None else pixels
    if pixels is not None and _is_curved(dataset):
        # No window of two ends shows the values so: the levels are what was made of them.
        levels = StoredLevels.from_values(pixels * WHITE, low=0, high=WHITE, inverted=inverted)
    else:
        window = None if pixels is None else _window_ends(dataset)
        levels = StoredLevels.from_values(
            values, low=low, high=high, inverted=inverted, window=window
        )
    return np.float32(1) - shown if inverted else shown, levels


def _windowed(values: npt.NDArray[Any], dataset: Dataset) -> npt.NDArray[np.float32] | None:
    """Through the first VOI LUT or window; None where there is none that shows anything."""
    try:
        if dataset.get("VOILUTSequence"):
            pixels = _through_table(values, dataset)
        elif dataset.get("WindowWidth") is not None:
            pixels = _through_window(values.astype(np.float64), dataset)
        else:
            return None
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, NotImplementedError):
        return None  # a window of no width, a table of no entries: shown as if it had none
    shows_something = np.isfinite(pixels).all() and pixels.min() < pixels.max()
    return pixels if shows_something else None


def _is_curved(dataset: Dataset) -> bool:
    return bool(dataset.get("VOILUTSequence")) or dataset.get("VOILUTFunction") == "SIGMOID"


def _through_table(values: npt.NDArray[Any], dataset: Dataset) -> npt.NDArray[np.float32]:
    """Values through the first VOI LUT (PS3.3 section C.11.2.1.1).

    pydicom counts places in a table of 8-bit entries with 8 bits, and finds others.
    """
    table = dataset.VOILUTSequence[0]
    count, first, bits = (int(number) for number in table.LUTDescriptor)
    count = count or 2**16
    data = table.LUTData
    if isinstance(data, bytes):
        packed = bits == 8 and len(data) <= count + 1  # which an even length asks for
        big_endian = dataset.original_encoding[1] is False
        data = np.frombuffer(data, "u1" if packed else ">u2" if big_endian else "<u2")
    entries = np.asarray(data)[:count]
    places = np.clip(np.floor(values) - first, 0, len(entries) - 1).astype(np.intp)
    # The descriptor's number of bits is often larger than what the table uses.
    return _scaled(entries[places], float(entries.min()), float(entries.max()))


def _through_window(values: npt.NDArray[np.float64], dataset: Dataset) -> npt.NDArray[np.float32]:
    """Values as fractions of the display's range (PS3.3 section C.11.2.1.2)."""
    centre, width = _window(dataset)
    function = str(dataset.get("VOILUTFunction") or "LINEAR")
    if function == "SIGMOID":
        fractions = 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -500, 500)))
    elif function == "LINEAR_EXACT":
        fractions = (values - centre) / width + 0.5
    else:
        fractions = (values - (centre - 0.5)) / max(width - 1, 1e-6) + 0.5
    return np.asarray(np.clip(fractions, 0, 1), dtype=np.float32)


def _window(dataset: Dataset) -> tuple[float, float]:
    """Centre and width of the first window."""
    centre, width = (
        float(number[0] if isinstance(number, MultiValue) else number)
        for number in (dataset.WindowCenter, dataset.WindowWidth)
    )
    if not (np.isfinite([centre, width]).all() and width > 0):
        raise ValueError("no window")
    return centre, width


def _window_ends(dataset: Dataset) -> tuple[float, float] | None:
    """Centre minus and plus half the width of the first window; None where there is none.

    The viewer shows centre and width as the file states them. LINEAR is white one value earlier.
    """
    try:
        centre, width = _window(dataset)
    except (ValueError, TypeError, IndexError, AttributeError):
        return None
    return centre - width / 2, centre + width / 2


def _without_padding(
    values: npt.NDArray[Any], stored: npt.NDArray[Any], dataset: Dataset, *, inverted: bool
) -> tuple[npt.NDArray[Any], float, float]:
    """Values with the padding as dark as the darkest; lowest and highest of what is no padding.

    Padding is one stored value, or a range of them (PS3.3 section C.7.5.1.1.2).
    """
    value = dataset.get("PixelPaddingValue")
    limit = dataset.get("PixelPaddingRangeLimit")
    limit = value if limit is None else limit
    if value is None:
        padding = np.zeros(stored.shape, dtype=bool)
    else:
        padding = (stored >= min(value, limit)) & (stored <= max(value, limit))
    if padding.all() or not padding.any():
        return values, float(values.min()), float(values.max())
    inside = values[~padding]
    low, high = inside.min(), inside.max()
    return np.where(padding, high if inverted else low, values), float(low), float(high)


def _scaled(values: npt.NDArray[Any], low: float, high: float) -> npt.NDArray[np.float32]:
    scaled = (values.astype(np.float32) - np.float32(low)) / np.float32(max(high - low, 1e-6))
    return np.asarray(np.clip(scaled, 0, 1), dtype=np.float32)
