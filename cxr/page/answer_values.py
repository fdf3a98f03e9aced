"""What the browser is sent of one file: an answer with all that the viewer needs, or why none."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from cxr.classifier import Prediction
from cxr.gate.lungs import Mask
from cxr.messages import Message
from cxr.model import expected
from cxr.model.bundle import Bundle
from cxr.model.heatmap import MIN_SHOWN
from cxr.model.operating_points import OperatingPoint, OperatingPoints
from cxr.outcome import Outcome
from cxr.output.output_folder import stem_of
from cxr.output.overlay import shrink
from cxr.page.pictures import grey_data_uri
from cxr.page.sent_values import (
    Answered,
    AnswerValue,
    CountedRates,
    ElsewhereValue,
    EvidenceValue,
    MessageValue,
    PointsValue,
    Refused,
    Unreadable,
    Window,
)
from cxr.reading.acquisition import UNKNOWN
from cxr.reading.radiograph import Radiograph
from cxr.reading.stored_levels import WHITE

_MAX_SIDE = 4096  # longest side sent to the browser; detectors for children have fewer pixels
_PICTURE_SIDE = 900  # of a picture that was refused
_CONTOURS = (MIN_SHOWN, 0.25, 0.5, 0.75)  # levels on the heatmap's scale
_CONTOUR_SIDE = 256
_LUNG_WINDOW = (1, 99)  # percentiles of the grey levels within the lungs
_BONE_WINDOW = (55, 99.8)  # percentiles of the whole radiograph, whose bright half holds the bones


def message_values(messages: Iterable[Message]) -> list[MessageValue]:
    """Messages as JSON, for the browser to say in its language."""
    return [{"code": message.code, "values": dict(message.values)} for message in messages]


def outcome_value(outcome: Outcome, bundle: Bundle) -> Answered | Refused | Unreadable:
    """The viewer's state that an outcome leads to."""
    if outcome.answer:
        return {"kind": "answered", **answer_value(*outcome.answer, bundle)}
    if outcome.status == "refused":
        seen = outcome.picture
        return {
            "kind": "refused",
            "reasons": message_values(outcome.why),
            "picture": None if seen is None else grey_data_uri(shrink(seen, _PICTURE_SIDE)),
            "checked": outcome.problem is None,
        }
    return {
        "kind": "too_large" if outcome.too_large else "unreadable",
        "reasons": message_values(outcome.why),
    }


def answer_value(radiograph: Radiograph, prediction: Prediction, bundle: Bundle) -> AnswerValue:
    """What the viewer needs of one radiograph, upright as it was classified."""
    levels, bits, values = _levels(radiograph, prediction)
    height, width = levels.shape
    lungs = prediction.gate_result.lungs
    mask = np.zeros((1, 1), dtype=bool) if lungs is None else lungs.mask
    turns = prediction.gate_result.correction.turns
    checks = prediction.checks
    return {
        "id": hashlib.sha256(levels.tobytes()).hexdigest(),
        "name": radiograph.name,
        "stem": stem_of(radiograph.name),
        "is_dicom": radiograph.acquisition is not UNKNOWN,
        "width": width,
        "height": height,
        "bits": bits,
        "levels": base64.b64encode(_packed(levels)).decode(),
        "values": values,
        "windows": _windows(levels, bits, mask, radiograph, values),
        "turned": 90 * turns,
        "spacing": _spacing(radiograph, turns, levels.shape),
        "spacing_at_detector": radiograph.acquisition.spacing_at_detector,
        "shrunk": max(radiograph.shape) / max(levels.shape),
        "map": map_value(prediction, bundle),
        "reference": bundle.heatmap_reference,
        "evidence": _evidence(prediction),
        "contours": [
            {"level": level, "outline": _outlines(_scaled(prediction.map, bundle) >= level)}
            for level in _CONTOURS
        ],
        "lungs": _outlines(mask),
        "worth": checks.worth,
        "why": checks.why,
        "regions": checks.regions,
        "in_range": prediction.gate_result.in_range,
        "probability": prediction.probability,
        "model": bundle.sha256,
        "model_name": bundle.title,
        "operating_points": _points(prediction.operating_points),
        "source": expected.measured_on(bundle.evaluation)
        or {"text": prediction.operating_points.source},
        "elsewhere": _elsewhere(bundle),
        "by_kind": expected.sensitivity_by_kind(bundle.evaluation),
        "warnings": message_values(prediction.warnings),
        "checks": message_values(checks.of_evidence()),
        "variants": list(checks.variants.values()),
    }


def map_value(prediction: Prediction, bundle: Bundle) -> list[list[float]]:
    """The evidence map (h, w) of the upright radiograph on the heatmap's scale: 1 is full heat."""
    scaled: list[list[float]] = np.round(prediction.map / bundle.heatmap_reference, 4).tolist()
    return scaled


def _levels(
    radiograph: Radiograph, prediction: Prediction
) -> tuple[npt.NDArray[Any], int, tuple[float, float]]:
    """Upright levels (H, W), their bits, and the file's own values at the lowest and highest."""
    correction, stored = prediction.gate_result.correction, radiograph.stored
    if stored is None or max(radiograph.shape) > _MAX_SIDE:
        pixels = shrink(correction.apply(radiograph.pixels), _MAX_SIDE)
        return np.rint(pixels * 255).astype(np.uint8), 8, (0.0, 255.0)
    levels = correction.turn(stored.levels)
    if correction.inverted:
        return WHITE - levels, 16, (stored.white, stored.black)
    return levels, 16, (stored.black, stored.white)


def _spacing(
    radiograph: Radiograph, turns: int, shape: tuple[int, ...]
) -> tuple[float, float] | None:
    """Millimetres between rows and between columns of the upright radiograph as it is sent."""
    spacing = radiograph.acquisition.pixel_spacing
    if spacing is None:
        return None
    rows, columns = (
        millimetres * stored / sent
        for millimetres, stored, sent in zip(
            spacing, radiograph.shape, shape[::-1] if turns % 2 else shape, strict=True
        )
    )
    return (columns, rows) if turns % 2 else (rows, columns)


def _packed(levels: npt.NDArray[Any]) -> bytes:
    """Levels (H, W) in a zlib stream (RFC 1950): the difference of each byte and the one before it.

    Of 16 bits all high bytes come first, then all low bytes. This way, and without the search for
    repeated sequences, a radiograph is packed in half the time and to two thirds of the size.
    """
    planes = [levels] if levels.dtype == np.uint8 else [levels >> 8, levels & 255]
    values = np.concatenate([plane.ravel().astype(np.uint8) for plane in planes])
    packer = zlib.compressobj(level=1, strategy=zlib.Z_RLE)
    return packer.compress(np.diff(values, prepend=np.uint8(0)).tobytes()) + packer.flush()


def _windows(
    levels: npt.NDArray[Any],
    bits: int,
    lungs: Mask,
    radiograph: Radiograph,
    values: tuple[float, float],
) -> dict[str, Window]:
    """Windows to choose from; the first is shown at first.

    Args:
        levels: (H, W), unsigned.
        bits: of them.
        lungs: (S, S), inside the lungs.
        radiograph: that the levels are of.
        values: at the lowest and the highest level.
    """
    small = cv2.resize(levels, lungs.shape[::-1], interpolation=cv2.INTER_AREA) / (2**bits - 1)
    windows: dict[str, Window] = {}
    stored = radiograph.stored
    if stored and stored.window and values == (stored.black, stored.white):
        span = stored.white - stored.black
        low, high = ((value - stored.black) / span for value in stored.window)
        windows["file"] = (low, high)
    windows["full"] = (0.0, 1.0)
    if lungs.any():
        windows["lung"] = _between(small[lungs], _LUNG_WINDOW)
    windows["bone"] = _between(small, _BONE_WINDOW)
    return windows


def _between(shares: npt.NDArray[Any], percentiles: tuple[float, float]) -> Window:
    low, high = np.percentile(shares, percentiles)
    return float(low), float(max(high, low + 0.02))


def _evidence(prediction: Prediction) -> EvidenceValue | None:
    found = prediction.evidence
    if found is None:
        return None
    return {
        "evidence": np.round(found.evidence.ravel(), 5).tolist(),
        "weights": np.round(found.weights.ravel(), 5).tolist(),
        "sharpness": found.sharpness,
    }


def _points(points: OperatingPoints) -> PointsValue:
    return {
        "threshold": points.threshold,
        "high_sensitivity": points.high_sensitivity,
        "high_specificity": points.high_specificity,
        "temperature": points.temperature,
        "offset": points.offset,
        "curve": list(map(_counted, points.curve)),
    }


def _elsewhere(bundle: Bundle) -> ElsewhereValue | None:
    known = expected.elsewhere(bundle.evaluation)
    if known is None:
        return None
    counted = list(map(_counted, expected.elsewhere_points(bundle.evaluation)))
    return {"images": known["images"], "curve": counted or known["curve"]}


def _counted(point: OperatingPoint) -> CountedRates:
    return {
        **expected.rates(point),
        "true_positives": point.true_positives,
        "false_negatives": point.false_negatives,
        "true_negatives": point.true_negatives,
        "false_positives": point.false_positives,
        "sensitivity_interval": point.sensitivity_interval(),
        "specificity_interval": point.specificity_interval(),
    }


def _scaled(found: npt.NDArray[np.float32], bundle: Bundle) -> npt.NDArray[np.float32]:
    """A map on the heatmap's scale, interpolated to a size whose outlines are smooth."""
    side = (_CONTOUR_SIDE, _CONTOUR_SIDE)
    scaled = cv2.resize(found, side, interpolation=cv2.INTER_LINEAR)
    return np.asarray(scaled / bundle.heatmap_reference, dtype=np.float32)


def _outlines(inside: Mask) -> str:
    """Outlines of a mask (S, S): an SVG path in fractions of width and height."""
    height, width = inside.shape
    found, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_TC89_L1)
    return "".join(
        "M"
        + "L".join(f"{(x + 0.5) / width:.4f} {(y + 0.5) / height:.4f}" for x, y in outline)
        + "Z"
        for outline in (points.reshape(-1, 2) for points in found)
    )
