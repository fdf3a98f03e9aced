"""Words in a radiograph's pixels are noticed, and its anatomy is not taken for some."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from cxr.cases import Case, read_cases
from cxr.classifier import Classifier
from cxr.gate.lettering import has_words
from cxr.messages import Message
from cxr.reading.radiograph import read_radiograph

WITH_THE_TIME = {"both-sides"}  # at which it was taken, in its corner
CASES = [case for case in read_cases().radiographs if case.path.suffix == ".jpeg"]


def written(pixels: npt.NDArray[np.float32], words: str, *, size: float) -> npt.NDArray[np.float32]:
    """A radiograph with white words at its lower edge."""
    levels = np.rint(255 * pixels).astype(np.uint8)
    place = (10, levels.shape[0] - 12)
    cv2.putText(levels, words, place, cv2.FONT_HERSHEY_SIMPLEX, size, 255, 1, cv2.LINE_AA)
    return levels.astype(np.float32) / np.float32(255)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_words_are_noticed_and_anatomy_is_none(case: Case) -> None:
    pixels = read_radiograph(case.path).pixels
    assert has_words(pixels) == (case.name in WITH_THE_TIME)
    if case.name not in WITH_THE_TIME and max(pixels.shape) > 500:
        scale = max(pixels.shape) / 1024
        words = written(pixels, "Martin, Lea 12.03.2019", size=0.7 * max(1.0, scale))
        assert has_words(words)
        # A side marker is no name.
        assert not has_words(written(pixels, "R", size=2.0))


def test_of_what_is_no_picture_of_anything_there_is_none() -> None:
    for value in (0.0, 0.5, 1.0):
        assert not has_words(np.full((40, 60), value, np.float32))
    dots = np.zeros((1024, 1024), np.float32)
    dots[::8, ::12] = dots[1::8, ::12] = dots[2::8, ::12] = 1
    dots[3::8, ::12] = dots[4::8, 1::12] = dots[4::8, ::12] = 1
    before = time.process_time()
    for noise in (np.random.default_rng(0).random((1024, 1024), np.float32), dots):
        assert not has_words(noise)
    assert time.process_time() - before < 2


def test_words_are_warned_of(tmp_path: Path) -> None:
    case = next(case for case in CASES if case.name == "first-look")
    pixels = read_radiograph(case.path).pixels
    path = tmp_path / "named.png"
    cv2.imwrite(str(path), 255 * written(pixels, "Martin, Lea 12.03.2019", size=1.0))
    classifier = Classifier.load()
    warned = classifier.predict(read_radiograph(path)).gate_result.warnings
    assert Message("words_seen") in warned
    assert (
        Message("words_seen")
        not in classifier.predict(read_radiograph(case.path)).gate_result.warnings
    )
