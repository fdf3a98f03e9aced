"""Augmented batches, made by threads while the network trains on the ones before."""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt

from training.augmentation import augment
from training.config import TrainingConfig

Array = npt.NDArray[np.float32]
Batch = tuple[Array, Array, Array]


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
            config: batch size, balance, augmentation, smoothing, mix-up, seed.
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
        sizes = [len(members) for members in self.classes]
        films = {
            "batches": 2 * min(sizes),
            "undersample": 2 * min(sizes),
            "oversample": 2 * max(sizes),
        }.get(self.config.balance, sum(sizes))
        return max(1, films // self.config.batch_size)

    def on_epoch_end(self) -> None:
        """Go on to the next epoch's order. Keras calls this once before the first epoch, too."""
        self.epoch += 1

    def __getitem__(self, index: int) -> Batch:
        """Batch `index` of the current epoch.

        Returns:
            Films (B, S, S, 1), targets (B, 1) in [0, 1], and each film's weight (B,) in the loss,
            all float32.
        """
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
        return self._mix(batch, targets[:, np.newaxis], self._weights()[self.labels[chosen]], rng)

    def _order(self) -> npt.NDArray[np.int64]:
        """Indices of this epoch's films in their order."""
        rng = np.random.default_rng((self.config.seed, self.epoch))
        sizes = [len(members) for members in self.classes]
        if self.config.balance in ("none", "weights"):
            return rng.permutation(len(self.labels))
        if self.config.balance == "oversample":
            # Again and again, so that no film is seen more than once oftener than another.
            halves = [np.resize(rng.permutation(members), max(sizes)) for members in self.classes]
        else:
            halves = [rng.permutation(members)[: min(sizes)] for members in self.classes]
        if self.config.balance == "batches":
            return np.column_stack(halves).ravel()  # the classes alternate
        return rng.permutation(np.concatenate(halves))

    def _weights(self) -> Array:
        """Weights of the two classes in the loss, 1 on average over all films."""
        if self.config.balance != "weights":
            return np.ones(2, dtype=np.float32)
        sizes = np.array([max(1, len(members)) for members in self.classes], dtype=np.float32)
        return np.asarray(len(self.labels) / (2 * sizes), dtype=np.float32)

    def _mix(
        self,
        batch: Array,
        targets: Array,
        weights: Array,
        rng: np.random.Generator,
    ) -> Batch:
        """Mix each film with another of its batch, and what the two count for in the loss."""
        alpha = self.config.mixup_alpha
        if not alpha:
            return batch, targets, weights
        other = rng.permutation(len(batch))
        share = rng.beta(alpha, alpha, size=(len(batch), 1)).astype(np.float32)
        share = np.maximum(share, 1 - share)  # the film itself stays the larger part
        film_share = share[:, :, np.newaxis, np.newaxis]
        # Each film's loss counts by its share and its weight; the loss is linear in the target.
        own = share * weights[:, np.newaxis]
        others = (1 - share) * weights[other][:, np.newaxis]
        return (
            film_share * batch + (1 - film_share) * batch[other],
            np.asarray((own * targets + others * targets[other]) / (own + others)),
            (own + others)[:, 0],
        )
