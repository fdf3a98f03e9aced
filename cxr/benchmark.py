"""How fast a model answers here: python -m cxr benchmark."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

REPEATS = 30
BATCH_SIZE = 32
_EXAMPLE = Path(__file__).parents[1] / "examples" / "normal_1.png"


def run_benchmark(
    model: str | None = None, *, image: str | None = None, as_json: bool = False
) -> int:
    """Measure and print.

    Args:
        model: a bundle's folder; the bundled model if None.
        image: a chest radiograph to classify; one of the examples if None.
        as_json: one JSON object instead of a table.

    Returns:
        The exit status, 0.

    Raises:
        BundleError: the model cannot be used.
        RadiographError: the radiograph cannot be read, or is not recognised.
    """
    figures = measure(model, image)
    if as_json:
        print(json.dumps(figures))
        return 0
    rows = [
        ("import cxr", f"{figures['import_s'] * 1000:.0f} ms"),
        ("import TensorFlow and Keras", f"{figures['import_tensorflow_s']:.1f} s"),
        ("load the model and compile", f"{figures['load_s']:.1f} s"),
        ("forward pass, one radiograph", f"{figures['forward_ms']:.1f} ms"),
        ("forward pass and heatmap, one radiograph", f"{figures['forward_and_heatmap_ms']:.1f} ms"),
        ("  ratio of the two", f"{figures['heatmap_ratio']:.2f}"),
        ("recognise the radiograph", f"{figures['gate_ms']:.1f} ms"),
        ("whole answer, one radiograph", f"{figures['predict_ms']:.1f} ms"),
        (f"radiographs a second with heatmap, {BATCH_SIZE}", f"{figures['images_per_second']:.0f}"),
    ]
    if figures["peak_memory_mb"]:
        rows.append(("peak memory", f"{figures['peak_memory_mb']:.0f} MB"))
    for name, value in rows:
        print(f"{name:<36}{value:>10}")
    origin = f" from {figures['model_origin']}" if figures["model_origin"] else ""
    model = f"model {figures['model_sha256'][:12]}{origin}"
    print(f"{os.cpu_count()} cores, {platform.machine()}, {model}")
    return 0


def measure(model: str | None = None, image: str | None = None) -> dict[str, Any]:
    """The figures: seconds, milliseconds (medians of 30 after warm-up), megabytes."""
    import_s = _import_seconds()
    started = time.perf_counter()
    import keras  # noqa: F401  # imported to be timed
    import tensorflow as tf

    import_tensorflow_s = time.perf_counter() - started

    from cxr.classifier import Classifier
    from cxr.model.gradcam import GradCAM
    from cxr.model.hub import find_bundle
    from cxr.reading.radiograph import read_radiograph

    started = time.perf_counter()
    bundle = find_bundle(model)
    network = bundle.build_network()
    explain = GradCAM(network, method=bundle.heatmap_method, flip_tta=bundle.flip_tta)
    size = bundle.preprocessing.size
    images = np.random.default_rng(0).random((BATCH_SIZE, size, size, 1), dtype=np.float32)
    explain(images[:1])
    load_s = time.perf_counter() - started

    signature = tf.TensorSpec((None, size, size, 1), tf.float32)

    def logits(batch: tf.Tensor) -> tf.Tensor:
        both = tf.concat([batch, batch[:, :, ::-1]], axis=0) if bundle.flip_tta else batch
        return network(both, training=False)[1]

    forward = tf.function(logits, input_signature=[signature])
    forward_s = _median_seconds(lambda: forward(images[:1]).numpy())
    explain_s = _median_seconds(lambda: explain(images[:1]))
    batch_s = _median_seconds(lambda: explain(images))

    radiograph = read_radiograph(image or _EXAMPLE)
    classifier = Classifier(bundle)
    classifier.predict(radiograph)
    gate_s = _median_seconds(lambda: classifier.gate.check(radiograph))
    predict_s = _median_seconds(lambda: classifier.predict(radiograph))
    return {
        "import_s": import_s,
        "import_tensorflow_s": import_tensorflow_s,
        "load_s": load_s,
        "forward_ms": forward_s * 1000,
        "forward_and_heatmap_ms": explain_s * 1000,
        "heatmap_ratio": explain_s / forward_s,
        "gate_ms": gate_s * 1000,
        "predict_ms": predict_s * 1000,
        "images_per_second": BATCH_SIZE / batch_s,
        "peak_memory_mb": _peak_memory_mb(),
        "cores": os.cpu_count(),
        "model_sha256": bundle.sha256,
        "model_origin": bundle.origin,
    }


def _median_seconds(call: Callable[[], object]) -> float:
    for _ in range(3):
        call()
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def _peak_memory_mb() -> float | None:
    """The most memory that this process has held; None where the system does not say."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)  # macOS counts bytes, Linux kilobytes


def _import_seconds() -> float:
    """Seconds that ``import cxr`` takes in a fresh interpreter."""
    script = "import time; t = time.perf_counter(); import cxr; print(time.perf_counter() - t)"
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return float(answer.stdout)
