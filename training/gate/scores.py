"""Scores of images that a network did not learn from, and the limits and figures that follow."""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.covariance import LedoitWolf

from cxr.gate.files import DiceFigures, GateEvaluation, Refusals
from cxr.gate.lungs import KINDS, LungReading, Mask, lung_fields
from cxr.gate.result import CORRECTIONS, Correction
from cxr.gate.rules import FRONTAL_CERTAIN, MARGIN, MIN_FIELD_AREA, KnownFeatures, Limits
from training.data.images import StoredImages
from training.data.masks import compute_lungs
from training.gate.data import GateImages
from training.networks.lung_network import lung_computer

# Fractions of known radiographs, none of them seen by the network, that a limit may get wrong.
_REFUSED = 0.0005  # by each of the three limits that refuse an image
_WARNED = 0.02  # of children, by each limit that gives a warning
_TAKEN_FOR_ADULTS = 0.01  # of children, who then get no verdict without a click


class Folds(NamedTuple):
    """Fold numbers from 0 of children (M,), adults (N,) and other images (K,)."""

    children: npt.NDArray[np.int64]
    adults: npt.NDArray[np.int64]
    others: npt.NDArray[np.int64]


def score_fold(network: keras.Model, images: GateImages, folds: Folds, number: int) -> pd.DataFrame:
    """Score the images of a fold with a network that did not learn from them.

    Args:
        network: of `training.gate.fit.fit_lung_network`, fitted on the other folds.
        images: all of them.
        folds: of the images.
        number: of the fold.

    Returns:
        A row for each image of the fold, and for each correction that the gate tries of an image
        that it should refuse; ``corrected`` says which rows these are, ``image`` which of its group
        the image is. Distances are from the known radiographs of the other folds; ``dice`` is empty
        where no mask is known.
    """
    known = [images.children[folds.children != number], images.adults[folds.adults != number]]
    features = known_features(network, np.concatenate(known))
    child_names = [record.path for record in images.records]
    groups = [
        ("children", images.children, images.child_masks, child_names, folds.children, False),
        ("adults", images.adults, images.adult_masks, images.adult_names, folds.adults, False),
    ]
    unknown = np.full_like(images.others, np.nan)
    for correction in (Correction(), *CORRECTIONS):
        turned = [correction.apply(image.astype(np.float32)) for image in images.others]
        pixels = np.stack(turned).astype(np.float16)
        corrected = correction != Correction()
        groups.append(("others", pixels, unknown, images.other_names, folds.others, corrected))
    rows = []
    for group, pixels, masks, names, fold, corrected in groups:
        held_out = np.flatnonzero(fold == number)
        reading = compute_lungs(lung_computer(network), pixels[held_out])
        distances = features.distances(reading.embedding)
        for row, i in enumerate(held_out):
            rows.append(
                {
                    "group": group,
                    "image": i,
                    "name": names[i],
                    "kind": images.other_kinds[i] if group == "others" else "frontal",
                    "fold": number + 1,
                    "corrected": corrected,
                    **_image_scores(reading, row),
                    "distance": distances[row],
                    "dice": ""
                    if np.isnan(masks[i, 0, 0])
                    else _dice(reading.lungs[row] > 0.5, masks[i] > 0),
                }
            )
    return pd.DataFrame(rows)


def _image_scores(reading: LungReading, row: int) -> dict[str, float | str]:
    fields = lung_fields(reading.lungs[row])
    return {
        "looks_like": KINDS[int(reading.kinds[row].argmax())],
        "frontal": reading.kinds[row, KINDS.index("frontal")],
        "adult": reading.adult[row],
        "area": fields.area,
        "cut": fields.cut,
        "tilt": fields.tilt if fields.areas[1] > MIN_FIELD_AREA else 0.0,
    }


def _dice(predicted: Mask, drawn: Mask) -> float:
    return float(2 * (predicted & drawn).sum() / max(predicted.sum() + drawn.sum(), 1))


def known_features(network: keras.Model, images: StoredImages) -> KnownFeatures:
    """The distribution of known radiographs' features, with a shrunk covariance.

    Args:
        network: whose features.
        images: of known radiographs, (N, S, S).
    """
    # Ledoit and Wolf 2004: well-conditioned though there may be fewer images than features.
    embedding = compute_lungs(lung_computer(network), images).embedding
    fitted = LedoitWolf().fit(embedding.astype(np.float64))
    return KnownFeatures(
        mean=fitted.location_.astype(np.float32), precision=fitted.precision_.astype(np.float32)
    )


def choose_limits(scores: pd.DataFrame) -> Limits:
    """Limits that accept known radiographs, and somewhat different ones of other hospitals.

    Args:
        scores: of `score_fold`, of all folds.
    """
    known = scores[scores["group"] != "others"]
    children = known[known["group"] == "children"]
    return Limits(
        frontal=min(0.9, float(known["frontal"].quantile(_REFUSED))),
        area=float(known["area"].quantile(_REFUSED)) / MARGIN,
        # Of adults, too: their features are far from the mean, which is mostly of children.
        distance=MARGIN * float(known["distance"].quantile(1 - _REFUSED)),
        cut=float(children["cut"].quantile(1 - _WARNED)),
        tilt=float(children["tilt"].abs().quantile(1 - _WARNED)),
        # By children alone: adults of other hospitals look less like the known adults, who are far
        # above it.
        adult=float(children["adult"].quantile(1 - _TAKEN_FOR_ADULTS)),
    )


def is_refused(scores: pd.DataFrame, limits: Limits) -> pd.Series[bool]:
    """Which rows of a table of scores are refused, as by `cxr.gate.gate.Gate.check`.

    Of the corrections of an image only the best counts: the most certain of those that the limits
    accept.
    """
    refused = (
        (scores["frontal"] < limits.frontal)
        | (scores["area"] < limits.area)
        | (scores["distance"] > limits.distance)
    )
    corrected = scores["corrected"].astype(bool)
    if corrected.any():
        tried = scores[corrected].assign(accepted=~refused[corrected])
        ranked = tried.sort_values(["accepted", "frontal"], ascending=False)
        best = ranked.groupby(["group", "image"]).head(1).index
        certain = (scores["frontal"] > FRONTAL_CERTAIN) & (
            scores["distance"] <= limits.distance / MARGIN
        )
        refused |= corrected & ~(scores.index.isin(best) & certain)
    return refused


def evaluate(scores: pd.DataFrame) -> GateEvaluation:
    """How well the gate does.

    Args:
        scores: of `score_fold`, of all folds, with the column ``refused`` of `is_refused`.

    Returns:
        An image is refused if it is in every orientation that was tried.
    """
    known = scores[scores["group"] != "others"]
    outlined = known.dropna(subset="dice").groupby("group")["dice"]
    groups = [*known.groupby("group"), *scores[scores["group"] == "others"].groupby("kind")]
    return GateEvaluation(
        refused={
            str(name): Refusals(images=len(refused), refused=int(refused.sum()))
            for name, rows in groups
            for refused in [rows.groupby("image")["refused"].all()]
        },
        dice={
            str(group): DiceFigures(
                images=len(dice), mean=float(dice.mean()), worst=float(dice.min())
            )
            for group, dice in outlined
        },
    )
