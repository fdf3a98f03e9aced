"""Is it a frontal chest radiograph, and is it fit to read? Asked before anything is classified.

Evidence of five kinds, each with a limit from the radiographs that the gate was made with (`python
-m training fit-gate`): colour, what the header says, what kind of picture the lung network takes it
for, the lung fields that it finds, and how far its features lie from those of all known
radiographs. A radiograph that is refused as it is, but surely is one when turned or with inverted
greys, is set right.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cxr.errors import BundleError
from cxr.gate.lungs import KINDS, LungFields, LungNetworkConfig, LungReading, lung_fields
from cxr.messages import Message
from cxr.preprocessing import Preprocessing
from cxr.reading.radiograph import Radiograph

if TYPE_CHECKING:
    import keras

FORMAT = 1
BUNDLED_GATE = Path(__file__).parents[1] / "models" / "gate"
CONFIG = "gate.json"
WEIGHTS = "lungs.weights.h5"
FEATURES = "features.npz"
FILES = (CONFIG, FEATURES, WEIGHTS)  # all of a gate

_MOST_COLOUR = 0.06  # a radiograph scanned in colour is tinted by less; a photograph has more
_FAINT_COLOUR = 0.02
_FEWEST_PIXELS = 150  # on the shorter side; the networks take 128 and 192
_LOWEST_CONTRAST = 0.12  # between the 2nd and the 98th percentile
_MOST_CLIPPED = 0.5  # share of the lungs that is pure black or white
_CHILD = 6.0  # years; the training radiographs are of children of 1-5
_ELSEWHERE = {
    *("ABDOMEN", "ANKLE", "ARM", "BREAST", "CSPINE", "ELBOW", "EXTREMITY", "FEMUR", "FINGER"),
    *("FOOT", "FOREARM", "HAND", "HEAD", "HIP", "HUMERUS", "JAW", "KNEE", "LEG", "LSPINE", "NECK"),
    *("PELVIS", "SHOULDER", "SKULL", "TIBIA", "TOE", "WRIST"),
}
A_FIELD = 0.04  # least share of the picture that a lung field covers, to have a place
_SURE = (
    0.98  # least probability of a frontal radiograph, to leave it as it is or to turn it unasked
)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a frontal chest radiograph satisfies, from known radiographs.

    Attributes:
        frontal: least probability of being one.
        area: least share of the picture that lungs cover.
        distance: largest distance of its features.
        cut: largest share of the lungs' outline on the picture's edge that is not worth a word.
        tilt: largest tilt, in degrees, that is not worth a word.
        adult: probability from which a radiograph may be an adult's.
    """

    frontal: float
    area: float
    distance: float
    cut: float
    tilt: float
    adult: float


@dataclass(frozen=True, kw_only=True)
class Correction:
    """What sets a radiograph right.

    Attributes:
        turns: quarter turns, anticlockwise.
        inverted: whether black and white are exchanged.
    """

    turns: int = 0
    inverted: bool = False

    def apply(self, radiograph: Radiograph) -> Radiograph:
        """The radiograph, set right."""
        if self == Correction():
            return radiograph
        pixels = np.rot90(radiograph.pixels, self.turns)
        pixels = np.ascontiguousarray(np.float32(1) - pixels if self.inverted else pixels)
        pixels.setflags(write=False)
        return replace(radiograph, pixels=pixels)

    def undo(self, heatmap: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """A map (H, W) of the radiograph set right, on the grid of the radiograph as it came."""
        return np.ascontiguousarray(np.rot90(heatmap, -self.turns))


# Every way in which a radiograph may lie wrong.
_WAYS = [
    Correction(turns=turns, inverted=inverted)
    for inverted, turns in product((False, True), range(4))
][1:]


@dataclass(frozen=True, eq=False, kw_only=True)
class GateResult:
    """What was found of one picture.

    Attributes:
        reasons: why it is not classified; empty if it is.
        warnings: what to know of the answer.
        correction: what has to be done to it before it is classified.
        lungs: of the radiograph set right; None of a refused picture.
        evidence: the numbers behind it, by name.
    """

    reasons: tuple[Message, ...] = ()
    warnings: tuple[Message, ...] = ()
    correction: Correction = Correction()
    lungs: LungFields | None = None
    evidence: dict[str, float]


class Gate:
    """Recognises frontal chest radiographs. Safe to share between threads."""

    def __init__(self, folder: str | os.PathLike[str] = BUNDLED_GATE) -> None:
        """Read what is needed but the network, which `warm_up` builds.

        Raises:
            BundleError: a file is missing, altered, or made for another version of this code.
        """
        self.folder = Path(folder)
        try:
            self.config: dict[str, Any] = json.loads((self.folder / CONFIG).read_text("utf-8"))
            if self.config["format"] != FORMAT or tuple(self.config["kinds"]) != KINDS:
                raise ValueError("made by another version")
            for name, digest in self.config["sha256"].items():
                if _sha256(self.folder / name) != digest:
                    raise ValueError(f"{name} differs from what {CONFIG} says")
            network = self.config["network"]
            self.network_config = LungNetworkConfig(
                size=int(network["size"]), widths=tuple(map(int, network["widths"]))
            )
            self.limits = Limits(**self.config["limits"])
            with np.load(self.folder / FEATURES, allow_pickle=False) as features:
                self.mean, self.precision = features["mean"], features["precision"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BundleError(
                f"{self.folder}: no intact gate ({error}). Install the project again."
            ) from error
        self._lock = threading.Lock()

    @property
    def preprocessing(self) -> Preprocessing:
        """How pictures reach the lung network."""
        return Preprocessing(size=self.network_config.size)

    def warm_up(self) -> None:
        """Build the network and compile its call, for one radiograph and for all ways to turn it.

        Raises:
            BundleError: the weights do not fit.
        """
        with self._lock:
            size = self.network_config.size
            for images in (1, len(_WAYS)):
                blank = np.zeros((images, size, size, 1), dtype=np.float32)
                self.network.predict_on_batch(blank)

    @cached_property
    def network(self) -> keras.Model:
        """The lung network with its weights; see `cxr.gate.network.build_lung_network`.

        Raises:
            BundleError: the weights do not fit.
        """
        from cxr.gate.network import build_lung_network

        network = build_lung_network(self.network_config)
        try:
            network.load_weights(self.folder / WEIGHTS)
        except (OSError, ValueError, KeyError) as error:
            raise BundleError(f"{self.folder / WEIGHTS}: does not fit ({error}).") from error
        return network

    def check(self, radiograph: Radiograph) -> GateResult:
        """Recognise one picture.

        Raises:
            BundleError: the network cannot be built.
        """
        image = self.preprocessing.resize(radiograph)
        messages = list(_seen_at_once(radiograph))
        view = self._views(image[np.newaxis])[0]
        correction = Correction()
        if not messages and (not view.accepted or view.frontal < _SURE):
            view, correction = self._set_right(image, view)
        messages += view.reasons
        if messages:
            return GateResult(reasons=tuple(messages), evidence=view.evidence(radiograph))
        warnings = [*_of_correction(correction), *_of_pixels(radiograph), *self._of_view(view)]
        warnings += _of_age(radiograph, probably=view.adult > self.limits.adult)
        return GateResult(
            warnings=tuple(warnings),
            correction=correction,
            lungs=view.fields,
            evidence=view.evidence(radiograph),
        )

    def _set_right(
        self, image: npt.NDArray[np.float32], as_it_is: _View
    ) -> tuple[_View, Correction]:
        """The one way of turning and inverting by which it is a radiograph, if there is one."""
        turned = [np.rot90(1 - image if way.inverted else image, way.turns) for way in _WAYS]
        views = self._views(np.stack(turned).astype(np.float32))
        best = max(range(len(_WAYS)), key=lambda i: (views[i].accepted, views[i].frontal))
        if views[best].accepted and views[best].frontal > _SURE:
            return views[best], _WAYS[best]
        return as_it_is, Correction()

    def _views(self, images: npt.NDArray[np.float32]) -> list[_View]:
        """What the network says of radiographs (N, S, S), against the limits."""
        answer = self.network.predict_on_batch(self.preprocessing.normalize(images))
        reading = LungReading.from_logits(answer)
        away = distances(reading.embedding, self.mean, self.precision)
        return [
            _View(
                kinds=reading.kinds[i],
                adult=float(reading.adult[i]),
                fields=lung_fields(reading.lungs[i]),
                distance=float(away[i]),
                limits=self.limits,
            )
            for i in range(len(images))
        ]

    def _of_view(self, view: _View) -> list[Message]:
        found = []
        if view.fields.cut > self.limits.cut:
            found.append(Message("lungs_cut_off"))
        if abs(view.fields.tilt) > self.limits.tilt and view.fields.areas[1] > A_FIELD:
            found.append(Message("tilted", {"degrees": f"{abs(view.fields.tilt):.0f}"}))
        return found


@dataclass(frozen=True, eq=False, kw_only=True)
class _View:
    """One picture as the network sees it."""

    kinds: npt.NDArray[np.float32]
    adult: float
    fields: LungFields
    distance: float
    limits: Limits

    @property
    def frontal(self) -> float:
        return float(self.kinds[KINDS.index("frontal")])

    @property
    def accepted(self) -> bool:
        return not self.reasons

    @cached_property
    def reasons(self) -> list[Message]:
        found = []
        has_lungs = self.fields.area >= self.limits.area
        if self.frontal < self.limits.frontal:
            # Only what has lungs can be a radiograph that lies wrong.
            kinds = [kind for kind in KINDS[1:] if kind != "turned" or has_lungs]
            likeliest = max(kinds, key=lambda kind: self.kinds[KINDS.index(kind)])
            found.append(Message(f"kind_{likeliest}"))
        if not has_lungs:
            found.append(Message("no_lungs"))
        if self.distance > self.limits.distance:
            found.append(Message("unlike_all"))
        return found

    def evidence(self, radiograph: Radiograph) -> dict[str, float]:
        return {
            "colour": radiograph.colour,
            "frontal": self.frontal,
            "lung_area": self.fields.area,
            "distance": self.distance,
            "adult": self.adult,
        }


def distances(
    embedding: npt.NDArray[np.float32],
    mean: npt.NDArray[np.float32],
    precision: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """Mahalanobis distances (N,) of features (N, E) from those of known radiographs."""
    away = embedding - mean
    return np.asarray(np.sqrt(np.einsum("ne,ef,nf->n", away, precision, away).clip(0)))


def _seen_at_once(radiograph: Radiograph) -> list[Message]:
    """Reasons that need no network."""
    acquisition = radiograph.acquisition
    found = []
    if radiograph.colour > _MOST_COLOUR:
        found.append(Message("colour"))
    if acquisition.lateral:
        found.append(Message("header_lateral"))
    if acquisition.body_part in _ELSEWHERE:
        found.append(Message("header_body_part", {"part": acquisition.body_part.lower()}))
    return found


def _of_correction(correction: Correction) -> list[Message]:
    found = []
    if correction.inverted:
        found.append(Message("inverted"))
    if correction.turns == 2:
        found.append(Message("upside_down"))
    elif correction.turns:
        found.append(Message("on_its_side"))
    return found


def _of_pixels(radiograph: Radiograph) -> list[Message]:
    found = []
    if min(radiograph.shape) < _FEWEST_PIXELS:
        height, width = radiograph.shape
        found.append(Message("few_pixels", {"width": width, "height": height}))
    low, high = np.percentile(radiograph.pixels[::2, ::2], [2, 98])
    if high - low < _LOWEST_CONTRAST:
        found.append(Message("low_contrast"))
    middle = tuple(slice(side // 4, side - side // 4) for side in radiograph.shape)
    inside = radiograph.pixels[middle]
    if max(np.mean(inside <= 0.004), np.mean(inside >= 0.996)) > _MOST_CLIPPED:
        found.append(Message("clipped"))
    if radiograph.colour > _FAINT_COLOUR:
        found.append(Message("tinted"))
    return found


def _of_age(radiograph: Radiograph, *, probably: bool) -> list[Message]:
    age = radiograph.acquisition.age
    if age is not None:
        if age >= _CHILD:
            return [Message("age", {"years": f"{age:.0f}"})]
        return [Message("infant")] if age < 1 else []
    return [Message("adult")] if probably else []


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
