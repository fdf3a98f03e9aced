"""Exported graphs (ONNX), read as untrusted data and run by ONNX Runtime.

A graph comes with a model, perhaps from a stranger. It may compute with the operators that our
networks use and no others: no control flow, no functions, no custom operators, no data outside the
file. What it takes and gives is checked before it runs, and so is the size of every array on the
way. ONNX Runtime itself checks less: some graphs of known operators would end the process.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cxr.cores import cores
from cxr.errors import BundleError
from cxr.model.graph_verification import INPUT, MAX_AT_ONCE, Shape, verify
from cxr.saved_files import MAX_BYTES, require_size

GRAPH = "network.onnx"
_MAX_OUTPUT = 1e6  # of any output; ours are logits and features of some hundreds

Arrays = dict[str, npt.NDArray[np.float32]]


class Graph:
    """A verified graph, ready to run. Safe to share between threads."""

    def __init__(
        self,
        path: Path,
        *,
        side: int,
        outputs: Mapping[str, Shape],
        sha256: str | None = None,
        threads: int | None = None,
    ) -> None:
        """Read, verify and load a graph.

        Args:
            path: the file.
            side: S of the images (N, S, S, 1) that it takes.
            outputs: shapes of the outputs that it has to give, by name.
            sha256: of the file, if only that one will do.
            threads: of one run; all cores if None.

        Raises:
            BundleError: the file is missing or too large, or holds another graph than expected;
                the message says what is wrong.
        """
        onnxruntime = _engine()
        content = _read(path)
        if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
            raise BundleError(f"{path}: was exchanged while the model was loaded. Try again.")
        verify(content, path, side=side, outputs=outputs)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or cores()
        options.inter_op_num_threads = 1
        # Threads that wait for work by spinning take the cores from what else there is to do:
        # decoding, other answers. A run took 10 instead of 11 ms, but 31 instead of 20 ms of both
        # cores together.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.enable_cpu_mem_arena = False  # it keeps what the largest batch once needed
        options.log_severity_level = 4  # what goes wrong arrives as an exception
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's own, which share no base
            raise BundleError(f"{path}: ONNX Runtime cannot load it ({error}).") from error
        self._outputs = list(outputs)
        self._path = path

    def run(self, images: npt.NDArray[np.float32]) -> Arrays:
        """Outputs by name.

        Args:
            images: float32 of shape (N, S, S, 1), normalised.

        Raises:
            BundleError: the graph fails on them, or gives what is no number or beyond a million.
        """
        starts = range(0, max(len(images), 1), MAX_AT_ONCE)
        batches = [self._run(images[start : start + MAX_AT_ONCE]) for start in starts]
        found = dict(
            zip(self._outputs, map(np.concatenate, zip(*batches, strict=True)), strict=True)
        )
        for name, values in found.items():
            if not (np.abs(values) <= _MAX_OUTPUT).all():  # nor is NaN
                raise BundleError(
                    f"{self._path}: {name} is no number, or beyond a million. Such a model is not "
                    "used."
                )
        return found

    def _run(self, images: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
        try:
            found: list[npt.NDArray[np.float32]] = self._session.run(self._outputs, {INPUT: images})
        except Exception as error:
            raise BundleError(f"{self._path}: the graph cannot be run ({error}).") from error
        return found


def _engine() -> Any:
    """ONNX Runtime, told to send nothing about models and machines to Microsoft.

    Since version 1.29 it does so on Linux and macOS, too, unless this variable is set before it is
    loaded: see docs/Privacy.md of microsoft/onnxruntime, and its pull request 27379.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # Windows has no such variable
    return onnxruntime


def _read(path: Path) -> bytes:
    try:
        require_size(path, MAX_BYTES)
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror}).") from error
