"""The images that a model gets most confidently wrong, with their heatmaps.

OUT/mistakes.csv  a row for each, the fields of `Mistake`
OUT/mistakes.png  all of them on one sheet
OUT/mistakes/     each as PNG with its heatmap over it
"""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cxr.checker import evidence_by_place
from cxr.classifier import Classifier, Heatmap
from cxr.gate.gate import Gate
from cxr.language import Language, format_decimal
from cxr.messages import text
from cxr.model.bundle import Bundle
from cxr.output.overlay import draw_overlay, png, shrink
from cxr.reading.radiograph import Radiograph, read_radiograph
from training.data.dataset import Record
from training.files import as_cell, make_folder, of_cell, replaced_whole, write_text

if TYPE_CHECKING:
    from training.metrics.evaluation import LogOdds
    from training.metrics.intervals import Labels

TABLE = "mistakes.csv"
SHEET = "mistakes.png"
PICTURES = "mistakes"

# Gives the heatmap of the image of a number, which is also given as it was read.
Explain = Callable[[int, Radiograph], Heatmap]

_MAX_PER_CLASS = 12  # of each class
_SIDE = 512  # pixels, the longer side of a picture at most


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """An image that is predicted wrongly.

    Attributes:
        picture: name of the PNG in the folder of pictures.
        path: of the image, relative to the data folder.
        patient: whose image it is.
        kind: ``normal``, or the kind of pneumonia.
        label: 1 for a false negative, 0 for a false positive.
        probability: of pneumonia, calibrated.
        threshold: from which pneumonia is predicted.
        in_lungs: fraction of the heatmap inside the lungs as the gate finds them; None if it finds
            none, or the heatmap is empty.
    """

    picture: str
    path: str
    patient: str
    kind: str
    label: int
    probability: float
    threshold: float
    in_lungs: float | None


def write_mistakes(
    out: Path,
    root: Path,
    records: Sequence[Record],
    log_odds: LogOdds,
    *,
    threshold: float,
    explain: Explain,
    language: Language = "en",
) -> list[Mistake]:
    """Write the most confident mistakes of each class, the false negatives first.

    Args:
        out: made if missing; files of an earlier call are replaced.
        root: the folder that the records' paths are relative to.
        records: N images.
        log_odds: (N,), calibrated.
        threshold: probability from which pneumonia is predicted.
        explain: see `Explain`.
        language: of the words on the sheet.

    Raises:
        RunError: `out` cannot be made.
        UnreadableRadiograph: an image cannot be read.
    """
    # What draws and counts takes seconds to import; the studio only reads the table.
    from training.metrics import plots
    from training.metrics.evaluation import sigmoid

    labels = np.array([record.label for record in records], dtype=np.int64)
    probabilities = sigmoid(log_odds)
    gate = Gate()
    mistakes: list[Mistake] = []
    groups = []
    make_folder(out)
    with replaced_whole(out / PICTURES) as folder:
        for label in (1, 0):
            wrong = _most_confident(labels, log_odds, probabilities >= threshold, label)
            tiles = []
            for rank, i in enumerate(wrong[:_MAX_PER_CLASS], 1):
                record = records[i]
                radiograph = read_radiograph(root / record.path, name=record.path)
                heatmap = explain(int(i), radiograph)
                picture = shrink(draw_overlay(radiograph, heatmap), _SIDE)
                mistake = Mistake(
                    picture=f"{'false-negative' if label else 'false-positive'}-{rank:02}.png",
                    path=record.path,
                    patient=record.patient,
                    kind=record.kind,
                    label=label,
                    probability=round(float(probabilities[i]), 6),
                    threshold=threshold,
                    in_lungs=_in_lungs(gate, radiograph, heatmap),
                )
                (folder / mistake.picture).write_bytes(png(picture))
                mistakes.append(mistake)
                probability = format_decimal(mistake.probability, language, digits=3)
                tiles.append((picture, f"{Path(record.path).stem}  p={probability}"))
            said = text("drawn_false_negatives" if label else "drawn_false_positives", language)
            groups.append((f"{said}: {len(wrong)}", tiles))
    plots.save(plots.image_grid(groups), out / SHEET)
    write_text(out / TABLE, _as_csv(mistakes))
    return mistakes


def write_bundle_mistakes(
    out: Path,
    bundle: Bundle,
    root: Path,
    records: Sequence[Record],
    log_odds: LogOdds,
    *,
    language: Language = "en",
) -> list[Mistake]:
    """The same for a bundle, at its shipped threshold and with its own heatmaps.

    Args:
        out: see `write_mistakes`, as `root` and `records`.
        bundle: the model.
        root: the folder.
        records: N images.
        log_odds: (N,), calibrated.
        language: of the words on the sheet.
    """
    classifier = Classifier(bundle)
    return write_mistakes(
        out,
        root,
        records,
        log_odds,
        threshold=bundle.operating_points.threshold,
        explain=lambda _, radiograph: classifier.predict_ungated(radiograph)[1],
        language=language,
    )


def read_mistakes(out: Path) -> list[Mistake]:
    """The mistakes that were written to a folder; none if none were.

    Raises:
        ValueError: the table is damaged.
    """
    try:
        text = (out / TABLE).read_text(encoding="utf-8")
    except OSError:
        return []
    try:
        return [_mistake(row) for row in csv.DictReader(io.StringIO(text))]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{out / TABLE}: not a table of mistakes ({error!r})") from error


def _most_confident(
    labels: Labels, log_odds: LogOdds, predicted: npt.NDArray[np.bool_], label: int
) -> npt.NDArray[np.int64]:
    """Rows of a class that are predicted wrongly, the most confident first."""
    wrong = np.flatnonzero((labels == label) & (predicted != (label == 1)))
    confidence = -log_odds[wrong] if label else log_odds[wrong]
    return wrong[np.argsort(-confidence, kind="stable")]


def _in_lungs(gate: Gate, radiograph: Radiograph, heatmap: Heatmap) -> float | None:
    found = gate.check(radiograph)
    if found.lungs is None or not heatmap.any():
        return None
    return round(evidence_by_place(found.correction.turn(heatmap), found.lungs)["lungs"], 4)


# --- The table ------------------------------------------------------------------------------------


def _as_csv(mistakes: Sequence[Mistake]) -> str:
    rows = io.StringIO()
    names = [field.name for field in dataclasses.fields(Mistake)]
    writer = csv.DictWriter(rows, names, lineterminator="\n")
    writer.writeheader()
    for mistake in mistakes:
        writer.writerow(
            {
                name: as_cell(value) if isinstance(value, str) else value
                for name, value in dataclasses.asdict(mistake).items()
            }
        )
    return rows.getvalue()


def _mistake(row: dict[str, str]) -> Mistake:
    plain = {name: of_cell(value) for name, value in row.items()}
    if Path(plain["picture"]).name != plain["picture"]:
        raise ValueError(f"expected the name of a picture, received {plain['picture']!r}")
    return Mistake(
        picture=plain["picture"],
        path=plain["path"],
        patient=plain["patient"],
        kind=plain["kind"],
        label=int(plain["label"]),
        probability=float(plain["probability"]),
        threshold=float(plain["threshold"]),
        in_lungs=float(plain["in_lungs"]) if plain["in_lungs"] else None,
    )
