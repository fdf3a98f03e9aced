"""The report on a bundle, measured on labelled images.

REPORT/report.json         figures with intervals, and which model and images they are of
REPORT/probabilities.csv   one row for each image
REPORT/report.html         figures and plots on one page that needs no other file
REPORT/*.png               the plots
REPORT/mistakes.csv …      the worst mistakes; see mistakes.py
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypedDict, cast

import numpy as np
import pandas as pd

from cxr.language import Language
from cxr.messages import text
from cxr.model.bundle import CLASS_NAMES, Bundle
from training.data.dataset import Record, require_both_classes
from training.data.fingerprints import count_chosen_on, count_trained_on, file_list_digest
from training.data.images import load_images
from training.data.labelled import read_labelled
from training.files import as_cell, make_folder, write_json, write_text
from training.fitting.prediction import predict_logits
from training.metrics import plots
from training.metrics.calibration import calibrate
from training.metrics.comparison import Predictions, compare
from training.metrics.documents import Comparison, Evaluation
from training.metrics.evaluation import LogOdds, Probabilities, evaluate, sigmoid
from training.metrics.intervals import Labels
from training.metrics.roc import roc_curve
from training.networks.loading import load_network
from training.validation.mistakes import write_bundle_mistakes
from training.validation.report_page import DOCUMENT, PLOTS, report_page


class MeasuredImages(TypedDict):
    """The images of a report.

    name: the last two parts of their path. positive: the label that counts as pneumonia.
    trained_on: how many of the images the model was trained on. chosen_on: on how many its
    thresholds and calibration were chosen. fewest_patients: of the class that
    has fewer patients, how many.
    """

    name: str
    positive: str
    file_list_sha256: str
    trained_on: int
    chosen_on: int
    fewest_patients: int


class Against(Evaluation):
    """Figures of a second model on the same images, and paired tests of both."""

    model: dict[str, str]
    trained_on: int
    chosen_on: int
    comparison: Comparison


class Report(Evaluation):
    """The content of report.json; model: see `cxr.model.bundle.Bundle.identity`."""

    model: dict[str, str]
    data: MeasuredImages
    against: NotRequired[Against]


@dataclass(frozen=True, eq=False, kw_only=True)
class _Scored:
    """One model's answers on N images.

    Attributes:
        bundle: the model.
        records: of the images.
        labels: (N,), 0 or 1.
        log_odds: (N,), calibrated.
        trained_on: how many of them the model was trained on.
        chosen_on: on how many of them its thresholds and calibration were chosen.
    """

    bundle: Bundle
    records: list[Record]
    labels: Labels
    log_odds: LogOdds
    trained_on: int
    chosen_on: int

    @property
    def probabilities(self) -> Probabilities:
        """(N,) in [0, 1]."""
        return sigmoid(self.log_odds)

    @property
    def predicted(self) -> Predictions:
        """(N,), whether pneumonia is predicted at the model's shipped threshold."""
        return self.probabilities >= self.bundle.operating_points.threshold

    @property
    def name(self) -> str:
        """The model's name on plots."""
        return self.bundle.title


def write_report(
    bundle: Bundle,
    data: Path,
    out: Path,
    *,
    against: Bundle | None = None,
    positive: str | None = None,
    skip_unreadable: bool = False,
    language: Language = "en",
) -> Report:
    """Measure a model and write the report.

    Args:
        bundle: the model.
        data: labelled images; see `training.data.labelled.read_labelled`.
        out: made if missing; files of the same names are replaced.
        against: a second model, compared on the same images.
        positive: the label of a CSV that counts as pneumonia.
        skip_unreadable: leave damaged files out instead of stopping.
        language: of the page and its plots.

    Returns:
        The content of ``report.json``.

    Raises:
        DatasetError: there is nothing to measure on.
        RunError: `out` cannot be made.
    """
    root, records = read_labelled(data, positive=positive)
    scored = _score(bundle, root, records, skip_unreadable=skip_unreadable)
    other = _score(against, root, scored.records) if against else None
    make_folder(out)
    figures = {
        "model": bundle.identity(),
        "data": {
            "name": "/".join(data.resolve().parts[-2:]),  # without the rest of a private path
            "positive": positive or CLASS_NAMES[1],
            "file_list_sha256": file_list_digest(scored.records),
            "trained_on": scored.trained_on,
            "chosen_on": scored.chosen_on,
            "fewest_patients": min(
                len({record.patient for record in scored.records if record.label == label})
                for label in (0, 1)
            ),
        },
        **_evaluate(scored),
    }
    document = cast(Report, figures)
    if other:
        document["against"] = _against(scored, other)
    write_json(out / DOCUMENT, document)
    write_text(out / "probabilities.csv", _table(scored, other).to_csv(index=False))
    _draw(scored, other, document, out, language)
    write_bundle_mistakes(out, bundle, root, scored.records, scored.log_odds, language=language)
    write_text(out / "report.html", report_page(out, language))
    return document


def _score(
    bundle: Bundle, root: Path, records: list[Record], *, skip_unreadable: bool = False
) -> _Scored:
    images, kept = load_images(root, records, bundle.preprocessing, skip_unreadable=skip_unreadable)
    require_both_classes(root, [root.name], (record.label for record in kept))
    logits = predict_logits(
        load_network(bundle), images, bundle.preprocessing, flip_tta=bundle.flip_tta
    )
    labels = np.array([record.label for record in kept])
    calibrated = calibrate(logits, bundle.operating_points)
    return _Scored(
        bundle=bundle,
        records=kept,
        labels=labels,
        log_odds=calibrated,
        trained_on=count_trained_on(bundle, images, kept),
        chosen_on=count_chosen_on(bundle, images),
    )


def _evaluate(scored: _Scored) -> Evaluation:
    return evaluate(
        scored.labels,
        scored.log_odds,
        [record.patient for record in scored.records],
        [record.kind for record in scored.records],
        threshold=scored.bundle.operating_points.threshold,
    )


def _against(scored: _Scored, other: _Scored) -> Against:
    return {
        "model": other.bundle.identity(),
        "trained_on": other.trained_on,
        "chosen_on": other.chosen_on,
        **_evaluate(other),
        "comparison": compare(
            scored.labels,
            (scored.log_odds, scored.predicted),
            (other.log_odds, other.predicted),
            [record.patient for record in scored.records],
        ),
    }


def _table(scored: _Scored, other: _Scored | None) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "path": [as_cell(record.path) for record in scored.records],
            "patient": [as_cell(record.patient) for record in scored.records],
            "kind": [record.kind for record in scored.records],
            "label": scored.labels,
            "probability": scored.probabilities.round(6),
            "predicted": scored.predicted.astype(int),
        }
    )
    if other:
        table["probability_against"] = other.probabilities.round(6)
        table["predicted_against"] = other.predicted.astype(int)
    return table


# --- Plots ----------------------------------------------------------------------------------------


def _draw(
    scored: _Scored, other: _Scored | None, document: Report, out: Path, language: Language
) -> None:
    """Draw and save every plot of `report_page.PLOTS` but the mistakes."""
    points, history = scored.bundle.operating_points, scored.bundle.evaluation.get("history")
    curves = {model.name: model.probabilities for model in (scored, other) if model}
    if other and len(curves) == 1:  # both have one name and version
        curves = {
            text("drawn_this", language): scored.probabilities,
            text("drawn_other", language): other.probabilities,
        }
    classes = [text(f"studio_class_{name}", language) for name in CLASS_NAMES]
    figures = {
        "confusion_matrix.png": plots.confusion_matrix(
            np.array(document["confusion"]), classes, language=language
        ),
        "roc_curve.png": roc_curve(scored.labels, curves, language=language),
        "precision_and_recall.png": plots.precision_recall_curve(
            scored.labels, curves, language=language
        ),
        "reliability.png": plots.reliability_diagram(
            document["reliability"], document["metrics"]["calibration_error"], language=language
        ),
        "threshold_curve.png": plots.threshold_curve(
            scored.labels,
            scored.probabilities,
            {
                text("drawn_high_sensitivity", language): points.high_sensitivity,
                text("drawn_shipped", language): points.threshold,
                text("drawn_high_specificity", language): points.high_specificity,
            },
            language=language,
        ),
    }
    if history:
        kept = scored.bundle.evaluation.get("kept_epoch")
        figures["learning_curves.png"] = plots.learning_curves(
            history, kept=kept, language=language
        )
    for name in PLOTS:
        (out / name).unlink(missing_ok=True)  # of an earlier report, on a model with more to show
    for name, figure in figures.items():
        plots.save(figure, out / name)
