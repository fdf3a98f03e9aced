"""Train a network by a configuration.

Only Keras, NumPy and OpenCV compute here, so that KERAS_BACKEND may be TensorFlow, JAX or PyTorch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import keras
from keras import ops
from tqdm import tqdm

from cxr.cores import cores
from cxr.errors import RunError
from training.data.images import Splits, resize_images, resize_split
from training.fitting.batches import ImageBatches
from training.fitting.callbacks import ProgressBar, RunRecorder
from training.fitting.config import LAST, TrainingConfig
from training.fitting.quick_steps import (
    KeepMemory,
    WarmupCosine,
    make_variables,
    run_steps_as_traced,
)
from training.fitting.run_folder import RunFolder
from training.networks.network import build_network, has_evidence


def fit(
    config: TrainingConfig,
    splits: Splits,
    run: RunFolder,
    *,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> keras.Model:
    """Train a network, or resume an interrupted fit of the same run.

    Args:
        config: everything that decides the fit apart from the images.
        splits: the images.
        run: where results go; `RunFolder.start` has been called.
        callbacks: called after each epoch has been recorded; their logs hold its metrics.

    Returns:
        The trained network with the weights that the configuration asks for: averaged or not, of
        the last epoch or of the best.

    Raises:
        RunError: another process is fitting this run.
    """
    run_steps_as_traced()
    with run.locked():
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
        _load(network, run.weights)
        tqdm.write(f"{run.folder}: finished already; delete the folder to train again.")
        return network

    for size, until in config.stages():
        # The last stage also if all its epochs are done: it sets the averaged weights.
        if run.latest_checkpoint()[0] < until or until == config.epochs:
            trained = _fit_stage(config, splits, run, callbacks, size=size, until=until)
    kept = config.best_epoch(run.read_history(config.epochs))
    if config.select_by == LAST or kept is None:
        network.set_weights(trained.get_weights())
    else:
        _load(network, run.best(kept), delete=run.best(kept).parent)
    run.save_result(network)
    return network


def _load(model: keras.Model, path: Path, *, delete: Path | None = None) -> None:
    """Load a file of the run.

    Args:
        model: gets the weights.
        path: of the file.
        delete: what has to go for it to be made anew; the file itself by default.

    Raises:
        RunError: it is damaged.
    """
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError, RuntimeError) as error:  # the last is of HDF5
        raise RunError(
            f"{path}: is damaged ({error}). Delete {delete or 'it'}, and run the same command "
            "again: it is trained anew."
        ) from error


def _fit_stage(
    config: TrainingConfig,
    splits: Splits,
    run: RunFolder,
    callbacks: Sequence[keras.callbacks.Callback],
    *,
    size: int,
    until: int,
) -> keras.Model:
    """Train from the latest checkpoint until an epoch, with images of one size.

    Returns:
        The network with the weights after that epoch.
    """
    train, validation = splits.train, splits.validation
    epoch, checkpoint = run.latest_checkpoint()
    workers = cores()
    batches = ImageBatches(resize_split(train, size), config, epoch=epoch, workers=workers)
    # The evidence network's weights do not depend on the images' size: a checkpoint of one stage
    # can be loaded in the other.
    network = build_network(dataclasses.replace(config.network, input_size=size))
    trainee = _compile(config, network, steps=len(batches))
    # Otherwise some backends take a batch of the epoch to do so.
    make_variables(trainee, *batches[0])
    if checkpoint:
        _load(trainee, checkpoint)
        tqdm.write(f"{run.folder}: going on after epoch {epoch} of {config.epochs}, {size} pixels.")
    trainee.fit(
        batches,
        shuffle=False,  # the batches have an order of their own, which a resumed fit repeats
        initial_epoch=epoch,
        epochs=until,
        verbose=0,
        callbacks=[
            KeepMemory(),
            ProgressBar(epochs=config.epochs, steps=len(batches), initial_epoch=epoch),
            RunRecorder(
                run, config, network, resize_images(validation.images, size), validation.labels
            ),
            *callbacks,
        ],
    )
    return network


def _compile(config: TrainingConfig, network: keras.Model, *, steps: int) -> keras.Model:
    """The part of a network that has a loss, ready to be trained in epochs of `steps` batches."""
    # The network also returns features, for Grad-CAM; they have no loss.
    trainee = keras.Model(network.input, _learned_outputs(network))
    trainee.compile(
        optimizer=_optimizer(config, steps=steps),
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
    return trainee


def _learned_outputs(network: keras.Model) -> dict[str, keras.KerasTensor]:
    """The outputs that have targets in `ImageBatches`, by their names there."""
    names = ("logit", "evidence", "lungs") if has_evidence(network) else ("logit",)
    return dict(zip(names, network.outputs[1 : 1 + len(names)], strict=True))


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
    """Mean of the mean over positive places, of which there are few, and that over negative ones.

    Args:
        pairs: (…, 2), a target in [0, 1] and its weight.
        logits: (…, 1).
    """
    losses = _cross_entropies(pairs, logits)
    targets, weights = pairs[..., 0], pairs[..., 1]
    positive = _weighted_mean(losses, weights * targets)
    return (positive + _weighted_mean(losses, weights * (1 - targets))) / 2


_LOSSES = {"logit": cross_entropy, "lungs": cross_entropy, "evidence": balanced_cross_entropy}


def _cross_entropies(pairs: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
    return ops.binary_crossentropy(pairs[..., 0], logits[..., 0], from_logits=True)


def _weighted_mean(values: keras.KerasTensor, weights: keras.KerasTensor) -> keras.KerasTensor:
    # At least 1, so that a batch with almost no weight, as one without positive places, has almost
    # no loss.
    return ops.sum(values * weights) / ops.maximum(ops.sum(weights), 1.0)


def accuracy(pairs: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
    """Fraction of images predicted correctly at 0.5; of mixtures the larger part counts.

    Args:
        pairs: (…, 2), a target in [0, 1] and its weight; images of weight 0 are left out.
        logits: (…, 1).
    """
    predicted = ops.cast(logits[..., 0] > 0, "float32")
    correct = ops.cast(ops.equal(predicted, ops.cast(pairs[..., 0] > 0.5, "float32")), "float32")
    known = ops.cast(pairs[..., 1] > 0, "float32")
    return _weighted_mean(correct, known)


def _optimizer(config: TrainingConfig, *, steps: int) -> keras.optimizers.Optimizer:
    """The optimizer, for epochs of `steps` batches."""
    if config.optimizer == "adam":
        return keras.optimizers.Adam(config.learning_rate)
    warmup = min(config.warmup_epochs, config.epochs - 1) * steps
    schedule = WarmupCosine(
        config.learning_rate,
        start=config.learning_rate / 100,
        warmup_steps=warmup,
        steps=config.epochs * steps,
    )
    optimizer = keras.optimizers.AdamW(
        schedule,
        weight_decay=config.weight_decay,
        clipnorm=1.0,
        use_ema=config.uses_ema,
        ema_momentum=config.ema_momentum or 0.99,
    )
    # Weight decay is meant for kernels; biases and normalisation scales are left as they are.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
