"""How fast a model answers here: cxr benchmark.

Each process is measured from its start, as a user meets it. Where TensorFlow is installed, the
usual way to a heatmap is measured beside ours, in the same run: the network in Keras, and Grad-CAM
by an eager gradient tape.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, TypedDict

import cv2
import numpy as np
import numpy.typing as npt

from cxr.errors import CXRError

REPEATS = 30
PROCESSES = 3
_EXAMPLE = Path(__file__).parents[1] / "examples" / "first-look.jpeg"
_SIZE = (1632, 1224)  # 2 megapixels
# Runs a module as `python -m` does, and prints the most memory that it held, in megabytes.
_WITH_MEMORY = """
import runpy, sys
module = sys.argv[1]
sys.argv = sys.argv[1:]
try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
except SystemExit as end:
    if end.code:
        raise
try:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(peak / (1e6 if sys.platform == "darwin" else 1e3))
except ImportError:
    print(0)
"""


class Figures(TypedDict):
    """Medians.

    Keys:
        import_s: of ``import cxr`` in a fresh interpreter.
        first_answer_s: from the start of ``cxr classify FILE --overlay`` to its end, one JPEG of 2
            megapixels.
        first_answer_mb: the most memory that this process held; None where the system hides it.
        decode_ms: reading that JPEG.
        gate_ms: recognising it.
        answer_ms: gate, model, checks and heatmap.
        keras_s: a Keras and TensorFlow process from its start to a heatmap; None without them.
        keras_mb: the most memory that it held.
        keras_ms: one heatmap more, of an eager gradient tape; without gate and checks.
        cores: of this machine.
        model_sha256: which model.
    """

    import_s: float
    first_answer_s: float
    first_answer_mb: float | None
    decode_ms: float
    gate_ms: float
    answer_ms: float
    keras_s: float | None
    keras_mb: float | None
    keras_ms: float | None
    cores: int | None
    model_sha256: str


def run_benchmark(
    model: str | None = None, *, image: str | None = None, as_json: bool = False
) -> int:
    """Measure and print.

    Args:
        model: see `cxr.model.hub.find_bundle`.
        image: a chest radiograph to classify; one of the examples if None.
        as_json: one JSON object instead of a table.

    Returns:
        The exit status, 0.

    Raises:
        BundleError, HubError: the model cannot be used.
        RadiographError: the radiograph cannot be read, or is not recognised.
        CXRError: there is no example radiograph; one has to be named.
    """
    figures = measure(model, image)
    if as_json:
        print(json.dumps(figures))
        return 0
    rows = [
        ("import cxr", f"{figures['import_s'] * 1000:.0f} ms"),
        (
            "first answer with overlay, whole process",
            _cost(figures, "first_answer"),
        ),
        ("read a JPEG of 2 megapixels", f"{figures['decode_ms']:.1f} ms"),
        ("recognise it (gate)", f"{figures['gate_ms']:.1f} ms"),
        ("whole answer: gate, model, checks", f"{figures['answer_ms']:.1f} ms"),
    ]
    if figures["keras_s"] is not None:
        rows += [
            (
                "Keras and a gradient tape, whole process",
                _cost(figures, "keras"),
            ),
            ("  one heatmap more, without gate and checks", f"{figures['keras_ms']:.1f} ms"),
        ]
    for name, value in rows:
        print(f"{name:<44}{value:>18}")
    print(f"{os.cpu_count()} cores, {platform.machine()}, model {figures['model_sha256'][:12]}")
    return 0


def _cost(figures: Figures, process: Literal["first_answer", "keras"]) -> str:
    if process == "keras":
        seconds, megabytes = figures["keras_s"], figures["keras_mb"]
    else:
        seconds, megabytes = figures["first_answer_s"], figures["first_answer_mb"]
    return f"{seconds:.2f} s" + (f", {megabytes:.0f} MB" if megabytes else "")


def measure(model: str | None = None, image: str | None = None) -> Figures:
    """The figures; see `Figures` and `run_benchmark`."""
    if image is None and not _EXAMPLE.exists():
        raise CXRError("No example radiograph is installed. Name one with --image.")
    from cxr.classifier import Classifier
    from cxr.reading.radiograph import read_radiograph

    classifier = Classifier.load(model)
    with tempfile.TemporaryDirectory() as folder:
        # Called as the one that was given: it may be refused.
        path = Path(folder, f"{Path(image or _EXAMPLE).stem}.jpeg")
        _write_two_megapixels(read_radiograph(image or _EXAMPLE).pixels, path)
        radiograph = read_radiograph(path)
        classifier.predict(radiograph)
        command = ["cxr", "classify", str(path), "--overlay", str(Path(folder) / "overlay")]
        first_s, first_mb = _process([*command, *(["--model", model] if model else [])])
        keras_s, keras_mb, keras_ms = _keras(classifier.bundle.folder, path)
        return {
            "import_s": _import_seconds(),
            "first_answer_s": first_s,
            "first_answer_mb": first_mb,
            "decode_ms": 1000 * _median_seconds(lambda: read_radiograph(path)),
            "gate_ms": 1000 * _median_seconds(lambda: classifier.gate.check(radiograph)),
            "answer_ms": 1000 * _median_seconds(lambda: classifier.predict(radiograph)),
            "keras_s": keras_s,
            "keras_mb": keras_mb,
            "keras_ms": keras_ms,
            "cores": os.cpu_count(),
            "model_sha256": classifier.bundle.sha256,
        }


def _write_two_megapixels(pixels: npt.NDArray[np.float32], path: Path) -> None:
    enlarged = cv2.resize(pixels, _SIZE, interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(path), np.rint(255 * enlarged.clip(0, 1)).astype(np.uint8))


def _keras(bundle: Path, image: Path) -> tuple[float | None, float | None, float | None]:
    """Seconds and megabytes of a process to its first heatmap, and milliseconds of one more."""
    if not all(map(importlib.util.find_spec, ("tensorflow", "training"))):
        return None, None, None
    command = ["training.networks.keras_way", str(bundle), str(image)]
    seconds, megabytes = _process([*command, "0"])
    printed = _run(["-m", *command, str(REPEATS)])
    return seconds, megabytes, float(printed)


def _process(arguments: Sequence[str]) -> tuple[float, float | None]:
    """Median seconds of whole processes, and the most memory of any, in megabytes."""
    seconds, megabytes = [], []
    for _ in range(PROCESSES):
        started = time.perf_counter()
        printed = _run(["-c", _WITH_MEMORY, *arguments])
        seconds.append(time.perf_counter() - started)
        megabytes.append(float(printed.splitlines()[-1]))
    known = [value for value in megabytes if value]
    return statistics.median(seconds), max(known, default=None)


def _run(arguments: Sequence[str]) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise CXRError(f"python {' '.join(arguments)} failed: {done.stderr.strip()}")
    return done.stdout


def _median_seconds(call: Callable[[], object]) -> float:
    for _ in range(3):
        call()
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def _import_seconds() -> float:
    """Seconds that ``import cxr`` takes in a fresh interpreter."""
    script = "import time; t = time.perf_counter(); import cxr; print(time.perf_counter() - t)"
    return float(_run(["-c", script]))
