"""Steps are traced once and use memory again; their learning rates are Keras's own."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import keras
import numpy as np
import pytest

from training.fitting.quick_steps import (
    KeepMemory,
    WarmupCosine,
    make_variables,
    run_steps_as_traced,
)


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


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of TensorFlow's graphs")
def test_graphs_are_run_as_they_were_traced() -> None:
    run_steps_as_traced()
    options = sys.modules["tensorflow"].config.optimizer.get_experimental_options()
    assert options["disable_meta_optimizer"]


class _Batches(keras.utils.PyDataset):  # type: ignore[misc]
    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return np.ones((3, 2), np.float32), np.ones((3, 1), np.float32)


class _MallocState(ctypes.Structure):  # struct mallinfo2 of glibc
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


@pytest.mark.skipif(
    not (sys.platform == "linux" and hasattr(ctypes.CDLL(None), "mallinfo2")), reason="needs glibc"
)
def test_after_its_first_batch_a_fit_does_not_return_memory_to_the_system() -> None:
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    network.compile(loss="mse")
    ctypes.CDLL(None).mallopt(-3, 128 << 10)  # as TensorFlow sets it, once in a process
    assert _comes_from_the_system(1 << 20)
    network.fit(_Batches(), epochs=2, verbose=0, callbacks=[KeepMemory()])
    assert not _comes_from_the_system(1 << 20)


def _comes_from_the_system(size: int) -> bool:
    """Whether glibc takes arrays of so many bytes from the system, to return each when freed.

    Only those that do not fit into what is free already.
    """
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.mallinfo2.restype = _MallocState
    before = libc.mallinfo2()
    arrays = [libc.malloc(size) for _ in range(before.fordblks // size + 2)]
    taken = libc.mallinfo2().hblks - before.hblks
    for array in arrays:
        libc.free(array)
    return bool(taken > 0)
