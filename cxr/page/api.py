"""The documented endpoint: what the command line says of a radiograph, over HTTP."""

from pathlib import Path
from typing import Any

import gradio as gr

from cxr.classifier import Classifier
from cxr.errors import CXRError
from cxr.outcome import answer_file
from cxr.output.record import to_record
from cxr.page.uploads import uploaded_file

# No postponed annotations here: Gradio reads the endpoint's types from them.


def create_api(classifier: Classifier, *, at_once: int) -> None:
    """Add the endpoint ``/classify`` to the page that is being built.

    Args:
        classifier: answers.
        at_once: how many radiographs it classifies at a time; others wait in the queue.
    """

    def classify(image: gr.FileData, threshold: float | None = None) -> dict[str, Any]:
        """Classify one radiograph: JPEG, PNG or DICOM, for example examples/hila.jpeg.

        Args:
            image: the file.
            threshold: call pneumonia from this probability on instead of the model's threshold.

        Returns:
            The object of `python -m cxr classify --json`.
        """
        if threshold is not None and not (
            isinstance(threshold, int | float) and 0 <= threshold <= 1
        ):
            raise gr.Error("Expected a threshold from 0 to 1.", print_exception=False)
        try:
            sent = (
                image if isinstance(image, dict) else {}
            )  # Gradio hands over what the client sent
            name = Path(str(sent.get("orig_name") or "the picture")).name
            path = uploaded_file(str(sent.get("path")), name=name)
            outcome = answer_file(path, classifier, file=name)
        except CXRError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return dict(to_record(outcome, classifier, threshold=threshold))

    gr.api(classify, api_name="classify", concurrency_limit=at_once, concurrency_id="classify_api")
