"""Example radiographs that show no single person: means of aligned, similar images.

python -m training composites --data DIR --out examples
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from cxr.errors import DatasetError
from cxr.preprocessing import Preprocessing
from training.data.dataset import Record, read_folder
from training.data.images import load_images

_MEMBERS = 9  # images in a composite
_PER_KIND = 2  # composites of each kind
_SIZE = 224  # side of the images while they are aligned
_ASPECT = 1.32  # median width by height of the data set's images at their original size

_KINDS = {"normal": "normal", "bacteria": "bacterial", "virus": "viral"}
_ECC_STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 200, 1e-5)

Image = npt.NDArray[np.float32]


def write_composites(data: Path, out: Path) -> list[Path]:
    """Make two composites of each kind: normal, bacterial, viral.

    Args:
        data: folder with the training split of chest_xray, whose file names tell the kind.
        out: folder for ``<kind>_<n>.png``, made if missing.

    Returns:
        The files written.

    Raises:
        DatasetError: a kind has too few images.
    """
    out.mkdir(parents=True, exist_ok=True)
    images, records = load_images(data, read_folder(data)[0], Preprocessing(size=_SIZE))
    written = []
    for kind, name in _KINDS.items():
        of_kind = [i for i, record in enumerate(records) if record.kind == kind]
        groups = _choose_groups(images[of_kind], [records[i] for i in of_kind])
        for number, group in enumerate(groups, start=1):
            members = [images[of_kind[i]].astype(np.float32) for i in group]
            path = out / f"{name}_{number}.png"
            pixels = np.rint(_composite(members) * 255).astype(np.uint8)
            cv2.imwrite(str(path), cv2.resize(pixels, (round(2 * _SIZE * _ASPECT), 2 * _SIZE)))
            written.append(path)
    return written


def _choose_groups(images: npt.NDArray[np.float16], records: Sequence[Record]) -> list[list[int]]:
    """Indices of groups of similar images, every image of another patient.

    A group is an image and those most correlated with it at 28×28. The first group is the one with
    the highest mean correlation; the next is taken from the half that is less like it, so that the
    examples differ.

    Raises:
        DatasetError: there are too few patients.
    """
    patients = [record.patient for record in records]
    _, pool = np.unique(patients, return_index=True)  # the first image of each patient
    needed = _MEMBERS * 2**_PER_KIND
    if len(pool) < needed:
        raise DatasetError(
            f"Expected images of at least {needed} patients of each kind. Received: {len(pool)}."
        )
    small = np.stack([cv2.resize(image.astype(np.float32), (28, 28)).ravel() for image in images])
    correlation = np.corrcoef(small)
    groups = []
    for _ in range(_PER_KIND):
        among = correlation[np.ix_(pool, pool)]
        nearest = np.argsort(-among, axis=1)[:, :_MEMBERS]
        lead = int(np.take_along_axis(among, nearest, axis=1).mean(axis=1).argmax())
        group = pool[nearest[lead]]
        groups.append(group.tolist())
        unlike = among[lead] < np.median(among[lead])
        pool = pool[unlike & ~np.isin(pool, group)]
    return groups


def _composite(members: Sequence[Image]) -> Image:
    """The lightly sharpened mean of images (S, S) in [0, 1], aligned to the first of them.

    Alignment maximises the enhanced correlation coefficient over affine maps (Evangelidis 2008).
    """
    template = members[0]
    aligned = [template]
    size = (template.shape[1], template.shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    everywhere = np.full(template.shape, 255, dtype=np.uint8)
    for image in members[1:]:
        start = np.eye(2, 3, dtype=np.float32)
        _, warp = cv2.findTransformECC(
            template, image, start, cv2.MOTION_AFFINE, _ECC_STOP, everywhere, gaussFiltSize=5
        )
        moved = cv2.warpAffine(image, warp, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        aligned.append(np.asarray(moved, dtype=np.float32))
    mean = np.stack(aligned).mean(axis=0)
    blurred = cv2.GaussianBlur(mean, (0, 0), 2.0)
    return np.asarray(np.clip(mean + 0.8 * (mean - blurred), 0, 1), dtype=np.float32)
