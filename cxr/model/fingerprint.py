"""Tells whether a model learned from a radiograph, whatever became of its file since.

A perceptual hash: the signs of an image's low frequencies (pHash; Zauner 2010, *Implementation and
Benchmarking of Perceptual Image Hash Functions*). Here of the ranks of its grey levels, so that
exposure and a moderate window hardly matter. Measured on 56 radiographs at their original size and
as they were trained on (224×224 pixels, their sides' ratio lost), also windowed (of the levels from
0.15 to 0.85), with gamma 0.6 to 1.6, at half the size and as JPEG of quality 20: at most 8 of the
128 bits differ. Of any two of 5,190 different training images at least 11 do, and 21 between one
of them and one of 762 adults' images of other data sets. What is cropped, framed, written on or
windowed narrowly is mostly not recognised.
"""

from __future__ import annotations

import re

import cv2
import numpy as np
import numpy.typing as npt

# (16,): 128 bits, packed.
Fingerprint = npt.NDArray[np.uint8]

_SIDE = 32  # of the image whose frequencies are taken
_FREQUENCIES = (11, 12)  # the lowest, down and across
_BITS = 128  # of their signs, without that of the mean
_MAX_DIFFERENT = 8  # bits, for two images to be the same
_DIGITS = re.compile(r"\b[0-9a-f]{32}\b")


def fingerprint(image: npt.NDArray[np.float32]) -> Fingerprint:
    """What is left of an image when it is resized, windowed or compressed.

    Args:
        image: float32 (H, W), upright. Which aspect ratio it has does not matter.
    """
    small = cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    ranks = np.argsort(np.argsort(small, axis=None, kind="stable"), kind="stable")
    frequencies = cv2.dct(ranks.reshape(_SIDE, _SIDE).astype(np.float32))
    rows, columns = _FREQUENCIES
    return np.packbits(frequencies[:rows, :columns].ravel()[1 : _BITS + 1] > 0)


def fingerprints_to_text(fingerprints: npt.NDArray[np.uint8]) -> str:
    """Fingerprints (N, 16) as a document keeps them: in order, each once."""
    return " ".join(sorted({bytes(each).hex() for each in fingerprints}))


def fingerprints_from_text(text: str) -> npt.NDArray[np.uint8]:
    """Fingerprints (N, 16) of a document; what is none, as until 0.22, is left out."""
    content = bytes.fromhex("".join(_DIGITS.findall(text)))
    return np.frombuffer(content, dtype=np.uint8).reshape(-1, _BITS // 8)


def is_among(image: npt.NDArray[np.float32], known: npt.NDArray[np.uint8]) -> bool:
    """Whether an image (H, W) is one of those whose fingerprints (N, 16) are known."""
    different = np.bitwise_count(known ^ fingerprint(image)).sum(axis=1)
    return bool((different <= _MAX_DIFFERENT).any())
