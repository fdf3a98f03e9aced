"""Augmented batches, which threads prepare while the network trains on earlier ones."""

from __future__ import annotations

import cv2
import keras
import numpy as np
import numpy.typing as npt

from training.data.images import Split
from training.fitting.augmentation import (
    WIDE_AUGMENTATION,
    AugmentationConfig,
    augment,
    augment_with_masks,
)
from training.fitting.config import TrainingConfig
from training.fitting.exchange import exchange_outside, restyle
from training.fitting.opacities import hidden, plant, random_opacities

Array = npt.NDArray[np.float32]
# By output of the network: targets in [0, 1] and their weights in the loss, on the last axis.
Targets = dict[str, Array]
Batch = tuple[Array, Targets]

_ORDER, _BATCH = 0, 1  # what random numbers are for: part of the seed

# Fractions of a cell of the evidence map.
_MIN_LUNG = 0.3  # from here on it counts as lung,
_MIN_COVERED = 0.45  # ... as covered by an opacity,
_MIN_KNOWN = 0.7  # ... and as known
_MAX_CLEAR = 0.1  # below, as free of opacities


class ImageBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Augmented, balanced batches, epoch by epoch.

    Which images are in a batch, and how each is varied, depends on (seed, epoch, batch) alone: the
    number of threads or an interruption does not change it.

    For the evidence network, a fraction of each batch is images of which it is known where disease
    is and where not (`training.fitting.evidence_config.LocalConfig`). They are learned from for the
    evidence only and not for the class, since a planted opacity is not a diagnosis.
    """

    def __init__(
        self, split: Split, config: TrainingConfig, *, epoch: int = 0, workers: int = 2
    ) -> None:
        """Make batches.

        Args:
            split: N images of side S; with outlines of the lungs for the evidence network.
            config: batch size, balance, augmentation, smoothing, mixup, what is learned about
                places, seed.
            epoch: the epoch to begin with.
            workers: threads that augment.
        """
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=16)
        self.split = split
        self.labels = split.labels
        self.config = config
        self.epoch = epoch
        self.classes = [np.flatnonzero(self.labels == label) for label in (0, 1)]
        self.side = split.images.shape[1]
        self.maps = split.lungs is not None
        # Images of each class with outlined lungs: surroundings can be exchanged between them.
        self.has_lungs = split.has_lungs
        self.outlined = [members[self.has_lungs[members]] for members in self.classes]
        known = self.maps and all(len(members) for members in self.outlined)
        self.class_rows = config.batch_size
        if known:  # an even number, so that both classes have as many
            rows = 2 * round((1 - config.local.fraction) * config.batch_size / 2)
            self.class_rows = min(max(rows, 2), config.batch_size)
        self.local_rows = config.batch_size - self.class_rows

    def __len__(self) -> int:
        """Batches in an epoch."""
        sizes = [len(members) for members in self.classes]
        images = {
            "batches": 2 * min(sizes),
            "undersample": 2 * min(sizes),
            "oversample": 2 * max(sizes),
        }.get(self.config.balance, sum(sizes))
        return max(1, images // self.class_rows)

    def on_epoch_end(self) -> None:
        """Go on to the next epoch's order. Keras calls this once before the first epoch, too."""
        self.epoch += 1

    def __getitem__(self, index: int) -> Batch:
        """Batch `index` of the current epoch.

        Returns:
            Images (B, S, S, 1), and targets with their weights for each output that is learned:
            ``logit`` (B, 2), and for the evidence network also ``lungs`` and ``evidence``
            (B, h, w, 2); all float32.
        """
        # NumPy ignores zeros at the end of a seed, so its purpose comes first.
        rng = np.random.default_rng((_BATCH, self.config.seed, self.epoch, index))
        chosen = self._order()[index * self.class_rows :][: self.class_rows]
        rows = [self._class_row(row, rng) for row in chosen]
        rows += [self._local_row(rng) for _ in range(self.local_rows)]
        images = np.stack([image for image, _ in rows])
        targets = {
            name: np.stack([target[name] for _, target in rows]).astype(np.float32)
            for name in rows[0][1]
        }
        return self._mix(self.config.preprocessing.normalize(images), targets, rng)

    # --- Rows ------------------------------------------------------------------------------------

    def _class_row(self, row: int, rng: np.random.Generator) -> tuple[Array, Targets]:
        """A training image with its class."""
        label = int(self.labels[row])
        smoothing = self.config.label_smoothing
        target = label * (1 - smoothing) + smoothing / 2
        logit = np.array([target, self._class_weights()[label]], dtype=np.float32)
        image = _image(self.split, row)
        if not self.maps:
            return augment(image, self.config.augmentation, rng), {"logit": logit}
        local = self.config.local
        lungs = _lungs(self.split, row)
        if self.has_lungs[row] and rng.random() < local.exchange_outside:
            image = self._with_other_outside(image, lungs, label, rng)
        if rng.random() < local.restyle and len(self.classes[1 - label]):
            donor = _image(self.split, rng.choice(self.classes[1 - label]))
            image = restyle(image, donor, rng.uniform(0.5, 1))
        covered, known = self._known_opacities(row)
        augmentation = self.config.augmentation
        return self._with_maps(image, lungs, covered, known, logit, augmentation, rng)

    def _local_row(self, rng: np.random.Generator) -> tuple[Array, Targets]:
        """An image without its class: a normal one, or one from outside the data folder.

        Normal ones teach where lungs are and where opacities are planted, the others lungs alone.
        """
        local, split = self.config.local, self.split
        row = int(rng.choice(self.outlined[0]))
        if (extra := split.extra) is not None and rng.random() < local.extra:
            split, row = extra, int(rng.integers(len(extra.records)))
        # Adults differ more from each other, and there are few images of them.
        augmentation = self.config.augmentation if split is self.split else WIDE_AUGMENTATION
        image, lungs = _image(split, row), _lungs(split, row)
        if rng.random() < local.restyle_planted:
            image = restyle(
                image, _image(self.split, rng.choice(self.classes[1])), rng.uniform(0.5, 1)
            )
        if rng.random() < local.exchange_outside:
            image = self._with_other_outside(image, lungs, 0, rng)
        normal = split.records[row].label == 0
        known = np.full_like(image, normal)
        covered = np.zeros_like(image)
        if rng.random() < local.planted:
            before = image
            image, covered = plant(before, lungs, random_opacities(rng), rng)
            known[hidden(before, image, covered, local.visible_from)] = 0
        logit = np.zeros(2, np.float32)
        return self._with_maps(image, lungs, covered, known, logit, augmentation, rng)

    def _with_maps(
        self,
        image: Array,
        lungs: Array,
        covered: Array,
        known: Array,
        logit: Array,
        augmentation: AugmentationConfig,
        rng: np.random.Generator,
    ) -> tuple[Array, Targets]:
        """A variant of the image, with targets for the cells of the evidence map.

        Args:
            image: (S, S) in [0, 1].
            lungs: (S, S) in [0, 1]; NaN throughout where they are not known.
            covered: (S, S) in [0, 1], how much each pixel is covered by opacities.
            known: (S, S), 1 where it is known whether a pixel is covered.
            logit: target and weight of the class.
            augmentation: how far the variant may go.
            rng: of the variant.
        """
        has_lungs = not np.isnan(lungs[0, 0])
        masks = [np.nan_to_num(lungs), covered, known]
        image, masks, erased = augment_with_masks(image, masks, augmentation, rng)
        masks[2][erased & (masks[1] > 0)] = 0  # an opacity that is erased is not to be found
        side = self.config.network.map_side * self.side // self.config.network.input_size
        lung_cells, covered_cells, known_cells = (
            cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA) for mask in masks
        )
        positive = covered_cells > _MIN_COVERED
        negative = (covered_cells < _MAX_CLEAR) & (lung_cells > _MIN_LUNG)
        learned = (known_cells > _MIN_KNOWN) & (positive | negative) & has_lungs
        # Opacities lie in lungs: outside them, no evidence belongs in any radiograph.
        outside = (covered_cells < _MAX_CLEAR) & (lung_cells < _MAX_CLEAR) & has_lungs
        weights = np.where(learned, 1, self.config.local.outside_weight * outside)
        return image, {
            "logit": logit,
            "lungs": np.stack([lung_cells, np.full_like(lung_cells, has_lungs)], axis=-1),
            "evidence": np.stack([positive, weights], axis=-1),
        }

    def _known_opacities(self, row: int) -> tuple[Array, Array]:
        """Where opacities are, and where that is known, both (S, S).

        It is known everywhere in normal images, and in those whose opacities people outlined.
        """
        shape = (self.side, self.side)
        drawn = self.split.opacities
        if drawn is not None and not np.isnan(drawn[row, 0, 0]):
            return drawn[row].astype(np.float32), np.ones(shape, np.float32)
        known = np.full(shape, self.labels[row] == 0, dtype=np.float32)
        return np.zeros(shape, np.float32), known

    def _with_other_outside(
        self, image: Array, lungs: Array, label: int, rng: np.random.Generator
    ) -> Array:
        """The image's lungs in the surroundings of another image, mostly of the other class."""
        wanted = 1 - label if rng.random() < 0.7 else label
        # A class may have no outlined lungs, as in a fold of few images.
        other = rng.choice(self.outlined[wanted if len(self.outlined[wanted]) else 1 - wanted])
        donor = restyle(_image(self.split, other), image, 1)
        return exchange_outside(image, lungs, donor, _lungs(self.split, other))

    # --- Batches ---------------------------------------------------------------------------------

    def _order(self) -> npt.NDArray[np.int64]:
        """Row numbers of this epoch's images in their order."""
        rng = np.random.default_rng((_ORDER, self.config.seed, self.epoch))
        sizes = [len(members) for members in self.classes]
        if self.config.balance in ("none", "weights"):
            return rng.permutation(len(self.labels))
        if self.config.balance == "oversample":
            # Repeated in full, so that the numbers of times differ by one at most.
            halves = [np.resize(rng.permutation(members), max(sizes)) for members in self.classes]
        else:
            halves = [rng.permutation(members)[: min(sizes)] for members in self.classes]
        if self.config.balance == "batches":
            return np.column_stack(halves).ravel()  # the classes alternate
        return rng.permutation(np.concatenate(halves))

    def _class_weights(self) -> Array:
        """Weights of the two classes in the loss, 1 on average over all images."""
        if self.config.balance != "weights":
            return np.ones(2, dtype=np.float32)
        sizes = np.array([max(1, len(members)) for members in self.classes], dtype=np.float32)
        return np.asarray(len(self.labels) / (2 * sizes), dtype=np.float32)

    def _mix(self, images: Array, targets: Targets, rng: np.random.Generator) -> Batch:
        """Mix each image with another of its batch, and their targets and weights alike."""
        alpha = self.config.mixup_alpha
        if not alpha:
            return images, targets
        other = rng.permutation(len(images))
        amount = rng.beta(alpha, alpha, size=(len(images), 1, 1, 1)).astype(np.float32)
        amount = np.maximum(amount, 1 - amount)  # the image itself stays the larger part
        mixed = amount * images + (1 - amount) * images[other]
        return mixed, {name: _mix_targets(pair, other, amount) for name, pair in targets.items()}


def _image(split: Split, row: int) -> Array:
    return np.asarray(split.images[row], dtype=np.float32)


def _lungs(split: Split, row: int) -> Array:
    """Outlines (S, S) of the lungs of an image."""
    if split.lungs is None:
        raise ValueError("Expected images with outlines of the lungs. Received none.")
    return np.asarray(split.lungs[row], dtype=np.float32)


def _mix_targets(pairs: Array, other: npt.NDArray[np.int64], amount: Array) -> Array:
    """Targets and weights (…, 2) of mixtures: their loss is the mixture of both losses."""
    amount = amount.reshape(-1, *[1] * (pairs.ndim - 2))
    target, weight = pairs[..., 0], pairs[..., 1]
    own, others = amount * weight, (1 - amount) * weight[other]
    both = own + others
    mixed = (own * target + others * target[other]) / np.maximum(both, np.float32(1e-9))
    return np.asarray(np.stack([mixed, both], axis=-1), dtype=np.float32)
