"""What tests do to a bundle's files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

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
