"""One preprocessing, for training and for classification."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cxr.preprocessing import Intensity, Preprocessing
from cxr.reading.radiograph import Radiograph, read_radiograph
from training.data.dataset import read_folder
from training.data.images import load_images


def radiograph(pixels: object) -> Radiograph:
    return Radiograph(pixels=np.array(pixels, dtype=np.float32), name="image")


def test_shrinking_averages_over_each_pixels_area() -> None:
    image = radiograph([[0, 1, 0, 0], [1, 0, 0, 0], [1, 1, 0, 1], [1, 1, 1, 0]])
    batch = Preprocessing(size=2, intensity="unit")(image)
    assert batch.shape == (1, 2, 2, 1)
    assert batch.dtype == np.float32
    np.testing.assert_allclose(batch[0, :, :, 0], [[0.5, 0], [1, 0.5]])


def test_the_longer_side_is_averaged_where_the_shorter_one_grows() -> None:
    stripes = radiograph(np.tile([0.0, 1.0], (30, 2000)))
    resized = Preprocessing(size=40, intensity="unit").resize(stripes)
    assert resized.shape == (40, 40)
    np.testing.assert_allclose(resized, 0.5, atol=0.01)


def test_the_aspect_ratio_is_not_kept() -> None:
    image = radiograph(np.tile([0.0, 1.0], (4, 4)))
    assert Preprocessing(size=4)(image).shape == (1, 4, 4, 1)


def test_standardized_images_have_zero_mean_and_unit_variance_whatever_their_exposure() -> None:
    pixels = np.random.default_rng(0).random((8, 8)).astype(np.float32)
    preprocessing = Preprocessing(size=8)
    batch = preprocessing(radiograph(pixels))
    assert batch.mean() == pytest.approx(0, abs=1e-6)
    assert batch.std() == pytest.approx(1, abs=1e-5)
    darker = preprocessing(radiograph(0.3 * pixels + 0.1))
    np.testing.assert_allclose(darker, batch, atol=1e-4)


def test_standardized_by_the_middle_what_lies_around_it_does_not_matter() -> None:
    pixels = np.random.default_rng(0).random((25, 25)).astype(np.float32)
    preprocessing = Preprocessing(size=25, intensity="standardized_by_middle")
    middle = slice(3, 22)  # without 12 % on each side
    batch = preprocessing(radiograph(pixels))[0, :, :, 0]
    assert batch[middle, middle].mean() == pytest.approx(0, abs=1e-6)
    assert batch[middle, middle].std() == pytest.approx(1, abs=1e-5)
    framed = np.zeros_like(pixels)
    framed[middle, middle] = pixels[middle, middle]
    again = preprocessing(radiograph(framed))[0, :, :, 0]
    np.testing.assert_array_equal(again[middle, middle], batch[middle, middle])


@pytest.mark.parametrize("intensity", ["standardized", "standardized_by_middle"])
def test_an_image_of_one_grey_level_becomes_zeros(intensity: Intensity) -> None:
    batch = Preprocessing(size=10, intensity=intensity)(radiograph(np.full((10, 10), 0.7)))
    np.testing.assert_allclose(batch, 0, atol=1e-3)


def test_training_and_classification_prepare_a_image_alike(chest_images: Path) -> None:
    preprocessing = Preprocessing(size=32)
    records, _ = read_folder(chest_images)
    images, records = load_images(chest_images, records, preprocessing)
    trained_on = preprocessing.normalize(images.astype(np.float32))
    for row, record in enumerate(records[:5]):
        classified = preprocessing(read_radiograph(chest_images / record.path))
        # Training keeps images at half precision.
        np.testing.assert_allclose(trained_on[row], classified[0], atol=5e-3)
