"""A file becomes a `Radiograph`: decoded once, here, and nowhere else.

The content decides what a file is, never its name. JPEG and PNG are read, with 8 or 16 bits,
grey, colour, palette or alpha, turned upright by their EXIF orientation; and DICOM radiographs, as
`cxr.reading.dicom` says.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from cxr.errors import (
    RadiographError,
    RadiographTooLarge,
    UnreadableRadiograph,
    UnsupportedRadiograph,
)
from cxr.messages import Message
from cxr.reading.acquisition import UNKNOWN, Acquisition, is_dicom
from cxr.reading.bare_pictures import JPEG_START, PNG_START, bare_picture, known_format
from cxr.reading.jpeg_markers import require_few_scans, require_intact_scans
from cxr.reading.stored_levels import StoredLevels

# The largest flat-panel detectors give about 20 million pixels; checked before decoding, so that a
# small file that unpacks to gigabytes (a decompression bomb) costs nothing.
MAX_PIXELS = 50_000_000
MAX_BYTES = 100_000_000
MIN_SIDE = 32  # no lung can be seen in fewer pixels

_EIGHT_BIT_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA"}
_SIXTEEN_BIT_MODES = {"I;16", "I;16B", "I;16L", "I"}  # Pillow's names for a 16-bit grey PNG
# What makes a picture upright, by its EXIF orientation.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

Source = str | os.PathLike[str] | bytes | BinaryIO


@dataclass(frozen=True, eq=False)
class Radiograph:
    """One radiograph.

    Attributes:
        pixels: float32 array of shape (H, W) in [0, 1], read-only; 0 is black.
        name: what to call it in messages: the file's name, never its folder.
        colour: how far its colours are from grey: the mean over pixels of the largest difference
            between two of their channels, in [0, 1].
        acquisition: what a DICOM header says of how it was taken; of other files nothing is known.
        stored: grey levels before any window, where the file has more than eight bits.
    """

    pixels: npt.NDArray[np.float32]
    name: str
    colour: float = 0.0
    acquisition: Acquisition = UNKNOWN
    stored: StoredLevels | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.pixels.shape
        return height, width


def read_radiograph(source: Source, *, name: str | None = None) -> Radiograph:
    """Decode a JPEG, PNG or DICOM file into a `Radiograph`.

    Eight-bit grey is divided by 255, and sixteen-bit by the highest value of as many bits as are
    used. Colour becomes its luminance (ITU-R BT.601); transparent pixels become black, like
    what is not exposed.
    DICOM: see `cxr.reading.dicom`.

    Args:
        source: a path, the bytes of a file, or a binary file object.
        name: what to call the radiograph in messages; by default the file's own name.

    Returns:
        The radiograph, upright, on its own pixel grid.

    Raises:
        UnreadableRadiograph: the file is missing, empty, truncated or no picture.
        UnsupportedRadiograph: it has several pages or frames, or is of another format, colour
            space or modality.
        RadiographTooLarge: it exceeds `MAX_PIXELS` or `MAX_BYTES`.
    """
    name = name or _name_of(source)
    try:
        return _radiograph(_read_bytes(source), name)
    except RadiographError as error:
        error.name = name
        raise


def _name_of(source: Source) -> str:
    """The name of the file, without its folder."""
    if isinstance(source, str | os.PathLike):
        return Path(source).name
    return Path(str(getattr(source, "name", "the picture"))).name


def _radiograph(content: bytes, name: str) -> Radiograph:
    acquisition, stored, refused = UNKNOWN, None, None
    try:
        if is_dicom(content):
            from cxr.reading.dicom import read_dicom
            from cxr.reading.dicom_header import other_modality

            levels, stored, acquisition = read_dicom(content, max_pixels=MAX_PIXELS)
            refused = other_modality(acquisition)
        else:
            image = _open(content)
            levels = _levels(image)
            if image.mode in _SIXTEEN_BIT_MODES:
                white = _white_of(np.asarray(image))
                stored = StoredLevels.from_values(levels * white, low=0, high=white)
        pixels, colour = _without_colour(levels)
    except Image.DecompressionBombError as error:
        raise RadiographTooLarge(Message("bomb", {"most": MAX_PIXELS})) from error
    except RadiographError:
        raise
    except MemoryError as error:
        raise RadiographTooLarge(Message("no_memory")) from error
    except Exception as error:  # decoders answer damage with a dozen kinds: zlib, struct, Syntax, …
        raise UnreadableRadiograph(Message("damaged", {"error": str(error)})) from error
    height, width = pixels.shape
    if min(height, width) < MIN_SIDE and not refused:
        sides = {"width": width, "height": height, "least": MIN_SIDE}
        raise UnsupportedRadiograph(Message("too_small", sides))
    if not np.isfinite(pixels).all():
        raise UnreadableRadiograph(Message("damaged", {"error": "no finite grey levels"}))
    pixels.setflags(write=False)
    radiograph = Radiograph(
        pixels=pixels, name=name, colour=colour, acquisition=acquisition, stored=stored
    )
    if refused:
        raise UnsupportedRadiograph(refused, picture=pixels)
    return radiograph


def _read_bytes(source: Source) -> bytes:
    """The whole content; at most one byte over the limit is ever read."""
    if isinstance(source, bytes):
        content = source
    elif isinstance(source, str | os.PathLike):
        try:
            with Path(source).open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except (OSError, ValueError) as error:  # a path with a null byte is of no file
            reason = getattr(error, "strerror", None) or str(error)
            raise UnreadableRadiograph(Message("unopened", {"reason": reason})) from error
    else:
        content = source.read(MAX_BYTES + 1)
    if not content:
        raise UnreadableRadiograph(Message("empty"))
    if len(content) > MAX_BYTES:
        raise RadiographTooLarge(Message("too_many_bytes", {"most": MAX_BYTES // 1_000_000}))
    return content


def _open(content: bytes) -> Image.Image:
    """The picture behind its header, upright, refused before any pixel of it is decoded."""
    if content.startswith(JPEG_START):
        require_few_scans(content)
        require_intact_scans(content)
    picture = bare_picture(content)
    if picture is None:
        if known := known_format(content):
            raise UnsupportedRadiograph(Message("format", {"format": known}))
        raise UnreadableRadiograph(Message("no_picture"))
    if picture.pictures > 1:
        count = {"count": picture.pictures}
        raise UnsupportedRadiograph(Message("several_pictures", count))
    try:
        # These alone: Pillow would try dozens of formats, each with its own ways to take time.
        image: Image.Image = Image.open(io.BytesIO(picture.content), formats=("JPEG", "PNG"))
    except UnidentifiedImageError as error:
        raise UnreadableRadiograph(Message("no_picture")) from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        sides = {"width": width, "height": height, "most": MAX_PIXELS}
        raise RadiographTooLarge(Message("too_many_pixels", sides))
    if _has_deep_colour(picture.content):
        image.load()  # Pillow refuses what is damaged
        image.close()
        image = _deep_colour(picture.content)
    turn = _TURNS.get(picture.orientation)
    return image if turn is None else image.transpose(turn)


def _has_deep_colour(content: bytes) -> bool:
    """Whether this is a PNG with 16 bits for each colour, of which Pillow keeps the upper eight."""
    header = content[24:26] if content.startswith(PNG_START) else b""  # bits, and kind of colour
    return header[:1] == b"\x10" and header != b"\x10\0"


def _deep_colour(content: bytes) -> Image.Image:
    """A colour PNG of 16 bits: all of them if it is grey, else the upper eight of those in use."""
    values = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise ValueError("OpenCV cannot decode it")
    blue, green, red, *alpha = cv2.split(values)
    del values  # 400 MB of the largest picture, and each of its planes 100
    if alpha and (alpha[0] < 65_535).any():
        for plane in (blue, green, red):
            plane[:] = plane.astype(np.uint32) * alpha[0] // 65_535
    if np.array_equal(blue, green) and np.array_equal(green, red):
        return Image.fromarray(red)
    upper = 255 / max(map(_white_of, (blue, green, red)))
    return Image.fromarray(
        cv2.merge([cv2.convertScaleAbs(plane, alpha=upper) for plane in (red, green, blue)])
    )


def _levels(image: Image.Image) -> npt.NDArray[np.float32]:
    """Pixels of shape (H, W), or (H, W, 3) in colour, float32 in [0, 1]."""
    if image.mode in _SIXTEEN_BIT_MODES:
        values = np.asarray(image)
        return values.astype(np.float32) / np.float32(_white_of(values))
    if image.mode not in _EIGHT_BIT_MODES:
        raise UnsupportedRadiograph(Message("colour_space", {"mode": image.mode}))
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "black"), rgba)
    grey = image.mode in ("1", "L")
    return np.asarray(image.convert("L" if grey else "RGB"), dtype=np.float32) / np.float32(255)


def _white_of(values: npt.NDArray[Any]) -> int:
    """The highest value of as many bits as are used: detectors have 10 to 14 of the 16 stored."""
    return int(2 ** max(8, int(values.max()).bit_length()) - 1)


def _without_colour(
    levels: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.float32], float]:
    """Luminance (H, W) in [0, 1], and how much colour it replaces."""
    if levels.ndim == 2:
        return levels, 0.0
    red, green, blue = cv2.split(np.ascontiguousarray(levels))
    highest = np.maximum(np.maximum(red, green), blue)
    lowest = np.minimum(np.minimum(red, green), blue)
    colour = float(np.mean(highest - lowest))
    luminance = cv2.cvtColor(np.ascontiguousarray(levels), cv2.COLOR_RGB2GRAY)
    return np.asarray(luminance, dtype=np.float32), colour
