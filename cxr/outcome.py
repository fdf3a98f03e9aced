"""What becomes of a file: answered, refused or unreadable. Decided here, and told by all others.

The command line, the page, the list of many radiographs and HTTP each show an `Outcome` in their
own way; `cxr.output.record` writes it as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cxr.classifier import Classifier, Prediction
from cxr.errors import NotAChestRadiograph, RadiographError, UnsupportedRadiograph
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
        answer: the radiograph and its prediction, if it was answered.
        reasons: why the gate refused it, if that did.
        detail: why it was not answered otherwise, in English.
    """

    file: str
    status: Status
    answer: tuple[Radiograph, Prediction] | None = None
    reasons: tuple[Message, ...] = ()
    detail: str = ""


def answer_file(source: Source, classifier: Classifier, *, file: str) -> Outcome:
    """Read and classify one file, whatever becomes of it.

    Args:
        source: the file, or its content.
        classifier: answers.
        file: what the file is called: a path or a name.

    Raises:
        BundleError: the model or the gate cannot be used; no file would be answered.
    """
    try:
        radiograph = read_radiograph(source, name=Path(file).name)
        prediction = classifier.predict(radiograph)
    except NotAChestRadiograph as error:
        return Outcome(file=file, status="refused", reasons=error.gate_result.reasons)
    except UnsupportedRadiograph as error:
        return Outcome(file=file, status="refused", detail=str(error))
    except RadiographError as error:
        return Outcome(file=file, status="error", detail=str(error))
    return Outcome(file=file, status="ok", answer=(radiograph, prediction))
