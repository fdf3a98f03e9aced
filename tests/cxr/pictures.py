"""Pictures of one colour, and the parts of PNG files, for tests of reading."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image

SIDE = 40


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def solid(mode: str, colour: object) -> Image.Image:
    return Image.new(mode, (SIDE, SIDE), colour)  # type: ignore[arg-type]


def chunk(name: bytes, payload: bytes) -> bytes:
    crc = zlib.crc32(name + payload)
    return struct.pack(">L", len(payload)) + name + payload + struct.pack(">L", crc)
