"""Batches for the lung network: chest radiographs, turned ones, and other images."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import keras
import numpy as np
import numpy.typing as npt

from cxr.gate.lungs import KINDS, Kind
from cxr.preprocessing import lung_preprocessing
from training.data.images import Outlines, StoredImages
from training.fitting.augmentation import WIDE_AUGMENTATION, augment, augment_with_masks

Image = npt.NDArray[np.float32]  # (S, S) in [0, 1]

# Wider still: other images have no lungs that have to stay in the image.
OTHER_AUGMENTATION = replace(WIDE_AUGMENTATION, rotation=30.0, zoom=0.4, shift=0.15)

# Probability of each group in a batch: adults; children; either of them turned or inverted; images
# that are no frontal chest radiographs.
_GROUPS = {"adults": 0.28, "children": 0.40, "turned": 0.12, "others": 0.20}


@dataclass(frozen=True, eq=False)
class LungData:
    """Images that the lung network learns from, grouped by what is known about them.

    Attributes:
        adults: frontal chest radiographs of adults, (N, S, S).
        adult_masks: their lungs, (N, S, S), 0 or 1.
        children: frontal chest radiographs of children, (M, S, S).
        child_masks: their lungs, (M, S, S), 0 or 1; NaN throughout where they are not known.
        others: images that are no frontal chest radiographs, (K, S, S).
        other_kinds: what each of them is.
    """

    adults: StoredImages
    adult_masks: Outlines
    children: StoredImages
    child_masks: Outlines
    others: StoredImages
    other_kinds: list[Kind]


class LungBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Augmented batches of ``(images, targets, sample weights)``, equal for equal seeds."""

    def __init__(
        self, data: LungData, *, batches: int, batch_size: int = 16, seed: int, workers: int = 1
    ) -> None:
        """Set up the batches.

        Args:
            data: what to draw images from.
            batches: in an epoch.
            batch_size: images in a batch.
            seed: of all random choices.
            workers: threads that make batches.
        """
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=16)
        self.data = data
        self.batches = batches
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0
        self.size = data.adults.shape[1]
        self.preprocessing = lung_preprocessing(self.size)
        self.by_kind = [
            np.flatnonzero(np.array(data.other_kinds) == kind)
            for kind in sorted(set(data.other_kinds))
        ]

    def __len__(self) -> int:
        """Batches in an epoch."""
        return self.batches

    def on_epoch_end(self) -> None:
        """Make the next epoch's batches differ from this one's."""
        self.epoch += 1

    def __getitem__(
        self, index: int
    ) -> tuple[npt.NDArray[np.float32], dict[str, npt.NDArray[np.float32]], dict[str, Image]]:
        """Batch `index` of the current epoch, all of it float32.

        Returns:
            Images (N, S, S, 1), standardised. Targets: ``lungs`` (N, S, S, 1), 0 or 1; ``kind``
            (N, 1), an index into `KINDS`; ``adult`` (N, 1), 0 or 1. Sample weights (N,) of each
            target, 0 where it is unknown.
        """
        rng = np.random.default_rng((self.seed, self.epoch, index))
        images = np.empty((self.batch_size, self.size, self.size), np.float32)
        masks = np.zeros_like(images)
        kinds = np.zeros((self.batch_size, 1), np.float32)
        adults = np.zeros((self.batch_size, 1), np.float32)
        weights = {
            name: np.ones(self.batch_size, np.float32) for name in ("lungs", "kind", "adult")
        }
        groups = rng.choice(list(_GROUPS), size=self.batch_size, p=list(_GROUPS.values()))
        for row, group in enumerate(groups):
            if group == "others":
                images[row], kind = self._other_image(rng)
                weights["adult"][row] = 0
            else:
                adult = group == "adults" or (group == "turned" and rng.random() < 0.4)
                images[row], mask = self._chest_image(rng, adult=adult)
                adults[row] = adult
                kind = "frontal"
                if group == "turned":
                    images[row], kind = _turn(images[row], rng), "turned"
                    weights["adult"][row] = weights["lungs"][row] = 0
                elif mask is None:
                    weights["lungs"][row] = 0
                else:
                    masks[row] = mask
            kinds[row] = KINDS.index(kind)
        targets = {"lungs": masks[..., np.newaxis], "kind": kinds, "adult": adults}
        return self.preprocessing.normalize(images), targets, weights

    def _chest_image(self, rng: np.random.Generator, *, adult: bool) -> tuple[Image, Image | None]:
        """A random variant of a frontal chest radiograph, with the mask of its lungs if known."""
        data = self.data
        images, masks = (
            (data.adults, data.adult_masks) if adult else (data.children, data.child_masks)
        )
        row = rng.integers(len(images))
        image, mask = images[row].astype(np.float32), masks[row].astype(np.float32)
        if np.isnan(mask[0, 0]):
            return _frame(augment(image, WIDE_AUGMENTATION, rng), None, rng)[0], None
        if adult and rng.random() < 0.5:
            image = _add_opacities(image, mask, rng)
        image, (mask,), _ = augment_with_masks(image, [mask], WIDE_AUGMENTATION, rng)
        return _frame(image, mask, rng)

    def _other_image(self, rng: np.random.Generator) -> tuple[Image, Kind]:
        """A random variant of an image that is no frontal chest radiograph, with its kind."""
        if not self.by_kind or rng.random() < 0.15:
            return _texture(self.size, rng), "other"
        row = rng.choice(self.by_kind[rng.integers(len(self.by_kind))])
        image = self.data.others[row].astype(np.float32)
        kind = self.data.other_kinds[row]
        if kind != "lateral":  # lateral views come upright, the others in any orientation
            image = np.ascontiguousarray(np.rot90(image, int(rng.integers(4))))
        if rng.random() < (0.1 if kind == "lateral" else 0.3):
            image = 1 - image
        if kind == "other" and rng.random() < 0.3:
            side = int(rng.integers(self.size // 4, self.size))
            top, left = rng.integers(0, self.size - side, size=2)
            patch = np.ascontiguousarray(image[top : top + side, left : left + side])
            image = np.asarray(cv2.resize(patch, image.shape), dtype=np.float32)
        return augment(image, OTHER_AUGMENTATION, rng), kind


def _turn(image: Image, rng: np.random.Generator) -> Image:
    """The image turned by quarters, with inverted greys, or both, as happens by mistake."""
    turns = int(rng.integers(4))
    image = np.rot90(image, turns)
    return np.ascontiguousarray(1 - image if turns == 0 or rng.random() < 0.3 else image)


def _frame(
    image: Image, mask: Image | None, rng: np.random.Generator
) -> tuple[Image, Image | None]:
    """In 3 of 10 images, cover outer edges in one grey level, as collimators and scanners do."""
    if rng.random() > 0.3:
        return image, mask
    side = image.shape[0]
    top, bottom, left, right = (
        rng.integers(0, int(0.12 * side), size=4) * (rng.random(4) < 0.6)
    ).tolist()
    inside = np.zeros_like(image)
    inside[top : side - bottom, left : side - right] = 1
    level = np.float32(0 if rng.random() < 0.8 else rng.random())
    return image * inside + level * (1 - inside), None if mask is None else mask * inside


def _add_opacities(image: Image, mask: Image, rng: np.random.Generator) -> Image:
    """Paint blurred opacities into the lungs, so that lungs with disease are outlined as well."""
    side = image.shape[0]
    opacity = np.zeros_like(image)
    places = np.argwhere(mask > 0.5)
    if not len(places):
        return image
    for _ in range(int(rng.integers(1, 5))):
        y, x = places[rng.integers(len(places))]
        axes = tuple(int(a) for a in rng.integers(side // 20, side // 5, size=2))
        cv2.ellipse(opacity, (int(x), int(y)), axes, rng.uniform(0, 180), 0, 360, 1.0, -1)
    blurred = cv2.GaussianBlur(opacity, (0, 0), rng.uniform(2, 6))
    fraction = blurred * np.float32(rng.uniform(0.3, 1)) * mask
    grain = cv2.GaussianBlur(rng.random(image.shape, dtype=np.float32), (0, 0), 3) * 0.3
    tissue = np.float32(np.percentile(image, rng.uniform(60, 90))) + grain - 0.15
    painted = image * (1 - fraction) + tissue * fraction
    return np.asarray(np.clip(painted, 0, 1), dtype=np.float32)


def _texture(side: int, rng: np.random.Generator) -> Image:
    """An image that shows nothing: noise at some scale and waves, at times in few grey levels."""
    noise = rng.standard_normal((side, side), dtype=np.float32)
    if rng.random() < 0.8:
        blurred = cv2.GaussianBlur(noise, (0, 0), float(np.exp(rng.uniform(0, 3.2))))
        noise = np.asarray(blurred, dtype=np.float32)
    y, x = np.mgrid[:side, :side].astype(np.float32) / side
    angle, frequency = rng.uniform(0, 2 * np.pi), np.exp(rng.uniform(-1, 3.5))
    wave = np.sin(2 * np.pi * frequency * (np.cos(angle) * x + np.sin(angle) * y))
    image = noise / (noise.std() + 1e-6) + wave * rng.uniform(0, 3)
    if rng.random() < 0.3:
        image = np.round(image * rng.uniform(0.3, 2))
    image = image - image.min()
    return np.asarray(image / max(float(image.max()), 1e-6), dtype=np.float32)
