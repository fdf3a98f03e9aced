"""Augmented batches, made by threads while the network trains on the ones before."""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt

from training.augmentation import augment
from training.config import TrainingConfig

Batch = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]


class FilmBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """One epoch after the other of augmented, balanced, mixed-up batches.

    Which films are in a batch, and how each is varied, follows from (seed, epoch, batch) alone:
    neither the number of threads nor an interruption changes it.
    """

    def __init__(
        self,
        films: npt.NDArray[np.float16],
        labels: npt.NDArray[np.int64],
        config: TrainingConfig,
        *,
        epoch: int = 0,
        workers: int = 2,
    ) -> None:
        """Serve batches.

        Args:
            films: (N, S, S) in [0, 1].
            labels: (N,), 0 or 1.
            config: batch size, balancing, augmentation, smoothing, mix-up, seed.
            epoch: the epoch to begin with.
            workers: threads that augment.
        """
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=16)
        self.films = films
        self.labels = labels
        self.config = config
        self.epoch = epoch
        self.classes = [np.flatnonzero(labels == label) for label in (0, 1)]

    def __len__(self) -> int:
        """Batches in an epoch."""
        if self.config.balance_classes:
            films = 2 * min(len(members) for members in self.classes)
        else:
            films = len(self.labels)
        return max(1, films // self.config.batch_size)

    def on_epoch_end(self) -> None:
        """Go on to the next epoch's order. Keras calls this once before the first epoch, too."""
        self.epoch += 1

    def __getitem__(self, index: int) -> Batch:
        """Batch `index` of the current epoch: float32 (B, S, S, 1) and targets (B, 1) in [0, 1]."""
        rng = np.random.default_rng((self.config.seed, self.epoch, index))
        chosen = self._order()[index * self.config.batch_size :][: self.config.batch_size]
        films = np.stack(
            [
                augment(self.films[i].astype(np.float32), self.config.augmentation, rng)
                for i in chosen
            ]
        )
        batch = self.config.preprocessing.normalize(films)
        smoothing = np.float32(self.config.label_smoothing)
        targets = self.labels[chosen].astype(np.float32) * (1 - smoothing) + smoothing / 2
        return self._mix(batch, targets[:, np.newaxis], rng)

    def _order(self) -> npt.NDArray[np.int64]:
        """Indices of this epoch's films in their order, the classes alternating if balanced."""
        rng = np.random.default_rng((self.config.seed, self.epoch))
        if not self.config.balance_classes:
            return rng.permutation(len(self.labels))
        size = min(len(members) for members in self.classes)
        halves = [rng.permutation(members)[:size] for members in self.classes]
        return np.column_stack(halves).ravel()

    def _mix(
        self,
        batch: npt.NDArray[np.float32],
        targets: npt.NDArray[np.float32],
        rng: np.random.Generator,
    ) -> Batch:
        """Mix each film with another of its batch, and their targets alike."""
        alpha = self.config.mixup_alpha
        if not alpha:
            return batch, targets
        other = rng.permutation(len(batch))
        share = rng.beta(alpha, alpha, size=(len(batch), 1)).astype(np.float32)
        share = np.maximum(share, 1 - share)  # the film itself stays the larger part
        film_share = share[:, :, np.newaxis, np.newaxis]
        return (
            film_share * batch + (1 - film_share) * batch[other],
            share * targets + (1 - share) * targets[other],
        )
