"""The documented endpoints: what the command line says of radiographs, over HTTP."""

import base64
import io
from typing import Any

import gradio as gr
import numpy as np

from cxr.classifier import Classifier, Prediction
from cxr.errors import CXRError, RadiographError
from cxr.messages import sentences
from cxr.model.bundle import Bundle
from cxr.outcome import Outcome, answer_file
from cxr.output.overlay import captioned_overlay, png
from cxr.output.record import to_record
from cxr.page.api_description import describe, description
from cxr.page.uploads import asked_name, asked_upload
from cxr.page.waiting_turns import AT_ONCE, Turns
from cxr.reading.radiograph import Radiograph

# No postponed annotations here: Gradio reads the endpoints' types from them.

_MAX_FILES = 100  # radiographs of one request


def create_api(page: gr.Blocks, classifier: Classifier, *, turns: Turns) -> None:
    """Add the endpoints to a page, and describe them.

    Args:
        page: that is being built.
        classifier: answers.
        turns: how many radiographs are classified at a time; others wait in the queue.
    """

    def outcome(sent: Any) -> Outcome:
        with turns.await_one():
            return _outcome(sent, classifier)

    def outcome_or_why_not(sent: Any) -> Outcome:
        with turns.await_one():
            return _outcome_or_why_not(sent, classifier)

    def answer(sent: Any) -> tuple[Radiograph, Prediction]:
        with turns.await_one():
            return _answer(sent, classifier)

    def classify(image: gr.FileData, threshold: float | None = None) -> dict[str, Any]:
        """Classify one radiograph.

        Args:
            image: JPEG, PNG or DICOM, at most 100 MB. In Python handle_file(path), in JavaScript
                a Blob; a path or an address that was not uploaded is refused. Uploads are deleted
                after 5 minutes: call before.
            threshold: predict pneumonia from this probability on, for example 0.4. Without it, the
                model's thresholds decide, and between them the label is UNCERTAIN.

        Returns:
            the object of "python -m cxr classify --json", with status (ok, refused or error),
            probability, label (NORMAL, PNEUMONIA or UNCERTAIN), in_range, threshold, uncertain
            (without a threshold, the probabilities between which the label is UNCERTAIN), reasons,
            warnings, evidence and model.
        """
        _check(threshold)
        return dict(to_record(outcome(image), classifier, threshold=threshold))

    def classify_batch(
        images: list[gr.FileData], threshold: float | None = None
    ) -> list[dict[str, Any]]:
        """Classify several radiographs, at most 100.

        Args:
            images: a list of 1 to 100 files, each as in /classify; all of them uploaded within 5
                minutes.
            threshold: as in /classify, for all of them.

        Returns:
            a list with the object of /classify for each file, in order, also for those that
            cannot be read.
        """
        _check(threshold)
        if not isinstance(images, list) or not 0 < len(images) <= _MAX_FILES:
            raise gr.Error(f"Expected a list of 1 to {_MAX_FILES} files.", print_exception=False)
        outcomes = (outcome_or_why_not(image) for image in images)
        return [dict(to_record(each, classifier, threshold=threshold)) for each in outcomes]

    def heatmap(image: gr.FileData) -> dict[str, Any]:
        """The heatmap of one radiograph.

        Args:
            image: the file, as in /classify.

        Returns:
            npy and png, both in base64: the heatmap as numpy.save writes it, float32 in [0, 1] on
            the radiograph's own pixel grid, and as a grey picture of 8 bits.
        """
        _, prediction = answer(image)
        saved = io.BytesIO()
        np.save(saved, prediction.heatmap, allow_pickle=False)
        return {"npy": _text(saved.getvalue()), "png": _text(heatmap_png(prediction))}

    def overlay(image: gr.FileData) -> dict[str, Any]:
        """One radiograph with its heatmap laid over it.

        Args:
            image: the file, as in /classify.

        Returns:
            png, in base64: the radiograph with its heatmap, and a caption below.
        """
        radiograph, prediction = answer(image)
        return {"png": _text(overlay_png(radiograph, prediction, classifier.bundle))}

    for endpoint in (classify, classify_batch, heatmap, overlay):
        gr.api(
            endpoint,
            api_name=endpoint.__name__,
            api_description=description(endpoint),
            concurrency_limit=AT_ONCE,
            concurrency_id="classify_api",
        )
        describe(page, endpoint)


def heatmap_png(prediction: Prediction) -> bytes:
    """The heatmap as a grey picture of 8 bits, as PNG."""
    return png(np.rint(prediction.heatmap * 255).astype(np.uint8))


def overlay_png(radiograph: Radiograph, prediction: Prediction, bundle: Bundle) -> bytes:
    """The radiograph with its heatmap and a caption, as PNG."""
    return png(captioned_overlay(radiograph, prediction, bundle))


def fetch_nothing(page: gr.Blocks) -> None:
    """Leave the files that clients name as they are.

    Gradio fetches a file whose path is a web address; here, no path but an upload's is taken.

    Args:
        page: with the endpoints.
    """

    async def unmoved(path: Any) -> str:
        return str(path)

    for block in page.blocks.values():
        if block.get_block_name() == "api":
            block.async_move_resource_to_block_cache = unmoved


def _check(threshold: Any) -> None:
    is_number = isinstance(threshold, int | float) and not isinstance(threshold, bool)
    if threshold is None or (is_number and 0 <= threshold <= 1):
        return
    raise gr.Error("Expected a threshold from 0 to 1.", print_exception=False)


def _outcome(sent: Any, classifier: Classifier) -> Outcome:
    """What becomes of an upload that a client names; it may send anything.

    Raises:
        gr.Error: the client names no upload, or no file could be answered.
    """
    try:
        path, name = asked_upload(sent, "orig_name")
        return answer_file(path, classifier, file=name)
    except CXRError as error:
        raise gr.Error(str(error), print_exception=False) from error


def _outcome_or_why_not(sent: Any, classifier: Classifier) -> Outcome:
    """The same of one of several: if it is no upload, or one no more, the others are answered.

    Raises:
        gr.Error: no file could be answered.
    """
    try:
        return _outcome(sent, classifier)
    except gr.Error as error:
        if not isinstance(error.__cause__, RadiographError):
            raise
        name = asked_name(sent if isinstance(sent, dict) else {}, "orig_name")
        return Outcome(file=name, status="error", problem=error.__cause__.message)


def _answer(sent: Any, classifier: Classifier) -> tuple[Radiograph, Prediction]:
    """The answer to an upload.

    Raises:
        gr.Error: there is none; it says why.
    """
    outcome = _outcome(sent, classifier)
    if outcome.answer is None:
        raise gr.Error(f"{outcome.file}: {sentences(outcome.why)}", print_exception=False)
    return outcome.answer


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
