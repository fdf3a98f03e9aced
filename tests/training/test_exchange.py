"""What one radiograph lends another: its look, its surroundings, and the place of its lungs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from training.fitting.exchange import box_around, exchange_outside, move_box, restyle

SIDE = 64


def smooth(seed: int, sigma: float) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal((SIDE, SIDE)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), sigma)
    return np.asarray((blurred - blurred.min()) / np.ptp(blurred), dtype=np.float32)


def test_the_look_is_exchanged_and_the_picture_stays() -> None:
    image, donor = smooth(0, 4), 0.5 * smooth(1, 1) ** 2
    styled = restyle(image, donor, 1)
    quantiles = np.linspace(0.05, 0.95, 10)
    np.testing.assert_allclose(
        np.quantile(styled, quantiles), np.quantile(donor, quantiles), atol=0.02
    )
    # Sharper, as the donor is, and still itself.
    assert cv2.Laplacian(styled, cv2.CV_32F).std() > cv2.Laplacian(0.5 * image, cv2.CV_32F).std()
    ranks = [np.argsort(np.argsort(one.ravel())) for one in (image, styled)]
    assert np.corrcoef(*ranks)[0, 1] > 0.8


def test_by_no_amount_nothing_changes() -> None:
    np.testing.assert_allclose(restyle(smooth(0, 4), smooth(1, 1), 0), smooth(0, 4), atol=1e-5)


def test_half_the_amount_is_half_of_the_grey_levels() -> None:
    image, donor = smooth(0, 4), 0.5 * smooth(1, 1) ** 2
    halfway = (image.mean() + donor.mean()) / 2
    assert restyle(image, donor, 0.5).mean() == pytest.approx(halfway, abs=0.02)


def test_the_anatomy_keeps_its_contrast_whatever_the_donor_lacks() -> None:
    """One wave across the image; the donor has fine grain of the same grey levels alone."""
    wave = 0.5 + 0.2 * np.sin(2 * np.pi * np.arange(SIDE) / SIDE)
    rng = np.random.default_rng(0)
    image = np.tile(wave, (SIDE, 1)).astype(np.float32)
    donor = rng.permutation(image.ravel()).reshape(SIDE, SIDE)
    image += 0.02 * rng.standard_normal((SIDE, SIDE)).astype(np.float32)
    styled = restyle(image, donor, 1)
    assert np.ptp(styled.mean(axis=0)) > 0.8 * np.ptp(wave)


def test_an_image_of_one_grey_level_stays_finite() -> None:
    flat = np.full((SIDE, SIDE), 0.5, np.float32)
    assert np.isfinite(restyle(flat, smooth(0, 2), 1)).all()
    assert np.isfinite(restyle(smooth(0, 2), flat, 1)).all()


def lungs(left: int, top: int) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[top : top + 30, left : left + 12] = mask[top : top + 30, left + 18 : left + 30] = 1
    return mask


def test_the_lungs_stay_and_their_surroundings_change() -> None:
    image, donor = np.full((SIDE, SIDE), 0.2, np.float32), np.full((SIDE, SIDE), 0.9, np.float32)
    ours = lungs(10, 12)
    mixed = exchange_outside(image, ours, donor, lungs(16, 20))
    assert np.abs(mixed[ours > 0] - 0.2).mean() < 0.02
    assert np.abs(mixed[:, 52:] - 0.9).max() < 0.02


def test_the_surroundings_come_to_lie_beside_the_lungs_as_they_did() -> None:
    """A marker to the lower right of the donor's lungs, which are higher and further right."""
    image, donor = np.full((SIDE, SIDE), 0.2, np.float32), np.zeros((SIDE, SIDE), np.float32)
    donor[44:48, 58:62] = 1  # 8 pixels below the lungs' end, and 8 right of it
    mixed = exchange_outside(image, lungs(12, 16), donor, lungs(20, 6))
    rows, columns = np.nonzero(mixed > 0.7)
    assert (rows.min(), rows.max()) == (54, 57)
    assert (columns.min(), columns.max()) == (50, 53)


@pytest.mark.parametrize("which", ["ours", "theirs"])
def test_without_lungs_nothing_is_exchanged(which: str) -> None:
    none, some = np.zeros((SIDE, SIDE), np.float32), lungs(10, 12)
    pair = (none, some) if which == "ours" else (some, none)
    image = smooth(0, 3)
    np.testing.assert_array_equal(exchange_outside(image, pair[0], smooth(1, 3), pair[1]), image)


def test_a_box_comes_to_lie_on_another() -> None:
    mask = lungs(10, 12)
    box = box_around(mask > 0)
    assert box == (10, 12, 40, 42)
    to = (20, 8, 50, 53)
    moved = move_box(mask, box, to)
    left, top, right, bottom = box_around(moved > 0.5)  # type: ignore[misc]
    np.testing.assert_allclose((left, top, right, bottom), to, atol=1)
    assert box_around(np.zeros((4, 4), bool)) is None
