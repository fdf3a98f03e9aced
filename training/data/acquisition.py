"""How images were acquired, and folds that hold out images acquired in another way.

Images of one class were often acquired, resized and stored in one way. The features here (grey
levels, borders, sharpness, markers, size) describe the acquisition and hardly the lungs. Where they
separate the classes, a network can learn them instead of the disease, and a random split does not
show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cxr.reading.radiograph import Radiograph, read_radiograph
from training.data.dataset import Record

Features = npt.NDArray[np.float64]

_SIDE = 224  # all images are resized to this, so that sharpness means the same for all
_BANDS = ((20, 35), (35, 50), (50, 65), (65, 80), (80, 95), (95, 112))  # cycles per side
_BLACK = 0.03  # grey levels below this count as black


def acquisition_features(root: Path, records: Sequence[Record]) -> Features:
    """Describe how each image was acquired: shape (N, F).

    Args:
        root: the data folder.
        records: of images that can be read.
    """

    def features(record: Record) -> Features:
        return _features(read_radiograph(root / record.path, name=record.path))

    with ThreadPoolExecutor() as pool:
        return np.stack(list(pool.map(features, records)))


def _features(radiograph: Radiograph) -> Features:
    height, width = radiograph.shape
    resized = cv2.resize(radiograph.pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    image = np.asarray(resized, dtype=np.float32)
    border = np.concatenate([image[:12], image[-12:], image[:, :12].T, image[:, -12:].T], axis=None)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (25, 25))
    small_and_bright = cv2.morphologyEx(image, cv2.MORPH_TOPHAT, kernel)
    small_and_bright[56:-56, 56:-56] = 0  # markers are in the outer quarter
    return np.array(
        [
            np.log(height * width),
            width / height,
            *np.percentile(image, [1, 10, 50, 90, 99]),
            np.mean(image < _BLACK),
            border.mean(),
            border.std(),
            np.mean(border < _BLACK),
            cv2.Laplacian(image, cv2.CV_32F).std(),
            np.mean(small_and_bright > 0.3),
            *_spectrum(image),
        ]
    )


def _spectrum(image: npt.NDArray[np.float32]) -> Features:
    """Log power of the image in bands of spatial frequency."""
    window = np.hanning(_SIDE)
    spectrum = np.fft.fft2((image - image.mean()) * np.outer(window, window))
    cycles = np.fft.fftfreq(_SIDE, d=1 / _SIDE)
    radius = np.hypot(cycles[:, np.newaxis], cycles)
    power = np.abs(spectrum) ** 2
    means = [power[(radius >= low) & (radius < high)].mean() for low, high in _BANDS]
    return np.log(np.array(means) + 1e-9)


def acquisition_groups(
    features: Features, records: Sequence[Record], *, groups: int, seed: int
) -> npt.NDArray[np.int64]:
    """Cluster images by how they were acquired (k-means); a patient is in one group only.

    Args:
        features: (N, F), of `acquisition_features`.
        records: of the images.
        groups: how many.
        seed: of the clustering.

    Returns:
        Group numbers (N,) from 0.
    """
    scaled = StandardScaler().fit_transform(features)
    clusters = KMeans(groups, n_init=10, random_state=seed).fit_predict(scaled)
    patients = np.array([record.patient for record in records])
    for patient in np.unique(patients):
        rows = patients == patient
        clusters[rows] = np.bincount(clusters[rows]).argmax()
    return np.asarray(clusters, dtype=np.int64)


def nearest_groups(
    features: Features, known: Features, groups: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """The group of the known image that is acquired most like each image.

    Args:
        features: (M, F), of `acquisition_features`.
        known: (N, F), of other images.
        groups: (N,), of these.

    Returns:
        Group numbers (M,).
    """
    if not len(features):
        return np.zeros(0, dtype=np.int64)
    scaling = StandardScaler().fit(known)
    search = NearestNeighbors(n_neighbors=1).fit(scaling.transform(known))
    nearest = search.kneighbors(scaling.transform(features), return_distance=False)
    return np.asarray(groups[nearest[:, 0]], dtype=np.int64)


def typicality_groups(
    features: Features, records: Sequence[Record], *, groups: int, seed: int
) -> npt.NDArray[np.int64]:
    """Group images by how typical their acquisition is of their class, the least typical first.

    Group 0 holds the normal images that were acquired most like those with pneumonia, and the
    images with pneumonia that were acquired most like normal ones. A network that learned the
    acquisition instead of the disease fails on them. A patient is in one group only.

    Args:
        features: (N, F), of `acquisition_features`.
        records: of the images.
        groups: how many, of about equal size within each class.
        seed: of the cross-validation that scores each image out of fold.

    Returns:
        Group numbers (N,) from 0, the least typical.
    """
    labels = np.array([record.label for record in records])
    patients = np.array([record.patient for record in records])
    scores = _acquisition_scores(features, labels, patients, seed=seed)
    typicality = np.where(labels == 1, scores, -scores)
    assigned = np.zeros(len(records), dtype=np.int64)
    for label in (0, 1):
        ids = np.unique(patients[labels == label])
        means = [typicality[patients == patient].mean() for patient in ids]
        ordered = ids[np.argsort(means, kind="stable")]
        images = np.cumsum([np.sum(patients == patient) for patient in ordered])
        group = np.minimum(groups * (images - 1) // images[-1], groups - 1)
        for patient, number in zip(ordered, group, strict=True):
            assigned[patients == patient] = number
    return assigned


def _acquisition_scores(
    features: Features,
    labels: npt.NDArray[np.int64],
    patients: npt.NDArray[np.str_],
    *,
    seed: int,
) -> npt.NDArray[np.float64]:
    """How much each image was acquired like those with pneumonia.

    Returns:
        Out-of-fold scores (N,) of a logistic regression on the features.
    """
    regression = LogisticRegression(class_weight="balanced", max_iter=2000)
    scores: npt.NDArray[np.float64] = cross_val_predict(
        make_pipeline(StandardScaler(), regression),
        features,
        labels,
        groups=patients,
        cv=StratifiedGroupKFold(5, shuffle=True, random_state=seed),
        method="decision_function",
    )
    return scores
