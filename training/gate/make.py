"""Makes the gate: fits its network, and chooses its limits on images that were not learned from.

OUT/config.json       the plan, and digests of the images
OUT/fold-1.csv …      scores of one fold's images by a network that was fitted on the other folds
OUT/lungs.weights.h5  the network that was fitted on all images
OUT/pictures.csv      the scores of all folds, and what is refused
OUT/gate.json         figures: Dice, refusals by kind, limits
OUT/outlines.png      48 children's images with the outlines of their lungs, to look at
OUT/gate/             the gate as `cxr.gate.files` reads it
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import cv2
import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from cxr.errors import DatasetError, RunError
from cxr.gate.files import SavedGate, read_gate, write_gate
from cxr.gate.lungs import LungNetworkConfig, Mask, lung_fields
from training.data.digests import array_digest
from training.data.fingerprints import file_list_digest
from training.data.masks import compute_lungs
from training.data.patients import patient_folds
from training.files import (
    as_json,
    make_folder,
    read_object,
    replaced_whole,
    write_atomically,
    write_json,
    write_text,
)
from training.fitting.run_folder import versions
from training.gate.batches import LungData
from training.gate.data import GateImages, kind_folds, load_gate_images
from training.gate.fit import fit_lung_network
from training.gate.scores import (
    Folds,
    choose_limits,
    evaluate,
    is_refused,
    known_features,
    score_fold,
)
from training.metrics import plots
from training.networks.export import export_lung_network
from training.networks.loading import load_weights
from training.networks.lung_network import build_lung_network, lung_computer
from training.networks.saving import save_weights

_CONFIG = "config.json"
_WEIGHTS = "lungs.weights.h5"
_SCORES = 2  # which folds and columns fold-1.csv and the others have; until 0.20 there were others
_DRAWN = 48  # images with outlines, to look at


@dataclasses.dataclass(frozen=True, kw_only=True)
class GatePlan:
    """How a gate is made.

    Attributes:
        network: which network.
        folds: how many; the images of each are scored by a network fitted on the others.
        epochs: of the two rounds of a fit; see `training.gate.fit.fit_lung_network`.
        batches: in an epoch.
        seed: of folds and fits.
    """

    network: LungNetworkConfig = dataclasses.field(default_factory=LungNetworkConfig)
    folds: int = 4
    epochs: tuple[int, int] = (7, 9)
    batches: int = 100
    seed: int = 1


def make_gate(
    data: Path, lungs: Sequence[Path], others: Path, out: Path, plan: GatePlan
) -> SavedGate:
    """Fit, score, choose limits and write the gate. After an interruption, call it again.

    Args:
        data: a data folder of children's images.
        lungs: CSVs of adults' images and their lung masks, and of children's in the data folder.
        others: a CSV of images that are no frontal chest radiographs.
        out: where everything is written; see the top of this file. Networks that were fitted before
            an interruption are not fitted again.
        plan: how.

    Returns:
        The gate in ``OUT/gate``.

    Raises:
        DatasetError, RadiographError: the images are not what was expected.
        BundleError: the weights in `out` are damaged.
        RunError: `out` cannot be made, or holds a gate of another plan or of other images.
    """
    images = load_gate_images(data, lungs, others, size=plan.network.size)
    folds = _folds(images, plan)
    make_folder(out)
    _start(out / _CONFIG, images, plan)
    scores = _cross_validate(images, folds, out, plan)
    network = _final_network(images, out / _WEIGHTS, plan)

    limits = choose_limits(scores)
    scores["refused"] = is_refused(scores, limits)
    evaluation = evaluate(scores)
    write_text(out / "pictures.csv", scores.to_csv(index=False, float_format="%.6f"))
    document = {
        "plan": dataclasses.asdict(plan),
        "versions": versions(),
        "images_sha256": file_list_digest(images.records),
        "limits": dataclasses.asdict(limits),
        "figures": evaluation,
    }
    write_json(out / "gate.json", document)
    _draw_outlines(network, images, out / "outlines.png")
    # In one step: a gate that was there answers until the new one is whole.
    with replaced_whole(out / "gate") as new:
        write_gate(
            new,
            write_graph=partial(export_lung_network, network, plan.network, images=images.children),
            network=plan.network,
            limits=limits,
            features=known_features(network, np.concatenate([images.children, images.adults])),
            evaluation=evaluation,
        )
    return read_gate(out / "gate")


def _start(path: Path, images: GateImages, plan: GatePlan) -> None:
    """Record what is made in this folder, or check that it is what was begun there before."""
    names = [*images.adult_names, *images.other_names, *images.other_kinds]
    document = {
        "plan": dataclasses.asdict(plan),
        "images_sha256": file_list_digest(images.records),
        "masks_sha256": array_digest([images.child_masks, images.adult_masks]),
        "others_sha256": array_digest([images.adults, images.others]),
        "scores": _SCORES,
        "names_sha256": hashlib.sha256("\n".join(names).encode()).hexdigest(),
    }
    if path.exists() and read_object(path) != as_json(document):
        raise RunError(
            f"{path.parent}: holds a gate of another plan or of other images. Choose another --out."
        )
    write_json(path, document)


def _folds(images: GateImages, plan: GatePlan) -> Folds:
    if min(len(images.adults), len(images.others)) < plan.folds:
        raise DatasetError(
            f"Expected at least {plan.folds} images of adults and as many other images, one for "
            f"each fold. Received: {len(images.adults)} and {len(images.others)}. Add images, or "
            "take fewer --folds."
        )
    adults = np.random.default_rng(plan.seed).permutation(len(images.adults)) % plan.folds
    return Folds(
        children=patient_folds(images.records, folds=plan.folds, seed=plan.seed),
        adults=adults,
        others=kind_folds(images.other_kinds, folds=plan.folds, seed=plan.seed),
    )


def _cross_validate(images: GateImages, folds: Folds, out: Path, plan: GatePlan) -> pd.DataFrame:
    """Scores of all images, each by a network that did not learn from it."""
    tables = []
    for number in range(plan.folds):
        path = out / f"fold-{number + 1}.csv"
        if not path.exists():
            tqdm.write(f"fold {number + 1} of {plan.folds}")
            network = _fit(images, [fold != number for fold in folds], plan)
            table = score_fold(network, images, folds, number)
            write_text(path, table.to_csv(index=False, float_format="%.6f"))
        tables.append(pd.read_csv(path, keep_default_na=False, na_values={"dice": [""]}))
    return pd.concat(tables, ignore_index=True)


def _final_network(images: GateImages, weights: Path, plan: GatePlan) -> keras.Model:
    """The network that is fitted on all images; its weights are read if they are there."""
    if not weights.exists():
        tqdm.write("all images")
        groups = (images.children, images.adults, images.others)
        network = _fit(images, [np.ones(len(group), dtype=bool) for group in groups], plan)
        write_atomically(weights, partial(save_weights, network))
    network = build_lung_network(plan.network)
    load_weights(network, weights, described_in=_CONFIG)
    return network


def _fit(images: GateImages, chosen: Sequence[Mask], plan: GatePlan) -> keras.Model:
    """Fit a network on the chosen children (M,), adults (N,) and other images (K,)."""
    children, adults, others = chosen
    data = LungData(
        adults=images.adults[adults],
        adult_masks=images.adult_masks[adults],
        children=images.children[children],
        child_masks=images.child_masks[children],
        others=images.others[others],
        other_kinds=[images.other_kinds[i] for i in np.flatnonzero(others)],
    )
    return fit_lung_network(
        data, plan.network, epochs=plan.epochs, batches=plan.batches, seed=plan.seed
    )


def _draw_outlines(network: keras.Model, images: GateImages, path: Path) -> None:
    chosen = np.random.default_rng(0).permutation(len(images.children))[:_DRAWN]
    reading = compute_lungs(lung_computer(network), images.children[chosen])
    tiles = []
    for image, lungs, i in zip(images.children[chosen], reading.lungs, chosen, strict=True):
        side = 2 * len(image)
        grey = cv2.resize(image.astype(np.float32), (side, side))
        tile = np.repeat(np.rint(grey * 255).astype(np.uint8)[..., np.newaxis], 3, axis=2)
        mask = cv2.resize(lung_fields(lungs).mask.astype(np.float32), (side, side)) > 0.5
        outlines, _ = cv2.findContours(
            mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        cv2.drawContours(tile, outlines, -1, (255, 200, 0), 2)
        tiles.append((tile, Path(images.records[i].path).stem))
    plots.save(plots.image_grid([("Children's images with their lungs", tiles)], columns=8), path)
