"""What `python -m cxr classify` does with its files."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cxr.checks import sentence
from cxr.classifier import Classifier, Prediction
from cxr.errors import CXRError, NotAChestRadiograph, RadiographError, UnsupportedRadiograph
from cxr.output.overlay import draw_overlay, png
from cxr.reading.radiograph import Radiograph, Source, read_radiograph

Encoder = Callable[[Radiograph, Prediction], bytes]


def classify_files(
    files: Sequence[str],
    *,
    model: str | None = None,
    threshold: float | None = None,
    as_json: bool = False,
    overlays: str | None = None,
    heatmaps: str | None = None,
) -> int:
    """Classify files one by one and print a line for each.

    Args:
        files: paths of the radiographs.
        model: see `cxr.model.hub.find_bundle`.
        threshold: the reader's own in [0, 1]; the model's if None.
        as_json: one JSON object a line on standard output, in the documented shape.
        overlays: folder for ``<stem>.png``, made if missing.
        heatmaps: folder for ``<stem>.npy``, float32 (H, W) in [0, 1], made if missing.

    Returns:
        0 if every file was read and classified, 1 if not.

    Raises:
        BundleError, HubError: the model cannot be used.
        CXRError: a folder for results cannot be made or written.
    """
    overlay_files = _OutputFolder(overlays, ".png", files)
    heatmap_files = _OutputFolder(heatmaps, ".npy", files)
    classifier = Classifier.load(model)
    classifier.warm_up()
    if not as_json:
        named = classifier.bundle.identity()
        print(f"Model: {', '.join(named.values())}", file=sys.stderr)
    all_read = True
    for file in files:
        line, answer = classify_file(file, classifier, file=file, threshold=threshold)
        if answer:
            line["overlay"] = overlay_files.write(file, _overlay_png, *answer)
            line["heatmap"] = heatmap_files.write(file, _heatmap_npy, *answer)
        all_read = all_read and answer is not None
        print(json.dumps(line) if as_json else _sentence(line), flush=True)
    if not as_json and not all_read:
        print("Some files were refused or could not be read.", file=sys.stderr)
    return 0 if all_read else 1


def classify_file(
    source: Source, classifier: Classifier, *, file: str, threshold: float | None = None
) -> tuple[dict[str, Any], tuple[Radiograph, Prediction] | None]:
    """The documented object for one file, and its answer if it has one.

    Args:
        source: the radiograph.
        classifier: answers.
        file: what the object calls it.
        threshold: the reader's own in [0, 1]; the model's if None.
    """
    line = _blank_line(file, classifier, threshold)
    try:
        radiograph = read_radiograph(source, name=Path(file).name)
        prediction = classifier.predict(radiograph)
    except NotAChestRadiograph as error:
        line.update(status="refused", reasons=[str(reason) for reason in error.gate_result.reasons])
    except UnsupportedRadiograph as error:
        line.update(status="refused", reasons=[str(error)])
    except RadiographError as error:
        line.update(status="error", reasons=[str(error)])
    else:
        line.update(
            warnings=[str(warning) for warning in prediction.gate_result.warnings],
            evidence=_evidence(prediction, line["threshold"]),
            probability=round(prediction.probability, 6),
            label=prediction.verdict(threshold),
        )
        return line, (radiograph, prediction)
    return line, None


class _OutputFolder:
    """Results by the name of their radiograph.

    Radiographs of one name in two folders do not collide, and no radiograph is overwritten by its
    overlay.
    """

    def __init__(self, folder: str | None, suffix: str, files: Sequence[str]) -> None:
        self.folder = None if folder is None else Path(folder)
        self.suffix = suffix
        self.taken: set[str] = set()
        if self.folder:
            # Where a radiograph lies, and where it leads if it is a link.
            images = {Path(file).parent.resolve() for file in files}
            images |= {Path(file).resolve().parent for file in files}
            if self.folder.resolve() in images:
                raise CXRError(
                    f"{folder}: holds radiographs that are to be classified, and a result could "
                    "overwrite one. Choose another folder."
                )
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise CXRError(f"{folder}: cannot be made ({error.strerror}).") from error

    def write(
        self, file: str, encode: Encoder, radiograph: Radiograph, prediction: Prediction
    ) -> str | None:
        """Write the result of a radiograph and return its path; None where none is asked for."""
        if self.folder is None:
            return None
        stem, number = Path(file).stem, 1
        name = stem
        while name in self.taken:
            number += 1
            name = f"{stem}-{number}"
        self.taken.add(name)
        path = self.folder / f"{name}{self.suffix}"
        try:
            path.write_bytes(encode(radiograph, prediction))
        except OSError as error:
            raise CXRError(f"{path}: cannot be written ({error.strerror}).") from error
        return str(path)


def _overlay_png(radiograph: Radiograph, prediction: Prediction) -> bytes:
    return png(draw_overlay(radiograph, prediction.heatmap))


def _heatmap_npy(_: Radiograph, prediction: Prediction) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, prediction.heatmap, allow_pickle=False)
    return buffer.getvalue()


def _blank_line(file: str, classifier: Classifier, threshold: float | None) -> dict[str, Any]:
    """The documented object, for a radiograph that is read but not yet classified."""
    bundle = classifier.bundle
    return {
        "file": file,
        "status": "ok",
        "probability": None,
        "label": None,
        "threshold": bundle.operating_points.threshold if threshold is None else threshold,
        "reasons": [],
        "warnings": [],
        "heatmap": None,
        "overlay": None,
        "evidence": None,
        "model": bundle.identity(),
    }


def _evidence(prediction: Prediction, threshold: float) -> dict[str, Any]:
    """What heatmap and answer are worth, in words, and the numbers behind them."""
    checks = prediction.checks
    return {
        "text": sentence(checks.messages(prediction.probability, threshold)),
        "heat": {place: round(share, 4) for place, share in checks.heat.items()},
        "blurring": {
            "hottest_tenth": round(checks.hottest, 4),
            "elsewhere": round(checks.elsewhere, 4),
        },
        "variants": {name: round(share, 6) for name, share in checks.variants.items()},
        "verdict_holds": checks.holds(prediction.probability, threshold),
    }


def _sentence(line: dict[str, Any]) -> str:
    if line["status"] != "ok":
        # Every reason; those of a file that cannot be read begin with its name.
        said = "; ".join(line["reasons"])
        if not said.startswith(Path(line["file"]).name):
            said = f"{line['file']}: {said}"
        return f"{line['status']:<10} {said}"
    lines = [f"{line['label']:<10} {line['probability']:6.1%}  {line['file']}"]
    lines += [f"{'':<11}Warning: {warning}." for warning in line["warnings"]]
    return "\n".join([*lines, f"{'':<11}{line['evidence']['text']}"])
