"""The first step of a fit is traced once, and its learning rates are Keras's own."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from training.fitting.first_step import WarmupCosine, make_variables


@pytest.mark.parametrize(("warmup", "steps"), [(7, 40), (0, 9)])
def test_the_learning_rates_are_those_of_keras(warmup: int, steps: int) -> None:
    ours = WarmupCosine(3e-3, start=3e-5, warmup_steps=warmup, steps=steps)
    theirs = keras.optimizers.schedules.CosineDecay(
        3e-5, steps - warmup, alpha=0.01, warmup_target=3e-3, warmup_steps=warmup
    )
    rates = [(float(ours(step)), float(theirs(step))) for step in range(steps + 3)]
    np.testing.assert_array_equal(*np.transpose(rates))
    assert max(rates)[0] == pytest.approx(3e-3)
    assert rates[-1][0] == pytest.approx(3e-5)


def test_with_its_variables_made_a_step_is_traced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    traced = []
    train_step = keras.Model.train_step

    def counted(model: keras.Model, *arguments: Any) -> Any:
        traced.append(1)
        return train_step(model, *arguments)

    monkeypatch.setattr(keras.Model, "train_step", counted)
    image = keras.Input((2,))
    normalized = keras.layers.BatchNormalization()(image)
    network = keras.Model(image, {"a": normalized, "b": normalized})
    network.compile(
        optimizer=keras.optimizers.AdamW(1e-3), loss={"a": "mse", "b": "mse"}, metrics={"a": "mae"}
    )
    before = network.get_weights()
    images = np.ones((3, 2), np.float32)
    batch = (images, {"a": images, "b": images}, {"a": np.ones(3), "b": np.zeros(3)})
    make_variables(network, *batch)
    for value, expected in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, expected)
    network.train_on_batch(*batch)
    assert len(traced) == 1
