"""Figures as they are saved in JSON files: which fields each document has, and what they mean.

A field that only some documents of a kind have is marked `NotRequired`.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

# Of an epoch, what is shown unless others are asked for.
WATCHED = ("loss", "accuracy", "auc", "sensitivity", "specificity")
HistoryRow = dict[str, float]  # one epoch of a fit: its number, losses, metrics and seconds


# --- One model on one set of images ---------------------------------------------------------------


class ReliabilityRow(TypedDict):
    """One bin of a reliability diagram, both classes weighing the same.

    probability: mean of the images in the bin. share: fraction of them with pneumonia. weight:
    fraction of all images that are in the bin. images: how many they are.
    """

    probability: float
    share: float
    weight: float
    images: int


class KindFigures(TypedDict):
    """One kind of pneumonia against all normal images.

    found: how many of the images are predicted as pneumonia. interval: 95 % for the fraction found
    (Wilson), by image.
    """

    images: int
    found: int
    interval: list[float]
    auc: float


class Evaluation(TypedDict):
    """All figures of one model on one set of images.

    pneumonia: how many images have it. metrics: by the names of
    `training.metrics.evaluation.classification_metrics`. intervals: 95 %, lower and upper end, by
    the same names. confusion: counts (2, 2), rows are the true classes, columns the predicted ones.
    """

    images: int
    patients: int
    pneumonia: int
    threshold: float
    metrics: dict[str, float]
    intervals: dict[str, list[float]]
    confusion: list[list[int]]
    by_kind: dict[str, KindFigures]
    reliability: list[ReliabilityRow]


# --- Two models on the same images ----------------------------------------------------------------


class McNemar(TypedDict):
    """How many images only one of two models predicts correctly, and the exact test's p value.

    p: None where the models never differ, or where a patient has several images.
    """

    only_first_right: int
    only_second_right: int
    p: float | None


class Comparison(TypedDict):
    """Paired tests of two models on the same images.

    difference: first minus second, of auc, accuracy, sensitivity and specificity. intervals: 95 %
    of these, by patient. delong_p: of equal AUC; None where it cannot be told
    (`training.metrics.comparison`). independent: whether each patient has one image; only then are
    there p values.
    """

    difference: dict[str, float]
    intervals: dict[str, list[float]]
    delong_p: float | None
    mcnemar: McNemar
    independent: bool


# --- Cross-validation -----------------------------------------------------------------------------


class GroupFigures(TypedDict):
    """Figures of a group of images, at the threshold of the whole cross-validation."""

    images: int
    auc: float
    accuracy: float
    sensitivity: float
    specificity: float
    calibration_error: float


class FoldFigures(GroupFigures):
    """Figures of the images that one fold holds out; fold is its number from 1."""

    fold: int


class PerturbationName(TypedDict):
    """Which perturbation; first of all stand the images as they are.

    binding: whether thresholds and calibration were chosen to hold for its images, too.
    """

    name: str
    strength: str
    binding: bool


class PerturbationFigures(GroupFigures, PerturbationName):
    """Figures of a sample of the images under one perturbation."""


class ElsewhereFigures(GroupFigures):
    """Figures on the held-out images of a second cross-validation, by typicality or acquisition.

    curve: `cxr.model.operating_points.OperatingPoint` at each threshold, as JSON. intervals: 95 %,
    by patient.
    """

    curve: list[dict[str, Any]]
    intervals: dict[str, list[float]]


class ReservedCount(TypedDict):
    """How many of the images and patients counted are reserved ones (`training.data.reserved`)."""

    images: int
    patients: int


class FoldsDocument(TypedDict):
    """All figures of the finished folds of a cross-validation.

    source: which images they are of, in words. operating_points: see
    `cxr.model.operating_points.OperatingPoints`.
    """

    source: str
    operating_points: dict[str, Any]
    result: Evaluation
    folds: list[FoldFigures]
    perturbations: list[PerturbationFigures]
    reserved: NotRequired[ReservedCount]
    elsewhere: NotRequired[ElsewhereFigures]


class CrossValidation(FoldsDocument):
    """The content of cross_validation.json.

    by: how images were divided into folds, in words. plan: see
    `training.validation.folds.Plan`. training: see
    `training.fitting.config.TrainingConfig`. outlines_sha256: of what is outlined on the images;
    None without outlines.
    """

    by: str
    plan: dict[str, Any]
    training: dict[str, Any]
    file_list_sha256: str
    folds_sha256: str
    outlines_sha256: str | None


# --- A bundle -------------------------------------------------------------------------------------


class ModelFigures(TypedDict):
    """How a model was measured, by held-out images or by a cross-validation.

    source: which images the figures are of, in words. The fields that may be missing come from a
    cross-validation; epochs: of its fits.
    """

    source: str
    result: Evaluation
    by: NotRequired[str]
    folds: NotRequired[list[FoldFigures]]
    perturbations: NotRequired[list[PerturbationFigures]]
    folds_sha256: NotRequired[str]
    reserved: NotRequired[ReservedCount]
    elsewhere: NotRequired[ElsewhereFigures]
    epochs: NotRequired[int]


class BundleEvaluation(ModelFigures):
    """The content of a bundle's evaluation.json when it is exported.

    Later, `training.sharing.card.update_bundle` adds further documents under names of their own.

    history: of the fit. kept_epoch: whose weights the bundle holds. trained_fingerprints,
    validation_fingerprints: of the images of both splits; see
    `cxr.model.fingerprint.fingerprints_to_text`.
    """

    history: list[HistoryRow]
    kept_epoch: int | None
    trained_fingerprints: str
    validation_fingerprints: str


# --- Heatmaps -------------------------------------------------------------------------------------


class FaithfulnessCurves(TypedDict):
    """Mean probability after each step of blurring places, or of showing them."""

    deletion: list[float]
    insertion: list[float]


class MethodFigures(FaithfulnessCurves):
    """How one heatmap method does.

    mirror_correlation, shift_correlation: of the heatmap with that of the mirrored and of the
    shifted image, on average.
    """

    mirror_correlation: float
    shift_correlation: float


class RandomisationRow(TypedDict):
    """Similarity (SSIM) of the heatmaps to those of the network as it is.

    layers: the last layers that were given random weights, from the logit down to these.
    """

    layers: str
    ssim: float


class Faithfulness(TypedDict):
    """Whether heatmaps are true of the network; see `training.validation.faithfulness`.

    method: that the bundle uses. chance: the curves for places in random order. randomisation: the
    first row compares with the heatmap of another image instead.
    """

    images: int
    method: str
    chance: FaithfulnessCurves
    methods: dict[str, MethodFigures]
    randomisation: list[RandomisationRow]
