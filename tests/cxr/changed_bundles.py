"""What tests do to a bundle's files."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import cv2
import numpy as np

from cxr.model.bundle import Bundle
from cxr.model.fingerprint import fingerprint, fingerprints_to_text
from cxr.reading.radiograph import read_radiograph

FILES = [
    "README.md",
    "config.json",
    "evaluation.json",
    "model.weights.h5",
    "network.onnx",
    "operating_points.json",
]


def sign_again(folder: Path) -> None:
    """Write a manifest that fits the files, as an attacker would."""
    digests = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in FILES
        if (folder / name).exists()
    }
    (folder / "manifest.json").write_text(json.dumps(digests))


def change_config(folder: Path, **fields: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
    sign_again(folder)


def trained_on(bundle: Bundle, *files: Path) -> Bundle:
    """The bundle, as if it had learned from these files, at 224×224 pixels as it would."""
    as_trained = [
        cv2.resize(read_radiograph(file).pixels, (224, 224), interpolation=cv2.INTER_AREA)
        for file in files
    ]
    text = fingerprints_to_text(np.array([fingerprint(image) for image in as_trained]))
    return dataclasses.replace(bundle, evaluation={"trained_fingerprints": text})
