"""A configuration and films become trained weights.

Only Keras, NumPy and OpenCV compute here: KERAS_BACKEND chooses TensorFlow, JAX or PyTorch.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

import keras
from tqdm import tqdm

from cxr.network import build_network
from training.batches import FilmBatches
from training.callbacks import ProgressBar, RunRecorder
from training.config import LAST, TrainingConfig
from training.films import Parts, resize_films
from training.run_folder import RunFolder


def fit(
    config: TrainingConfig,
    parts: Parts,
    run: RunFolder,
    *,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> keras.Model:
    """Train a network, or go on where an interrupted fit of the same run stopped.

    Args:
        config: all that decides the fit besides the films.
        parts: the films.
        run: where results go; started already.
        callbacks: called after each epoch has been recorded; its logs hold what was measured.

    Returns:
        The trained network with the weights that the configuration asks for: averaged or not, of
        the last epoch or of the best.

    Raises:
        RunError: another process is fitting this run.
    """
    with run.held():
        return _fit(config, parts, run, callbacks)


def _fit(
    config: TrainingConfig,
    parts: Parts,
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
            trained = _fit_stage(config, parts, run, callbacks, size=size, until=until)
    kept = config.best_epoch(run.read_history(config.epochs))
    if config.select_by == LAST or kept is None:
        network.set_weights(trained.get_weights())
    else:
        network.load_weights(run.best(kept))
    run.save_result(network)
    return network


def _fit_stage(
    config: TrainingConfig,
    parts: Parts,
    run: RunFolder,
    callbacks: Sequence[keras.callbacks.Callback],
    *,
    size: int,
    until: int,
) -> keras.Model:
    """Go on from the latest checkpoint, with films of one size, and return what came out."""
    train, validation = parts.train, parts.validation
    epoch, checkpoint = run.latest_checkpoint()
    films = resize_films(train.films, size)
    workers = os.cpu_count() or 1
    batches = FilmBatches(films, train.labels, config, epoch=epoch, workers=workers)
    # Ours has weights that do not depend on the films' size: a checkpoint fits either stage.
    network = build_network(dataclasses.replace(config.network, input_size=size))
    # The loss sees the logit alone; the features stay an output of the network that is saved.
    trainee = keras.Model(network.input, network.outputs[1])
    trainee.compile(
        optimizer=_optimizer(config, steps=len(batches)),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[accuracy],
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
                run, config, network, resize_films(validation.films, size), validation.labels
            ),
            *callbacks,
        ],
    )
    return network


def accuracy(targets: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
    """Share of films on the right side of 0.5; a mixed-up target counts as its larger part."""
    called = keras.ops.cast(logits > 0, "float32")
    return keras.ops.mean(keras.ops.equal(called, keras.ops.cast(targets > 0.5, "float32")))


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
        use_ema=config.averages_weights,
        ema_momentum=config.average_momentum or 0.99,
    )
    # Scales and biases carry no redundancy to decay.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
