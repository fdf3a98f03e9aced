"""The gate's rules: which measurements refuse an image, and which add a warning to its answer.

Some limits are fixed here; those that depend on the lung network come with its files, chosen on
known radiographs by ``python -m training fit-gate``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxr.gate.lettering import has_words
from cxr.gate.lungs import KINDS, LungFields
from cxr.gate.result import Correction
from cxr.messages import Message
from cxr.reading.radiograph import Radiograph

MAX_COLOUR = 0.06  # radiographs scanned in colour have less, photographs more
MIN_TINT = 0.02  # colour from which a warning is given
MAX_STRETCH = 6  # of the longer side to the shorter one; of 56 original radiographs at most 3.03
MIN_PIXELS = 150  # on the shorter side; the networks take 128 and 192
MIN_CONTRAST = 0.12  # between the 2nd and the 98th percentile
_SAMPLED = 300  # pixels each way are enough for percentiles
MAX_CLIPPED = 0.5  # fraction of the pixels in the middle that are black, or that are white
BLACK, WHITE = 0.004, 0.996  # up to the second darkest, from the second brightest of 256 levels
MAX_AGE = 6.0  # years, from which on it is outside: the models learned from children of 1-5 years
INFANT_AGE = 1.0  # years, below
# Of the smaller lung field, as a fraction of the image: below, where its middle lies is too
# uncertain to measure a tilt.
MIN_FIELD_AREA = 0.04
# From this probability of a frontal radiograph, an accepted image is not tried in other
# orientations; and only above it is an image turned or inverted.
FRONTAL_CERTAIN = 0.98
# Limits allow for radiographs of other hospitals, which are this much further from the known ones.
# An image that has to be turned or inverted gets no such allowance: seven attempts at anything
# would find one that looks somewhat like a chest.
MARGIN = 1.5
# From this fraction of the pixels in four of 256 grey levels a refused image is called a mask or a
# drawing: radiographs have up to half of theirs in four, with wide black borders.
FEW_LEVELS = 0.9
OTHER_BODY_PARTS = {  # of DICOM's Body Part Examined (PS3.16, Annex L)
    *("ABDOMEN", "ANKLE", "ARM", "BREAST", "CSPINE", "ELBOW", "EXTREMITY", "FEMUR", "FINGER"),
    *("FOOT", "FOREARM", "HAND", "HEAD", "HIP", "HUMERUS", "JAW", "KNEE", "LEG", "LSPINE", "NECK"),
    *("PELVIS", "SHOULDER", "SKULL", "TIBIA", "TOE", "WRIST"),
}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits chosen on known radiographs; saved with the gate.

    Attributes:
        frontal: minimum probability of a frontal chest radiograph.
        area: minimum fraction of the image that the lungs cover.
        distance: maximum distance of the features from those of known radiographs.
        cut: maximum `LungFields.cut` without a warning.
        tilt: maximum tilt in degrees, either way, without a warning.
        adult: maximum probability of an adult without a warning.
    """

    frontal: float
    area: float
    distance: float
    cut: float
    tilt: float
    adult: float


@dataclass(frozen=True, eq=False, kw_only=True)
class KnownFeatures:
    """The distribution of known radiographs' features, as a Gaussian; saved with the gate.

    Attributes:
        mean: float32 (E,).
        precision: float32 (E, E), the inverse of the covariance.
    """

    mean: npt.NDArray[np.float32]
    precision: npt.NDArray[np.float32]

    def distances(self, embedding: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Mahalanobis distances (N,) of features (N, E) from the mean."""
        away = embedding - self.mean
        squared = np.einsum("ne,ef,nf->n", away, self.precision, away)
        return np.asarray(np.sqrt(squared.clip(0)))


@dataclass(frozen=True, eq=False, kw_only=True)
class Measurements:
    """What is measured of one image with the lung network.

    Attributes:
        kinds: float32 (K,), the probability of each of `KINDS`.
        adult: the probability that it shows an adult.
        lungs: its lung fields.
        distance: of its features from those of known radiographs.
    """

    kinds: npt.NDArray[np.float32]
    adult: float
    lungs: LungFields
    distance: float

    @property
    def frontal(self) -> float:
        """The probability of a frontal chest radiograph."""
        return float(self.kinds[KINDS.index("frontal")])


# --- Reasons to refuse an image -------------------------------------------------------------------


def file_reasons(radiograph: Radiograph) -> list[Message]:
    """Reasons from colours, shape and the DICOM header, which need no network."""
    acquisition = radiograph.acquisition
    reasons = []
    height, width = radiograph.shape
    if max(height, width) > MAX_STRETCH * min(height, width):
        reasons.append(Message("stretched", {"width": width, "height": height}))
    if radiograph.colour > MAX_COLOUR:
        reasons.append(Message("colour"))
    if acquisition.lateral:
        reasons.append(Message("header_lateral"))
    if acquisition.body_part in OTHER_BODY_PARTS:
        reasons.append(Message("header_body_part", {"part": acquisition.body_part.lower()}))
    return reasons


def image_reasons(measured: Measurements, limits: Limits) -> list[Message]:
    """Reasons from what the lung network finds in the image.

    `training.gate.scores.is_refused` says of a whole table which images have any.
    """
    reasons = []
    has_lungs = measured.lungs.area >= limits.area
    if measured.frontal < limits.frontal:
        # A radiograph that is turned or inverted shows lungs; without any it is something else.
        kinds = [kind for kind in KINDS if kind != "turned" or has_lungs]
        likeliest = max(kinds, key=lambda kind: measured.kinds[KINDS.index(kind)])
        reasons.append(Message(f"kind_{likeliest}"))
        has_lungs = has_lungs or likeliest == "lateral"  # whose lungs are not looked for
    if not has_lungs:
        reasons.append(Message("no_lungs"))
    if measured.distance > limits.distance:
        reasons.append(Message("unlike_all"))
    return reasons


def name_few_levels(reasons: list[Message], radiograph: Radiograph) -> list[Message]:
    """The reasons, with `few_levels` for the guessed kind of what has hardly any grey levels.

    The network knows no masks and no drawings; it takes white lungs on black for a CT slice.

    Args:
        reasons: why it is refused; with none, none are added.
        radiograph: the image.
    """
    if not reasons:  # most images, whose levels would be counted for nothing
        return reasons
    low, high = radiograph.pixels.min(), radiograph.pixels.max()
    # A dim radiograph of 16 bits has few of their levels, and yet many.
    stretched = (radiograph.pixels - low) / max(high - low, 1e-6)
    levels = np.rint(stretched * 255).astype(np.uint8).ravel()
    counts = np.sort(np.bincount(levels, minlength=256))
    if counts[-4:].sum() < FEW_LEVELS * levels.size:
        return reasons
    kept = [reason for reason in reasons if not reason.code.startswith("kind_")]
    return [Message("few_levels"), *kept]


# --- Warnings about an accepted radiograph --------------------------------------------------------


def answer_warnings(
    radiograph: Radiograph, measured: Measurements, correction: Correction, limits: Limits
) -> list[Message]:
    """What a reader has to know about the answer.

    Args:
        radiograph: as it came.
        measured: of the corrected image.
        correction: what was done to it.
        limits: of the gate.
    """
    return [
        *_correction_warnings(correction),
        *_pixel_warnings(radiograph),
        *_lung_warnings(measured.lungs, limits, _upright_shape(radiograph, correction)),
        *_view_warnings(radiograph.acquisition.view),
        *_age_warnings(radiograph.acquisition.age, probably_adult=measured.adult > limits.adult),
    ]


def _correction_warnings(correction: Correction) -> list[Message]:
    warnings = []
    if correction.inverted:
        warnings.append(Message("inverted"))
    if correction.turns == 2:
        warnings.append(Message("upside_down"))
    elif correction.turns:
        warnings.append(Message("on_its_side"))
    return warnings


def _pixel_warnings(radiograph: Radiograph) -> list[Message]:
    warnings = []
    if min(radiograph.shape) < MIN_PIXELS:
        height, width = radiograph.shape
        warnings.append(Message("few_pixels", {"width": width, "height": height}))
    step = max(1, min(radiograph.shape) // _SAMPLED)
    low, high = np.percentile(radiograph.pixels[::step, ::step], [2, 98])
    if high - low < MIN_CONTRAST:
        warnings.append(Message("low_contrast"))
    middle = tuple(slice(side // 4, side - side // 4) for side in radiograph.shape)
    centre = radiograph.pixels[middle]
    if max(np.mean(centre <= BLACK), np.mean(centre >= WHITE)) > MAX_CLIPPED:
        warnings.append(Message("clipped"))
    if radiograph.colour > MIN_TINT:
        warnings.append(Message("tinted"))
    if radiograph.acquisition.burned_in:
        warnings.append(Message("burned_in"))
    elif has_words(radiograph.pixels):
        warnings.append(Message("words_seen"))
    return warnings


def _upright_shape(radiograph: Radiograph, correction: Correction) -> tuple[int, int]:
    height, width = radiograph.shape
    return (width, height) if correction.turns % 2 else (height, width)


def _lung_warnings(lungs: LungFields, limits: Limits, shape: tuple[int, int]) -> list[Message]:
    warnings = []
    if lungs.cut > limits.cut:
        warnings.append(Message("lungs_cut_off"))
    if abs(lungs.tilt) > limits.tilt and lungs.areas[1] > MIN_FIELD_AREA:
        # Fields and limit are of images made squares; the degrees are for who sees this one.
        height, width = shape
        tilt = math.degrees(math.atan(math.tan(math.radians(abs(lungs.tilt))) * height / width))
        warnings.append(Message("tilted", {"degrees": f"{tilt:.0f}"}))
    return warnings


def _view_warnings(view: str | None) -> list[Message]:
    """From the view in the header; images do not say it."""
    return [Message("posterior_anterior")] if view == "PA" else []


def _age_warnings(age: float | None, *, probably_adult: bool) -> list[Message]:
    """From the age in the header; from the image where the header has none."""
    if age is None:
        return [Message("adult")] if probably_adult else []
    if age >= MAX_AGE:
        return [Message("age", {"years": f"{int(age)}"})]
    return [Message("infant")] if age < INFANT_AGE else []
