"""A configuration and images become trained weights.

Only Keras, NumPy and OpenCV compute here: KERAS_BACKEND chooses TensorFlow, JAX or PyTorch.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

import keras
from keras import ops
from tqdm import tqdm

from cxr.model.network import build_network, has_evidence
from training.data.images import Splits, resize_images, resize_split
from training.fitting.batches import ImageBatches
from training.fitting.callbacks import ProgressBar, RunRecorder
from training.fitting.config import LAST, TrainingConfig
from training.fitting.run_folder import RunFolder


def fit(
    config: TrainingConfig,
    splits: Splits,
    run: RunFolder,
    *,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> keras.Model:
    """Train a network, or go on where an interrupted fit of the same run stopped.

    Args:
        config: all that decides the fit besides the images.
        splits: the images.
        run: where results go; started already.
        callbacks: called after each epoch has been recorded; its logs hold what was measured.

    Returns:
        The trained network with the weights that the configuration asks for: averaged or not, of
        the last epoch or of the best.

    Raises:
        RunError: another process is fitting this run.
    """
    with run.held():
        return _fit(config, splits, run, callbacks)


def _fit(
    config: TrainingConfig,
    splits: Splits,
    run: RunFolder,
    callbacks: Sequence[keras.callbacks.Callback],
) -> keras.Model:
    keras.utils.set_random_seed(config.seed)
    network = build_network(config.network)
    if run.weights.exists():
        network.load_weights(run.weights)
        tqdm.write(f"{run.folder}: finished already; delete the folder to train anew.")
        return network

    for size, until in config.stages():
        # The last stage even if all its epochs are done: it leaves the averaged weights.
        if run.latest_checkpoint()[0] < until or until == config.epochs:
            trained = _fit_stage(config, splits, run, callbacks, size=size, until=until)
    kept = config.best_epoch(run.read_history(config.epochs))
    if config.select_by == LAST or kept is None:
        network.set_weights(trained.get_weights())
    else:
        network.load_weights(run.best(kept))
    run.save_result(network)
    return network


def _fit_stage(
    config: TrainingConfig,
    splits: Splits,
    run: RunFolder,
    callbacks: Sequence[keras.callbacks.Callback],
    *,
    size: int,
    until: int,
) -> keras.Model:
    """Go on from the latest checkpoint, with images of one size, and return what came out."""
    train, validation = splits.train, splits.validation
    epoch, checkpoint = run.latest_checkpoint()
    workers = os.cpu_count() or 1
    batches = ImageBatches(resize_split(train, size), config, epoch=epoch, workers=workers)
    # Ours has weights that do not depend on the images' size: a checkpoint fits either stage.
    network = build_network(dataclasses.replace(config.network, input_size=size))
    # The loss does not see the features, which stay an output of the network that is saved.
    trainee = keras.Model(network.input, _learned_outputs(network))
    trainee.compile(
        optimizer=_optimizer(config, steps=len(batches)),
        loss={name: _LOSSES[name] for name in trainee.output},
        loss_weights={
            "logit": 1.0,
            "lungs": config.local.lungs_weight,
            "evidence": config.local.evidence_weight,
        }
        if has_evidence(network)
        else None,
        metrics={"logit": [accuracy]},
    )
    # With nothing left to build, no backend takes a batch out of the epoch's order to build it.
    trainee.optimizer.build(trainee.trainable_variables)
    trainee.test_on_batch(*batches[0])
    if checkpoint:
        trainee.load_weights(checkpoint)
        tqdm.write(f"{run.folder}: going on after epoch {epoch} of {config.epochs}, {size} pixels.")
    trainee.fit(
        batches,
        shuffle=False,  # the batches have their own order, which an interruption must not change
        initial_epoch=epoch,
        epochs=until,
        verbose=0,
        callbacks=[
            ProgressBar(epochs=config.epochs, steps=len(batches), initial_epoch=epoch),
            RunRecorder(
                run, config, network, resize_images(validation.images, size), validation.labels
            ),
            *callbacks,
        ],
    )
    return network


def _learned_outputs(network: keras.Model) -> dict[str, keras.KerasTensor]:
    """The outputs that have targets in `FilmBatches`, by their names there."""
    names = ("logit", "evidence", "lungs") if has_evidence(network) else ("logit",)
    return dict(zip(names, network.outputs[1:], strict=True))


def cross_entropy(pairs: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
    """Weighted mean cross-entropy.

    Args:
        pairs: (…, 2), a target in [0, 1] and its weight.
        logits: (…, 1).
    """
    return _weighted_mean(_cross_entropies(pairs, logits), pairs[..., 1])


def balanced_cross_entropy(
    pairs: keras.KerasTensor, logits: keras.KerasTensor
) -> keras.KerasTensor:
    """Mean over positive places and mean over negative ones, halved: the first are few."""
    losses = _cross_entropies(pairs, logits)
    targets, weights = pairs[..., 0], pairs[..., 1]
    positive = _weighted_mean(losses, weights * targets)
    return (positive + _weighted_mean(losses, weights * (1 - targets))) / 2


_LOSSES = {"logit": cross_entropy, "lungs": cross_entropy, "evidence": balanced_cross_entropy}


def _cross_entropies(pairs: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
    return ops.binary_crossentropy(pairs[..., 0], logits[..., 0], from_logits=True)


def _weighted_mean(values: keras.KerasTensor, weights: keras.KerasTensor) -> keras.KerasTensor:
    # With next to no weight, as of positive places in a batch without any, next to no loss.
    return ops.sum(values * weights) / ops.maximum(ops.sum(weights), 1.0)


def accuracy(pairs: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
    """Share of images on the right side of 0.5; a mixed-up target counts as its larger part."""
    called = ops.cast(logits[..., 0] > 0, "float32")
    right = ops.cast(ops.equal(called, ops.cast(pairs[..., 0] > 0.5, "float32")), "float32")
    known = ops.cast(pairs[..., 1] > 0, "float32")
    return _weighted_mean(right, known)


def _optimizer(config: TrainingConfig, *, steps: int) -> keras.optimizers.Optimizer:
    """The optimizer for epochs of `steps` batches."""
    if config.optimizer == "adam":
        return keras.optimizers.Adam(config.learning_rate)
    warmup = min(config.warmup_epochs, config.epochs - 1) * steps
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=config.learning_rate / 100,
        warmup_target=config.learning_rate,
        warmup_steps=warmup,
        decay_steps=config.epochs * steps - warmup,
        alpha=0.01,
    )
    optimizer = keras.optimizers.AdamW(
        schedule,
        weight_decay=config.weight_decay,
        clipnorm=1.0,
        use_ema=config.uses_ema,
        ema_momentum=config.ema_momentum or 0.99,
    )
    # Scales and biases carry no redundancy to decay.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
