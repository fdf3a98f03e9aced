"""The documents that the browser is sent: what became of a file, for viewer and list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NotRequired, TypedDict

from cxr.cases import Comparison, Label, Texts
from cxr.checks import Why, Worth
from cxr.classifier import ShownVerdict
from cxr.messages import Value
from cxr.model.expected import MeasuredOn, Rates
from cxr.model.operating_points import Interval, Verdict
from cxr.outcome import Status

Window = tuple[float, float]  # the levels shown black and white, as fractions of all levels


class MessageValue(TypedDict):
    """A `Message`, for the browser to say in its language."""

    code: str
    values: dict[str, Value]


class Contour(TypedDict):
    """Where the heatmap is at least as strong as a level: an SVG path in fractions of the sides."""

    level: float
    outline: str


class CountedRates(Rates):
    """Rates with the counts behind them, of `OperatingPoint`, and their intervals."""

    true_positives: int
    false_negatives: int
    true_negatives: int
    false_positives: int
    sensitivity_interval: Interval
    specificity_interval: Interval


class PointsValue(TypedDict):
    """What the browser needs of `OperatingPoints`."""

    threshold: float
    high_sensitivity: float
    high_specificity: float
    temperature: float
    offset: float
    curve: list[CountedRates]


class ElsewhereValue(TypedDict):
    """Figures on radiographs acquired differently; rates alone where no counts are known."""

    images: int
    curve: Sequence[Rates]


class SourceText(TypedDict):
    """On what thresholds were measured, in words."""

    text: str


class EvidenceValue(TypedDict):
    """What the logit follows from, so that the browser can tell it without some of the places.

    Keys:
        evidence, weights: of `EvidenceMap`, row by row.
        sharpness: of `pool_evidence`.
    """

    evidence: list[float]
    weights: list[float]
    sharpness: float


class AnswerValue(TypedDict):
    """What the viewer needs of one radiograph, upright as it was classified.

    Keys:
        id: digest of its levels.
        name, stem: of its file, with and without the ending.
        is_dicom: whether the file is DICOM.
        width, height: in pixels, as it is sent.
        bits: of a level, 8 or 16.
        levels: the pixels, packed by `answer_values`, in base64.
        values: the file's own values at the lowest and the highest level.
        windows: to choose from, by name; the first is shown at first.
        turned: degrees, anticlockwise, that set it upright.
        spacing: millimetres between rows and between columns; None where the header has none.
        spacing_at_detector: whether these are of the detector, where the chest is magnified.
        shrunk: how many of the file's pixels lie along the side of one that is sent.
        map: the evidence (h, w) on the heatmap's scale; 1 is full heat.
        reference: the evidence that becomes 1.
        evidence: what the logit follows from; None where it follows from no map.
        contours: of the heatmap, weakest first.
        lungs: outlines, an SVG path in fractions of the sides.
        worth, why, regions: of `Checks`.
        in_range: whether the radiograph is of a kind that the model was trained on.
        probability: of pneumonia.
        model, model_name: digest and title of the model.
        operating_points: of the model.
        source: on what they were measured; ``text`` alone where no counts are known.
        elsewhere: what to expect there; None where nothing was measured.
        by_kind: see `cxr.model.expected.sensitivity_by_kind`.
        warnings: of the gate.
        checks: what the heatmap is worth, in words.
        variants: probabilities of single views.
    """

    id: str
    name: str
    stem: str
    is_dicom: bool
    width: int
    height: int
    bits: int
    levels: str
    values: tuple[float, float]
    windows: dict[str, Window]
    turned: int
    spacing: tuple[float, float] | None
    spacing_at_detector: bool
    shrunk: float
    map: list[list[float]]
    reference: float
    evidence: EvidenceValue | None
    contours: list[Contour]
    lungs: str
    worth: Worth
    why: Why
    regions: tuple[float, float, float]
    in_range: bool
    probability: float
    model: str
    model_name: str
    operating_points: PointsValue
    source: MeasuredOn | SourceText
    elsewhere: ElsewhereValue | None
    by_kind: dict[str, float] | None
    warnings: list[MessageValue]
    checks: list[MessageValue]
    variants: list[float]


class Answered(AnswerValue):
    """The viewer's state after an answer."""

    kind: Literal["answered"]


class Refused(TypedDict):
    """The viewer's state after a refusal.

    Keys:
        reasons: why.
        picture: what was refused, a data URI; None where nothing can be shown.
        checked: whether the gate refused it, which can err, and not the file's own header.
    """

    kind: Literal["refused"]
    reasons: list[MessageValue]
    picture: str | None
    checked: bool


class Unreadable(TypedDict):
    """The viewer's state after a file that cannot be read."""

    kind: Literal["unreadable", "too_large"]
    reasons: list[MessageValue]


class NoAnswer(TypedDict):
    """The viewer's state where the server has no answer: now, or because of a fault of its own."""

    kind: Literal["busy", "failed"]


ViewerState = Answered | Refused | Unreadable | NoAnswer


class UnansweredRow(TypedDict):
    """A row of the list without an answer; `messages` say why."""

    status: Status
    probability: None
    messages: list[MessageValue]


class ShownRow(UnansweredRow):
    """The same with a picture of what was refused, a data URI, where there is one."""

    thumbnail: str | None


class AnsweredRow(TypedDict):
    """A row of the list with its answer; the keys are those of `AnswerValue`.

    Keys:
        messages: warnings of the gate.
        turns: quarter turns, anticlockwise, that set the radiograph upright.
        operating_points: the three thresholds.
    """

    status: Literal["ok"]
    probability: float
    worth: Worth
    in_range: bool
    messages: list[MessageValue]
    thumbnail: str | None
    map: list[list[float]]
    turns: int
    model: str
    operating_points: dict[str, float]


Row = AnsweredRow | ShownRow | UnansweredRow


class KeptFile(TypedDict):
    """A file for the reader: a data URI, and what it is called."""

    uri: str
    name: str


class NotKept(TypedDict):
    """Why there is no such file; `reasons` where the radiograph is why."""

    problem: Literal["busy", "not_kept", "failed"]
    reasons: NotRequired[list[MessageValue]]


class OverlayValue(TypedDict):
    """A radiograph of the list with its heatmap; `overlay` and `stem` are None if there is none.

    Keys:
        overlay: a PNG in base64.
        stem: its name without the ending of the file's.
        busy: whether there may be one a little later.
    """

    overlay: str | None
    stem: str | None
    busy: bool


class CaseValue(TypedDict):
    """A case in both languages; see `cxr.cases.Case` and `cxr.cases.CaseAnswer`."""

    title: Texts
    look: Texts
    label: Label
    expected: Verdict | None
    in_quiz: bool
    radiograph: bool
    verdict: ShownVerdict | None
    probability: float | None
    reasons: list[MessageValue]
    comparison: Comparison | None


class CurvePoint(TypedDict):
    """A place in a plot, in pixels from its upper left corner."""

    x: float
    y: float


class CurvesValue(TypedDict):
    """The plots below the model's facts, as SVG.

    Keys:
        axes, roc, sensitivity, specificity: paths.
        up, across: numbers beside the axes; the browser writes them.
        stops: where the three thresholds lie on the ROC curve.
        thresholds: where they lie across.
    """

    axes: str
    up: str
    across: str
    roc: str
    sensitivity: str
    specificity: str
    stops: list[CurvePoint]
    thresholds: list[float]
