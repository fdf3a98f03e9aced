"""Augmented batches: balanced, bounded, and following from their seed alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cxr.preprocessing import Preprocessing
from training.data.dataset import Record
from training.data.images import Split
from training.fitting.augmentation import AugmentationConfig, augment
from training.fitting.batches import ImageBatches, Targets
from training.fitting.config import Balance, TrainingConfig
from training.fitting.evidence_config import LocalConfig
from training.fitting.presets import baseline, default, tiny

STILL = AugmentationConfig(
    **{
        field.name: False if field.type == "bool" else 0.0
        for field in dataclasses.fields(AugmentationConfig)
    }
)


def image(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((32, 32), dtype=np.float32)


@pytest.mark.parametrize("config", [baseline.CONFIG.augmentation, default.CONFIG.augmentation])
def test_augmented_images_stay_images(config: AugmentationConfig) -> None:
    for seed in range(50):
        varied = augment(image(), config, np.random.default_rng(seed))
        assert varied.shape == (32, 32)
        assert varied.dtype == np.float32
        assert varied.min() >= 0
        assert varied.max() <= 1


def test_an_equal_generator_gives_an_equal_image() -> None:
    config = default.CONFIG.augmentation
    first, again, other = (
        augment(image(), config, np.random.default_rng(seed)) for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.05


def test_zero_switches_every_transform_off() -> None:
    np.testing.assert_allclose(
        augment(image(), STILL, np.random.default_rng(0)), image(), atol=1e-6
    )


def test_a_flip_mirrors_left_and_right() -> None:
    always = dataclasses.replace(STILL, flip=1.0)
    mirrored = augment(image(), always, np.random.default_rng(0))
    np.testing.assert_allclose(mirrored, image()[:, ::-1], atol=1e-5)


def test_a_shift_moves_sideways_only_where_asked() -> None:
    rows = np.repeat(np.linspace(0, 1, 32, dtype=np.float32), 32).reshape(32, 32)
    sideways = dataclasses.replace(STILL, shift=0.3, shift_vertically=False)
    for seed in range(5):
        np.testing.assert_allclose(
            augment(rows, sideways, np.random.default_rng(seed)), rows, atol=1e-6
        )


def split(*, lungs: bool = False) -> Split:
    """20 normal images and 60 with pneumonia; with lungs, outlined on all but the first of each."""
    labels = [0] * 20 + [1] * 60
    images = np.stack([image(i) for i in range(80)]).astype(np.float16)
    records = [
        Record(f"{i}.png", label, f"patient{i}", "", "train", f"{i}")
        for i, label in enumerate(labels)
    ]
    if not lungs:
        return Split(images, records)
    outlines = np.zeros((80, 32, 32), np.float16)
    outlines[:, 6:26, 4:13] = outlines[:, 6:26, 19:28] = 1
    outlines[[0, 20]] = np.nan
    return Split(images, records, outlines)


def batches(config: TrainingConfig, *, lungs: bool = False, **arguments: int) -> ImageBatches:
    return ImageBatches(split(lungs=lungs), config, **arguments)


def logits(targets: Targets) -> tuple[np.ndarray, np.ndarray]:
    """Targets and weights of the class."""
    return targets["logit"][:, 0], targets["logit"][:, 1]


def test_balanced_batches_are_half_and_half() -> None:
    config = dataclasses.replace(tiny.CONFIG, mixup_alpha=0.0, label_smoothing=0.0)
    served = batches(config)
    assert len(served) == 5  # each of the 20 normal images once, in batches of 8
    for i in range(len(served)):
        batch, (targets, weights) = served[i][0], logits(served[i][1])
        assert batch.shape == (8, 32, 32, 1)
        assert batch.dtype == np.float32
        assert targets.sum() == 4
        np.testing.assert_array_equal(weights, np.ones(8))


def epoch(balance: Balance) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grey levels (as an image's mark), targets and weights of an epoch of 20 + 60 images."""
    config = dataclasses.replace(
        tiny.CONFIG,
        augmentation=STILL,
        balance=balance,
        mixup_alpha=0.0,
        label_smoothing=0.0,
        preprocessing=Preprocessing(size=32, intensity="unit"),
    )
    served = batches(config)
    images, targets, weights = (
        np.concatenate(splits)
        for splits in zip(
            *(
                (batch, *logits(targets))
                for batch, targets in map(served.__getitem__, range(len(served)))
            ),
            strict=True,
        )
    )
    return images.mean(axis=(1, 2, 3)), targets, weights


@pytest.mark.parametrize(
    ("balance", "normal", "positive", "distinct"),
    [
        ("none", 20, 60, 80),
        ("weights", 20, 60, 80),
        ("batches", 20, 20, 40),
        ("undersample", 20, 20, 40),
        ("oversample", 60, 60, 80),
    ],
)
def test_what_an_epoch_serves(balance: Balance, normal: int, positive: int, distinct: int) -> None:
    marks, targets, _ = epoch(balance)
    assert (np.sum(targets == 0), np.sum(targets == 1)) == (normal, positive)
    assert len(np.unique(marks)) == distinct


def test_oversampled_images_come_equally_often() -> None:
    marks, targets, _ = epoch("oversample")
    _, counts = np.unique(marks[targets == 0], return_counts=True)
    assert set(counts) == {3}


def test_weights_let_both_classes_count_the_same() -> None:
    _, targets, weights = epoch("weights")
    assert weights[targets == 0].sum() == pytest.approx(weights[targets == 1].sum())
    assert weights.mean() == pytest.approx(1)


def test_mixtures_let_both_classes_count_the_same_too() -> None:
    config = dataclasses.replace(
        tiny.CONFIG, balance="weights", label_smoothing=0.0, mixup_alpha=1.0, augmentation=STILL
    )
    positive = total = 0.0
    for epoch in range(40):
        served = batches(config, epoch=epoch)
        for index in range(len(served)):
            targets, weights = logits(served[index][1])
            positive += float(np.sum(weights * targets))
            total += float(np.sum(weights))
    assert positive / total == pytest.approx(
        0.5, abs=0.01
    )  # 0.58 if targets were mixed without weights


def test_label_smoothing_and_mixup_keep_targets_on_their_side() -> None:
    served = batches(dataclasses.replace(tiny.CONFIG, mixup_alpha=0.2))
    targets = np.concatenate([logits(served[i][1])[0] for i in range(len(served))])
    smoothing = tiny.CONFIG.label_smoothing
    assert targets.min() >= smoothing / 2
    assert targets.max() <= 1 - smoothing / 2
    assert len(np.unique(targets)) > 2
    # Each image is the larger part of its own mixture, so half of the targets lie on each side.
    assert np.sum(targets > 0.5) == pytest.approx(len(targets) / 2, abs=2)


def test_a_resumed_epoch_serves_what_an_uninterrupted_one_does() -> None:
    whole = batches(tiny.CONFIG)
    first = whole[2]
    whole.on_epoch_end()
    resumed = batches(tiny.CONFIG, epoch=1, workers=1)
    np.testing.assert_array_equal(whole[2][0], resumed[2][0])
    np.testing.assert_array_equal(whole[2][1]["logit"], resumed[2][1]["logit"])
    assert np.abs(whole[2][0] - first[0]).max() > 0.1


# --- What is known of places ----------------------------------------------------------------------

STILL_LOCAL = dataclasses.replace(
    tiny.CONFIG.local,
    fraction=0.5,
    planted=1,
    restyle=0,
    restyle_planted=0,
    exchange_outside=0,
    outside_weight=0,
)


def local_batch(index: int = 0, *, local: LocalConfig = STILL_LOCAL, **changes: object) -> Targets:
    config = dataclasses.replace(
        tiny.CONFIG, augmentation=STILL, local=local, label_smoothing=0.0, **changes
    )
    return batches(config, lungs=True)[index][1]


def test_images_of_known_places_say_nothing_of_the_class() -> None:
    targets = local_batch()
    known_class = targets["logit"][:, 1] > 0
    assert known_class.tolist() == [True] * 4 + [False] * 4


def test_what_is_known_of_each_place() -> None:
    targets = local_batch(index=1)
    label = targets["logit"][:4, 0]
    positive, told = targets["evidence"][..., 0] > 0, targets["evidence"][..., 1] > 0
    inside = targets["lungs"][..., 0] > 0.3
    for row in range(4):  # no place of a normal image is positive; of the others none is known
        assert told[row].any() == (label[row] == 0)
        assert not positive[row].any()
    # The smallest opacities cover no place of so coarse a map: some are told, not all.
    assert (positive[4:] & told[4:]).any(), "nothing was planted"
    for row in range(4, 8):
        assert (told[row] & ~positive[row]).any(), "everything was planted"
    assert not (told & ~inside).any()


def test_nothing_is_told_of_places_where_an_opacity_cannot_be_seen() -> None:
    seen, unseen = (
        local_batch(index=1, local=dataclasses.replace(STILL_LOCAL, visible_from=least))
        for least in (0.0, 1.0)  # and nothing changes by as much as that
    )
    covered = (seen["evidence"][..., 0] > 0) & (seen["evidence"][..., 1] > 0)
    assert covered[4:].any()
    assert not unseen["evidence"][covered][:, 1].any()
    # Where there is none, what was known is still told.
    clear = (seen["evidence"][..., 0] == 0) & (seen["evidence"][..., 1] > 0)
    assert unseen["evidence"][clear][:, 1].mean() > 0.7


@pytest.mark.parametrize("erase", [0.0, 1.0])
def test_an_opacity_that_is_erased_is_not_told(erase: float) -> None:
    config = dataclasses.replace(
        tiny.CONFIG,
        augmentation=dataclasses.replace(STILL, erase=erase),
        local=dataclasses.replace(STILL_LOCAL, visible_from=0.0),
    )
    served = batches(config, lungs=True)
    evidence = np.concatenate([served[i][1]["evidence"][4:] for i in range(len(served))])
    covered = evidence[..., 0] > 0
    untold = covered & (evidence[..., 1] == 0)
    assert covered.any()
    assert untold.any() == bool(erase)
    assert untold.sum() < covered.sum() / 2


def test_no_evidence_belongs_outside_the_lungs_whatever_the_class() -> None:
    local = dataclasses.replace(STILL_LOCAL, outside_weight=0.25)
    targets = local_batch(local=local)
    far = (targets["lungs"][..., 0] == 0) & (targets["lungs"][..., 1] > 0)
    assert far.any(axis=(1, 2)).sum() >= 6  # of the eight that are drawn, a few have no outlines
    np.testing.assert_array_equal(targets["evidence"][far], [[0, 0.25]] * far.sum())
    near = targets["lungs"][..., 0] > 0.3
    assert set(targets["evidence"][near][:, 1]) == {0, 1}


def test_nothing_is_told_of_lungs_that_nobody_outlined() -> None:
    config = dataclasses.replace(tiny.CONFIG, augmentation=STILL, balance="none", local=STILL_LOCAL)
    served = batches(config, lungs=True)
    rows = np.concatenate([served[i][1]["lungs"] for i in range(len(served))])
    assert 0 < np.mean(rows[:, 0, 0, 1] == 0) < 0.1  # the two of 80
    without = rows[rows[:, 0, 0, 1] == 0]
    assert not without.any()


def test_an_opacity_that_somebody_outlined_is_told() -> None:
    drawn = np.full((80, 32, 32), np.nan, np.float16)
    drawn[20:] = 0
    drawn[20:, 10:18, 4:12] = 1
    whole = dataclasses.replace(split(lungs=True), opacities=drawn)
    config = dataclasses.replace(tiny.CONFIG, augmentation=STILL, local=STILL_LOCAL)
    targets = ImageBatches(whole, config)[0][1]
    positive = targets["evidence"].prod(axis=-1) > 0
    ill = (targets["logit"][:, 0] > 0.5) & (targets["logit"][:, 1] > 0)
    outlined = targets["lungs"][:, 0, 0, 1] > 0
    assert (positive[ill & outlined].sum(axis=(1, 2)) > 0).all()
    side = positive.shape[1]
    assert not positive[ill][:, :, side // 2 :].any()


def test_mixtures_of_places_lie_between_what_they_are_of() -> None:
    targets = local_batch(mixup_alpha=1.0)
    for pair in targets.values():
        assert pair.dtype == np.float32
        assert pair.min() >= 0
        assert pair.max() <= 1 + 1e-6


@pytest.mark.parametrize(
    ("epochs", "fraction", "stages"),
    [
        (50, 0.6, [(128, 30), (192, 50)]),
        (1, 0.6, [(192, 1)]),  # the last epoch always sees images as they will be classified
        (2, 0.9, [(128, 1), (192, 2)]),
        (10, 0.0, [(192, 10)]),
    ],
)
def test_early_epochs_see_small_images(
    epochs: int, fraction: float, stages: list[tuple[int, int]]
) -> None:
    config = dataclasses.replace(default.CONFIG, epochs=epochs, small_fraction=fraction)
    assert config.stages() == stages
