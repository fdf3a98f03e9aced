"""Make the gate: fit its network, and set its limits by images that it did not learn from.

OUT/config.json       what was fitted, on which pictures
OUT/fold-1.csv …      what each of several networks says of the pictures that it never saw
OUT/lungs.weights.h5  the network that learned from all of them
OUT/pictures.csv      every picture, scored out of fold
OUT/gate.json         figures: Dice, refusals by kind, limits
OUT/outlines.png      48 children's images with the outlines of their lungs, to look at
OUT/gate/             the gate as `cxr.gate.gate` reads it
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.covariance import LedoitWolf
from tqdm import tqdm

from cxr.errors import DatasetError, RunError
from cxr.gate import gate as rules
from cxr.gate.lungs import KINDS, LungNetworkConfig, LungReading, lung_fields
from cxr.gate.network import build_lung_network
from training.data.dataset import file_list_digest, patient_folds
from training.files import make_folder, write_atomically, write_text
from training.fitting.run_folder import versions
from training.gate.batches import LungData, StoredImages
from training.gate.data import Pictures, kind_folds, load_others
from training.gate.fit import fit_lung_network, read_lungs
from training.metrics import plots

Mask = npt.NDArray[np.bool_]

# How many of the known images may fall outside a limit, out of fold.
_REFUSED = 0.0005  # for each of three reasons
_WORTH_A_WORD = 0.02  # for each warning
_ADULTS_MISSED = 0.05
_ROOM = 1.5  # between known images and a limit


@dataclasses.dataclass(frozen=True, kw_only=True)
class GatePlan:
    """How the gate is made.

    Attributes:
        network: which network.
        folds: how many networks score what they did not see.
        epochs: of the two rounds of a fit; see `training.gate.fit.fit_lung_network`.
        batches: in an epoch.
        seed: of folds and fits.
    """

    network: LungNetworkConfig = dataclasses.field(default_factory=LungNetworkConfig)
    folds: int = 4
    epochs: tuple[int, int] = (7, 9)
    batches: int = 100
    seed: int = 1


def make_gate(data: Path, lungs: Path, others: Path, out: Path, plan: GatePlan) -> dict[str, Any]:
    """Fit, score, set limits, write. Interrupted, it goes on after the last network.

    Args:
        data: a data folder of children's images.
        lungs: a CSV of adults' images and their lung masks.
        others: a CSV of pictures that are no frontal chest radiographs.
        out: where everything goes; see the top of this file.
        plan: how.

    Returns:
        What was written to ``OUT/gate.json``.

    Raises:
        DatasetError, RadiographError: the pictures are not what was expected.
        RunError: `out` cannot be made, or holds a gate of another plan or of other pictures.
    """
    pictures = load_others(data, lungs, others, size=plan.network.size)
    folds = _folds(pictures, plan)
    make_folder(out)
    _start(out / "config.json", pictures, plan)
    tables = []
    for number in range(plan.folds):
        path = out / f"fold-{number + 1}.csv"
        if not path.exists():
            tqdm.write(f"fold {number + 1} of {plan.folds}")
            network = _fit(pictures, [fold != number for fold in folds], plan)
            table = _score(network, pictures, folds, number)
            write_text(path, table.to_csv(index=False, float_format="%.6f"))
        tables.append(pd.read_csv(path, keep_default_na=False, na_values={"dice": [""]}))
    scores = pd.concat(tables, ignore_index=True)
    weights = out / rules.WEIGHTS
    if not weights.exists():
        tqdm.write("all pictures")
        network = _fit(pictures, [np.ones(len(fold), dtype=bool) for fold in folds], plan)
        write_atomically(weights, network.save_weights)
    network = build_lung_network(plan.network)
    network.load_weights(weights)

    limits = _limits(scores)
    scores["refused"] = _refused(scores, limits)
    write_text(out / "pictures.csv", scores.to_csv(index=False, float_format="%.6f"))
    document = {
        "plan": dataclasses.asdict(plan),
        "versions": versions(),
        "images_sha256": file_list_digest(pictures.records),
        "limits": dataclasses.asdict(limits),
        "figures": _figures(scores),
    }
    write_text(out / "gate.json", json.dumps(document, indent=1, allow_nan=False) + "\n")
    _write_gate(out / "gate", network, pictures, plan, document)
    _draw_outlines(network, pictures, out / "outlines.png")
    return document


def _start(path: Path, pictures: Pictures, plan: GatePlan) -> None:
    """Record what is done, or check that it is what was begun here."""
    names = [*pictures.adult_names, *pictures.other_names, *pictures.other_kinds]
    document = {
        "plan": dataclasses.asdict(plan),
        "images_sha256": file_list_digest(pictures.records),
        "pictures_sha256": hashlib.sha256("\n".join(names).encode()).hexdigest(),
    }
    text = json.dumps(document, indent=1) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise RunError(
            f"{path.parent}: holds a gate of another plan or other pictures. Choose another --out."
        )
    write_text(path, text)


def _folds(pictures: Pictures, plan: GatePlan) -> list[npt.NDArray[np.int64]]:
    """Fold numbers from 0 of children, adults and others."""
    if min(len(pictures.adults), len(pictures.others)) < plan.folds:
        raise DatasetError(f"Expected at least {plan.folds} images of adults and other pictures.")
    adults = np.random.default_rng(plan.seed).permutation(len(pictures.adults)) % plan.folds
    return [
        patient_folds(pictures.records, folds=plan.folds, seed=plan.seed),
        adults,
        kind_folds(pictures.other_kinds, folds=plan.folds, seed=plan.seed),
    ]


def _fit(pictures: Pictures, chosen: Sequence[Mask], plan: GatePlan) -> keras.Model:
    children, adults, others = chosen
    data = LungData(
        adults=pictures.adults[adults],
        adult_masks=pictures.adult_masks[adults],
        children=pictures.children[children],
        child_masks=None,
        others=pictures.others[others],
        other_kinds=[pictures.other_kinds[i] for i in np.flatnonzero(others)],
    )
    return fit_lung_network(
        data, plan.network, epochs=plan.epochs, batches=plan.batches, seed=plan.seed
    )


# --- Scores and limits ----------------------------------------------------------------------------


def _score(
    network: keras.Model, pictures: Pictures, folds: Sequence[npt.NDArray[np.int64]], number: int
) -> pd.DataFrame:
    """What a network says of the pictures of its fold; its distances are from those it learned."""
    known = np.concatenate(
        [pictures.children[folds[0] != number], pictures.adults[folds[1] != number]]
    )
    mean, precision = _features(network, known)
    groups = [
        ("children", pictures.children, [record.path for record in pictures.records]),
        ("adults", pictures.adults, pictures.adult_names),
        ("others", pictures.others, pictures.other_names),
    ]
    rows = []
    for (group, images, names), fold in zip(groups, folds, strict=True):
        held_out = np.flatnonzero(fold == number)
        reading = read_lungs(network, images[held_out])
        distances = rules.distances(reading.embedding, mean, precision)
        for row, i in enumerate(held_out):
            fields = lung_fields(reading.lungs[row])
            kind = "frontal" if group != "others" else pictures.other_kinds[i]
            masks = pictures.adult_masks[i] > 0 if group == "adults" else None
            rows.append(
                {
                    "group": group,
                    "name": names[i],
                    "kind": kind,
                    "fold": number + 1,
                    "looks_like": KINDS[int(reading.kinds[row].argmax())],
                    "frontal": reading.kinds[row, 0],
                    "adult": reading.adult[row],
                    "area": fields.area,
                    "cut": fields.cut,
                    "tilt": fields.tilt if fields.areas[1] > rules.A_FIELD else 0.0,
                    "distance": distances[row],
                    "dice": "" if masks is None else _dice(reading.lungs[row] > 0.5, masks),
                }
            )
    return pd.DataFrame(rows)


def _dice(found: Mask, true: Mask) -> float:
    return float(2 * (found & true).sum() / max(found.sum() + true.sum(), 1))


def _features(
    network: keras.Model, images: StoredImages
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Mean (E,) and precision (E, E) of known images' features (Ledoit and Wolf 2004)."""
    fitted = LedoitWolf().fit(read_lungs(network, images).embedding.astype(np.float64))
    return fitted.location_.astype(np.float32), fitted.precision_.astype(np.float32)


def _limits(scores: pd.DataFrame) -> rules.Limits:
    """From images out of fold, with room for images from elsewhere: other pictures are far off."""
    images = scores[scores["group"] != "others"]
    children, adults = (images[images["group"] == group] for group in ("children", "adults"))
    return rules.Limits(
        frontal=min(0.9, float(images["frontal"].quantile(_REFUSED))),
        area=float(images["area"].quantile(_REFUSED)) / _ROOM,
        # Adults' images are far from the mean, which is mostly children's.
        distance=_ROOM * float(images["distance"].quantile(1 - _REFUSED)),
        cut=float(children["cut"].quantile(1 - _WORTH_A_WORD)),
        tilt=float(children["tilt"].abs().quantile(1 - _WORTH_A_WORD)),
        adult=max(
            float(children["adult"].quantile(1 - _WORTH_A_WORD)),
            float(adults["adult"].quantile(_ADULTS_MISSED)) / 2,
        ),
    )


def _refused(scores: pd.DataFrame, limits: rules.Limits) -> pd.Series[bool]:
    return (
        (scores["frontal"] < limits.frontal)
        | (scores["area"] < limits.area)
        | (scores["distance"] > limits.distance)
    )


def _figures(scores: pd.DataFrame) -> dict[str, Any]:
    """Counts by kind, Dice, and how often a warning is given."""
    images = scores[scores["group"] != "others"]
    adults = images[images["group"] == "adults"]
    kinds = [*images.groupby("group"), *scores[scores["group"] == "others"].groupby("kind")]
    return {
        "refused": {
            str(name): {"pictures": len(rows), "refused": int(rows["refused"].sum())}
            for name, rows in kinds
        },
        "dice": {
            "images": len(adults),
            "mean": float(adults["dice"].astype(float).mean()),
            "worst": float(adults["dice"].astype(float).min()),
        },
    }


# --- Files ----------------------------------------------------------------------------------------


def _write_gate(
    folder: Path, network: keras.Model, pictures: Pictures, plan: GatePlan, document: dict[str, Any]
) -> None:
    make_folder(folder)
    write_atomically(folder / rules.WEIGHTS, network.save_weights)
    mean, precision = _features(network, np.concatenate([pictures.children, pictures.adults]))
    with (folder / rules.FEATURES).open("wb") as file:
        np.savez(file, mean=mean, precision=precision)
    config = {
        "format": rules.FORMAT,
        "kinds": KINDS,
        "network": dataclasses.asdict(plan.network),
        "limits": document["limits"],
        "sha256": {
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
            for name in (rules.WEIGHTS, rules.FEATURES)
        },
        "evaluation": document["figures"],
    }
    write_text(folder / rules.CONFIG, json.dumps(config, indent=1, allow_nan=False) + "\n")


def _draw_outlines(network: keras.Model, pictures: Pictures, path: Path) -> None:
    chosen = np.random.default_rng(0).permutation(len(pictures.children))[:48]
    reading: LungReading = read_lungs(network, pictures.children[chosen])
    tiles = []
    for image, lungs, i in zip(pictures.children[chosen], reading.lungs, chosen, strict=True):
        side = 2 * len(image)
        grey = cv2.resize(image.astype(np.float32), (side, side))
        picture = np.repeat(np.rint(grey * 255).astype(np.uint8)[..., np.newaxis], 3, axis=2)
        mask = cv2.resize(lung_fields(lungs).mask.astype(np.float32), (side, side)) > 0.5
        outlines, _ = cv2.findContours(
            mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        cv2.drawContours(picture, outlines, -1, (255, 200, 0), 2)
        tiles.append((picture, Path(pictures.records[i].path).stem))
    plots.save(plots.picture_rows([("Children's images, and their lungs", tiles)], columns=8), path)
