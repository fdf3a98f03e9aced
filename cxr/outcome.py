"""What becomes of a file: answered, refused or unreadable. Only this module decides.

The command line, the page, the list of many radiographs and HTTP each show an `Outcome` in their
own way; `cxr.output.record` writes it as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from cxr.classifier import Classifier, Prediction
from cxr.errors import (
    NotAChestRadiograph,
    RadiographError,
    RadiographTooLarge,
    UnsupportedRadiograph,
)
from cxr.messages import Message
from cxr.reading.radiograph import Radiograph, Source, read_radiograph

Status = Literal["ok", "refused", "error"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Outcome:
    """What became of one file.

    Attributes:
        file: what the file is called.
        status: ``"ok"`` if it was answered; ``"refused"`` if it is an image, but no frontal chest
            radiograph or of a kind that is not read; ``"error"`` if it cannot be read.
        radiograph: what was read, if it was answered.
        picture: grey levels (H, W) in [0, 1] of what was refused, if they could be read.
        prediction: its answer, if it was answered.
        reasons: why the gate refused it, if that did.
        problem: why it cannot be read, or is of a kind that is not read.
        too_large: whether that is why.
    """

    file: str
    status: Status
    radiograph: Radiograph | None = None
    picture: npt.NDArray[np.float32] | None = None
    prediction: Prediction | None = None
    reasons: tuple[Message, ...] = ()
    problem: Message | None = None
    too_large: bool = False

    @property
    def why(self) -> tuple[Message, ...]:
        """Why it was not answered."""
        return self.reasons if self.problem is None else (self.problem,)

    @property
    def answer(self) -> tuple[Radiograph, Prediction] | None:
        """The radiograph and its prediction, if it was answered."""
        if self.radiograph is None or self.prediction is None:
            return None
        return self.radiograph, self.prediction


def answer_file(source: Source, classifier: Classifier, *, file: str) -> Outcome:
    """Read and classify one file, whatever becomes of it.

    Args:
        source: the file, or its content.
        classifier: answers.
        file: what the file is called: a path or a name.

    Raises:
        BundleError: the model or the gate cannot be used; no file would be answered.
    """
    radiograph = None
    try:
        radiograph = read_radiograph(source, name=Path(file).name)
        prediction = classifier.predict(radiograph)
    except MemoryError:
        problem = Message("no_memory")
        return Outcome(file=file, status="error", problem=problem, too_large=True)
    except NotAChestRadiograph as error:
        reasons = error.gate_result.reasons
        picture = radiograph.pixels if radiograph else None
        return Outcome(file=file, status="refused", picture=picture, reasons=reasons)
    except UnsupportedRadiograph as error:
        picture = error.picture
        return Outcome(file=file, status="refused", picture=picture, problem=error.message)
    except RadiographError as error:
        too_large = isinstance(error, RadiographTooLarge)
        return Outcome(file=file, status="error", problem=error.message, too_large=too_large)
    return Outcome(file=file, status="ok", radiograph=radiograph, prediction=prediction)
