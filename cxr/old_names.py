"""Fields of saved documents that had another name in earlier versions."""

from __future__ import annotations

from typing import Any

# By their names until 0.5, but for `learned_from`, which had that name until 0.22.
RENAMED = {
    "average_momentum": "ema_momentum",
    "copies_left_out": "duplicates_left_out",
    "films": "images",
    "films_sha256": "images_sha256",
    "learned_from": "trained_on",
    "mirror": "flip_tta",
    "pictures": "images",
    "pictures_sha256": "names_sha256",
    "shift_films": "perturbed_images",
    "shifts": "perturbations",
    "small_epochs": "small_fraction",
    "train_films": "train_images",
    "trained_films": "trained_fingerprints",
    "validation_films": "validation_images",
}


def with_new_names(document: Any) -> Any:
    """JSON values with every field by its present name, at any depth."""
    if isinstance(document, dict):
        return {RENAMED.get(key, key): with_new_names(value) for key, value in document.items()}
    if isinstance(document, list):
        return [with_new_names(value) for value in document]
    return document
