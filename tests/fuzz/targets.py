"""What is fuzzed: functions of any bytes that may raise nothing, since they catch our own errors.

Whatever else is raised is a defect, as are answers that break a promise of the documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from tests.fuzz import browser, models, radiographs, requests, seeds, tables
from tests.fuzz.sheets import choosing


@dataclass(frozen=True)
class Target:
    """One function and what it begins with.

    Attributes:
        run: raises if it finds a defect.
        seeds: makes inputs to begin with.
        slow: whether it needs Keras or a browser, which take seconds to start.
    """

    run: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    slow: bool = False


def noise() -> Iterable[bytes]:
    """Inputs of targets that only take choices from them."""
    rng = np.random.default_rng(0)
    return [rng.bytes(200) for _ in range(20)]


TARGETS = {
    "image": Target(radiographs.image, seeds.images),
    "dicom": Target(radiographs.image, seeds.dicom_files),
    "deflated": Target(radiographs.deflated, lambda: [seeds.header() + bytes(20)]),
    "elements": Target(radiographs.elements, noise),
    "frame": Target(radiographs.frame, noise),
    "document": Target(models.document, lambda: [*seeds.documents(), *noise()]),
    "graph": Target(models.graph, seeds.graphs),
    "nodes": Target(models.nodes, noise),
    "weights": Target(models.weights, noise, slow=True),
    "labels": Target(tables.labels, lambda: [*seeds.tables(), *choosing()]),
    "outlines": Target(tables.outlines, lambda: [*seeds.outlines(), *choosing()]),
    "request": Target(requests.request, noise),
    "endpoint": Target(requests.endpoint, noise),
    "zip": Target(browser.zip_file, browser.zip_files, slow=True),
    "study_labels": Target(
        browser.study_labels, lambda: [*browser.label_tables(), *choosing()], slow=True
    ),
}
