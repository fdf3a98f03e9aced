"""A radiograph that a model learned from is recognised, whatever became of its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxr.classifier import Classifier
from cxr.messages import Message
from cxr.model.bundle import Bundle, load_bundle
from cxr.model.fingerprint import (
    fingerprint,
    fingerprints_from_text,
    fingerprints_to_text,
    is_among,
)
from cxr.outcome import answer_file
from cxr.output.record import to_record
from cxr.reading.radiograph import read_radiograph
from tests.conftest import ROOT
from tests.cxr.changed_bundles import trained_on

EXAMPLES = sorted((ROOT / "examples").glob("*.jpeg"))


def changed(image: Image.Image, change: str, path: Path) -> Path:
    if change == "smaller":
        image = image.resize((image.width // 2, image.height // 3))
    if change == "brighter":
        image = image.point(lambda level: round(255 * (level / 255) ** 0.6))
    if change == "windowed":
        image = image.point(lambda level: min(255, max(0, round((level - 40) * 255 / 180))))
    if change == "on its side":
        image = image.transpose(Image.Transpose.ROTATE_90)
    path = path.with_suffix(".png" if change == "on its side" else ".jpg")
    image.save(path, **({"quality": 20} if change == "compressed" else {}))
    return path


@pytest.mark.parametrize(
    "change", ["as it is", "smaller", "brighter", "windowed", "compressed", "on its side"]
)
def test_what_was_learned_from_is_recognised_and_said(
    change: str, tmp_path: Path, tiny_bundle: Bundle
) -> None:
    learned, other = EXAMPLES[0], EXAMPLES[1]
    classifier = Classifier(trained_on(tiny_bundle, learned))
    for file, expected in ((learned, True), (other, False)):
        with Image.open(file) as image:
            path = changed(image.convert("L"), change, tmp_path / file.stem)
        outcome = answer_file(path, classifier, file=path.name)
        assert outcome.prediction
        assert outcome.prediction.trained_on == expected
        record = to_record(outcome, classifier, threshold=None)
        assert (str(Message("trained_on")) in record["warnings"]) == expected
        # It is of the kind that the model was trained on: the verdict is given as always.
        assert outcome.prediction.gate_result.in_range


def test_the_examples_are_told_apart_and_none_was_learned_from() -> None:
    known = load_bundle().trained_fingerprints
    images = [read_radiograph(file).pixels for file in EXAMPLES]
    assert len(images) > 10
    assert not any(is_among(image, known) for image in images)
    # Two of them are parts of one image of our own making: `both-sides` and its halves.
    prints = [fingerprint(image) for image in images]
    different = [
        int(np.bitwise_count(one ^ other).sum())
        for i, one in enumerate(prints)
        for other in prints[:i]
    ]
    assert min(different) > 8


def test_what_is_no_fingerprint_is_left_out() -> None:
    prints = np.arange(48, dtype=np.uint8).reshape(3, 16)
    text = fingerprints_to_text(prints[[2, 0, 1, 0]])
    assert text.split() == sorted(text.split())
    np.testing.assert_array_equal(fingerprints_from_text(text), prints)
    until_022 = "0123456789ab 123456789abc"
    assert fingerprints_from_text(f"{until_022} {'g' * 32} {'0' * 33}").shape == (0, 16)
