"""The usual way to a heatmap, to compare ours with: Keras, and Grad-CAM by an eager gradient tape.

    python -m training.networks.keras_way BUNDLE IMAGE REPEATS

After François Chollet's example "Grad-CAM class activation visualization" in the documentation of
Keras: no compiled function, no gate, no checks. Prints the milliseconds of one heatmap, the median
of REPEATS after the first.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

import tensorflow as tf

from cxr.model.bundle import load_bundle
from cxr.reading.radiograph import read_radiograph
from training.networks.loading import load_network


def main(folder: str, image: str, repeats: str) -> None:
    """Draw one heatmap, then time some more."""
    bundle = load_bundle(Path(folder))
    network = load_network(bundle)
    radiograph = read_radiograph(image)
    batch = bundle.preprocessing(radiograph)

    def heatmap() -> None:
        with tf.GradientTape() as tape:
            features, logit = network(batch, training=False)[:2]
        weights = tf.reduce_mean(tape.gradient(logit, features), axis=(1, 2), keepdims=True)
        tf.nn.relu(tf.reduce_sum(weights * features, axis=-1)).numpy()

    heatmap()
    seconds = []
    for _ in range(int(repeats)):
        started = time.perf_counter()
        heatmap()
        seconds.append(time.perf_counter() - started)
    print(1000 * statistics.median(seconds or [0]))


if __name__ == "__main__":
    main(*sys.argv[1:])
