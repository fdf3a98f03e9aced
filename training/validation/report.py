"""A bundle is measured on labelled images: figures, probabilities, plots, and a page of them.

REPORT/report.json         figures with intervals, and which model and images they are of
REPORT/probabilities.csv   a row a image
REPORT/report.html         all of it on one page that needs no other file
REPORT/*.png               the plots on it
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxr.classifier import Classifier
from cxr.model.bundle import CLASS_NAMES, Bundle
from cxr.output.overlay import draw_overlay
from cxr.reading.radiograph import read_radiograph
from training.data.dataset import Record, file_list_digest, require_both_classes
from training.data.images import load_images
from training.data.labelled import read_labelled
from training.files import make_folder, write_text
from training.fitting.prediction import predict_logits
from training.metrics import plots
from training.metrics.calibration import calibrate
from training.metrics.comparison import compare
from training.metrics.evaluation import Labels, Logits, Probabilities, evaluate, sigmoid
from training.templates import render

MISTAKES = 12  # of each kind on the picture


@dataclass(frozen=True, eq=False, kw_only=True)
class Scored:
    """One model's answers on N images.

    Attributes:
        bundle: the model.
        records: of the images.
        labels: (N,), 0 or 1.
        logits: (N,), calibrated.
    """

    bundle: Bundle
    records: list[Record]
    labels: Labels
    logits: Logits

    @property
    def probabilities(self) -> Probabilities:
        """(N,) in [0, 1]."""
        return sigmoid(self.logits)

    @property
    def called(self) -> npt.NDArray[np.bool_]:
        """(N,): called pneumonia at the model's shipped threshold."""
        return self.probabilities >= self.bundle.operating_points.threshold

    @property
    def name(self) -> str:
        """What to call the model on plots."""
        return f"{self.bundle.name} {self.bundle.version}"


def write_report(
    bundle: Bundle,
    data: Path,
    out: Path,
    *,
    against: Bundle | None = None,
    positive: str | None = None,
    skip_unreadable: bool = False,
    resamples: int = 1000,
) -> dict[str, Any]:
    """Measure a model and write everything under `out`.

    Args:
        bundle: the model.
        data: labelled images; see `training.data.labelled.read_labelled`.
        out: made if missing; files of the same names are replaced.
        against: a second model, compared on the same images.
        positive: the label of a CSV that counts as pneumonia.
        skip_unreadable: leave damaged files out instead of stopping.
        resamples: of the bootstrap.

    Returns:
        What was written to ``report.json``.

    Raises:
        DatasetError: there is nothing to measure on.
        RunError: `out` cannot be made.
    """
    root, records = read_labelled(data, positive=positive)
    scored = _score(bundle, root, records, skip_unreadable=skip_unreadable)
    other = _score(against, root, scored.records) if against else None
    make_folder(out)
    document = {
        "model": bundle.identity(),
        "data": {
            "name": _name(data),
            "positive": positive or CLASS_NAMES[1],
            "file_list_sha256": file_list_digest(records),
            "trained_on": _trained_on(scored),
        },
        **_figures(scored, resamples),
    }
    if other:
        document["against"] = {
            "model": other.bundle.identity(),
            "trained_on": _trained_on(other),
            **_figures(other, resamples),
            "comparison": compare(
                scored.labels,
                (scored.logits, scored.called),
                (other.logits, other.called),
                [record.patient for record in scored.records],
                resamples=resamples,
            ),
        }
    write_text(out / "report.json", json.dumps(document, indent=1, allow_nan=False) + "\n")
    write_text(out / "probabilities.csv", _table(scored, other).to_csv(index=False))
    pictures = _draw(scored, other, document, out)
    pictures.append(("The worst mistakes", _draw_mistakes(scored, root, out)))
    write_text(out / "report.html", _page(document, pictures))
    return document


def _score(
    bundle: Bundle, root: Path, records: list[Record], *, skip_unreadable: bool = False
) -> Scored:
    images, kept = load_images(root, records, bundle.preprocessing, skip_unreadable=skip_unreadable)
    require_both_classes(root, [root.name], (record.label for record in kept))
    logits = predict_logits(
        bundle.build_network(), images, bundle.preprocessing, flip_tta=bundle.flip_tta
    )
    labels = np.array([record.label for record in kept])
    calibrated = calibrate(logits, bundle.operating_points)
    return Scored(bundle=bundle, records=kept, labels=labels, logits=calibrated)


def _figures(scored: Scored, resamples: int) -> dict[str, Any]:
    return evaluate(
        scored.labels,
        scored.logits,
        [record.patient for record in scored.records],
        [record.kind for record in scored.records],
        threshold=scored.bundle.operating_points.threshold,
        resamples=resamples,
    )


def _name(data: Path) -> str:
    """The last two parts of a path: which data it was, and not whose machine."""
    return "/".join(data.resolve().parts[-2:])


def _trained_on(scored: Scored) -> int:
    """How many of the images the model learned from, whatever their names."""
    learned = set(scored.bundle.evaluation.get("trained_images", "").split())
    return sum(record.digest[:12] in learned for record in scored.records)


def _table(scored: Scored, other: Scored | None) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "path": [record.path for record in scored.records],
            "patient": [record.patient for record in scored.records],
            "kind": [record.kind for record in scored.records],
            "label": scored.labels,
            "probability": scored.probabilities.round(6),
            "called": scored.called.astype(int),
        }
    )
    if other:
        table["probability_against"] = other.probabilities.round(6)
        table["called_against"] = other.called.astype(int)
    return table


# --- Pictures -------------------------------------------------------------------------------------


def _draw(
    scored: Scored, other: Scored | None, document: dict[str, Any], out: Path
) -> list[tuple[str, Path]]:
    """Every plot's title and file."""
    points, history = scored.bundle.operating_points, scored.bundle.evaluation.get("history")
    curves = {model.name: model.probabilities for model in (scored, other) if model}
    if other and len(curves) == 1:  # two versions of one name
        curves = {"this": scored.probabilities, "the other": other.probabilities}
    figures = {
        "Confusion matrix": plots.confusion_matrix(np.array(document["confusion"]), CLASS_NAMES),
        "ROC curve": plots.roc_curve(scored.labels, curves),
        "Precision and recall": plots.precision_recall_curve(scored.labels, curves),
        "Reliability": plots.reliability_diagram(
            document["reliability"], document["metrics"]["calibration_error"]
        ),
        "Threshold curve": plots.threshold_curve(
            scored.labels,
            scored.probabilities,
            {
                "high sensitivity": points.high_sensitivity,
                "shipped": points.threshold,
                "high specificity": points.high_specificity,
            },
        ),
    }
    if history:
        kept = scored.bundle.evaluation.get("kept_epoch")
        figures["Learning curves"] = plots.learning_curves(history, kept=kept)
    paths = {title: out / f"{title.lower().replace(' ', '_')}.png" for title in figures}
    for title, figure in figures.items():
        plots.save(figure, paths[title])
    return list(paths.items())


def _draw_mistakes(scored: Scored, root: Path, out: Path) -> Path:
    """The most confident mistakes with their heatmaps: missed above, false alarms below."""
    classifier = Classifier(scored.bundle)
    wrongness = np.where(scored.labels == 1, -scored.logits, scored.logits)
    rows = []
    for label in (1, 0):
        wrong = np.flatnonzero((scored.labels == label) & (scored.called != (label == 1)))
        worst = wrong[np.argsort(-wrongness[wrong])][:MISTAKES]
        tiles = []
        for i in worst:
            record = scored.records[i]
            radiograph = read_radiograph(root / record.path, name=record.path)
            _, heatmap = classifier.answer(radiograph)
            caption = f"{Path(record.path).stem}  p={scored.probabilities[i]:.3f}"
            tiles.append((draw_overlay(radiograph, heatmap), caption))
        rows.append((f"{CLASS_NAMES[label]} called otherwise: {len(wrong)}", tiles))
    path = out / "mistakes.png"
    plots.save(plots.picture_rows(rows), path)
    return path


# --- The page -------------------------------------------------------------------------------------


def _page(document: dict[str, Any], pictures: list[tuple[str, Path]]) -> str:
    embedded = [(title, base64.b64encode(path.read_bytes()).decode()) for title, path in pictures]
    return render("report.html.jinja", report=document, pictures=embedded)
