"""What the viewer is sent of an answer."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import pytest

from cxr.classifier import Classifier
from cxr.page.answer_values import answer_value
from cxr.reading.acquisition import Acquisition
from cxr.reading.radiograph import read_radiograph


@pytest.mark.parametrize(("side", "spacing"), [(240, (0.1, 0.2)), (8192, (0.2, 0.4))])
def test_lengths_hold_also_where_fewer_pixels_are_sent(
    tiny_classifier: Classifier, image_file: Path, side: int, spacing: tuple[float, float]
) -> None:
    radiograph = read_radiograph(image_file)
    prediction = tiny_classifier.predict(radiograph)
    large = dataclasses.replace(
        radiograph,
        pixels=cv2.resize(radiograph.pixels, (side, side // 4)),
        acquisition=Acquisition(pixel_spacing=(0.1, 0.2), spacing_at_detector=True),
    )
    value = answer_value(large, prediction, tiny_classifier.bundle)
    assert value["spacing"] == pytest.approx(spacing)
    assert value["shrunk"] == side / value["width"]
    assert value["spacing_at_detector"]
