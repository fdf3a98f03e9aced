"""Data: what is in the data folder, what is wrong with it, and some of its images."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from cxr.errors import DatasetError, RadiographError
from cxr.language import Language, format_number
from cxr.messages import Message, text
from cxr.model.bundle import CLASS_NAMES
from cxr.output.overlay import shrink
from training.data.dataset import FITTED, image_paths, present_splits
from training.data.images import read_images
from training.data.inspection import INSPECTED, Inspection, Problem, inspect_folder
from training.studio.html_parts import QUIET, images_html, shown_errors, table
from training.studio.words import language_of, shown

_IMAGES = 6  # of each class on the contact sheet
_SIDE = 220  # pixels, of an image on the contact sheet
_MAX_FILES = 20  # that a problem names


@dataclass(frozen=True)
class DataFolder:
    """The controls that say which images are trained on.

    Attributes:
        path: the data folder, as text.
        skip_unreadable: whether files that cannot be read are left out.
    """

    path: gr.Textbox
    skip_unreadable: gr.Checkbox


def create_data_tab(data: Path | None) -> DataFolder:
    """Create the tab. It reads the folder only when asked to."""
    path = gr.Textbox(
        str(data) if data else "",
        label=shown("studio_folder"),
        info=shown("studio_folder_means"),
        elem_id="data-path",
    )
    skip = gr.Checkbox(False, label=shown("studio_skip"), elem_id="skip")
    check = gr.Button(shown("studio_check"), variant="primary", elem_id="check")
    counts = gr.HTML(elem_id="counts")
    problems = gr.HTML(elem_id="problems")
    sheet = gr.HTML(elem_id="contact-sheet")
    gr.on(
        [check.click, path.submit],
        _inspect,
        path,
        [counts, problems, sheet],
        show_progress_on=counts,
        api_visibility="private",
    )
    # Clear the result when another folder is named.
    path.change(lambda: [""] * 3, None, [counts, problems, sheet], **QUIET)
    return DataFolder(path, skip)


def chosen_folder(path: str | None) -> Path:
    """The folder that a text names; a tilde at its start is the home folder.

    Raises:
        DatasetError: it is empty, or its tilde names a user who has no home folder.
    """
    written = (path or "").strip()
    if not written:
        raise DatasetError(Message("studio_no_folder"))
    try:
        return Path(written).expanduser()
    except RuntimeError as error:  # no such user
        raise DatasetError(Message("studio_folder_missing", {"folder": written})) from error


def folder_to_fit(path: str | None, splits: Sequence[str] = FITTED) -> Path:
    """The same, if it has one of these splits: raises now what a fit would raise later.

    Raises:
        DatasetError: it has none, or there is no such folder.
    """
    folder = chosen_folder(path)
    try:
        present_splits(folder, splits)
    except DatasetError as error:
        named = {"folder": str(folder)}
        if not folder.is_dir():
            raise DatasetError(Message("studio_folder_missing", named)) from error
        named["found"] = ", ".join(sorted(entry.name for entry in folder.iterdir())[:8]) or "–"
        raise DatasetError(Message("studio_folder_other", named)) from error
    if splits == FITTED:
        labels = {label for split in splits for _, label in image_paths(folder / split)}
        for label, name in enumerate(CLASS_NAMES):
            if label not in labels:
                raise DatasetError(Message("inspect_no_image", {"name": name}))
    return folder


def require_labelled(data: Path) -> None:
    """Raise now, for a folder or table of labelled images, what measuring would raise later.

    Raises:
        DatasetError: there is no such folder or CSV file, or the folder lacks images of a class.
    """
    if data.is_file() and data.suffix.lower() == ".csv":
        return
    if not data.is_dir():
        raise DatasetError(Message("studio_images_missing", {"folder": str(data)}))
    labels = {label for _, label in image_paths(data)}
    for label, name in enumerate(CLASS_NAMES):
        if label not in labels:
            named = {"folder": str(data), "name": name}
            raise DatasetError(Message("studio_images_lack", named))


def _inspect(
    path: str,
    request: gr.Request,
    _progress: gr.Progress = gr.Progress(track_tqdm=True),  # noqa: B008 (Gradio's way)
) -> tuple[str, str, str]:
    """Tables, problems and contact sheet of a data folder."""
    language = language_of(request)
    with shown_errors(language):
        inspection = inspect_folder(
            folder_to_fit(path, INSPECTED), doing=text("studio_reading", language)
        )
        folder = html.escape(text("studio_checked", language, folder=str(inspection.root)))
        return (
            f"<p>{folder}</p>{_counts_html(inspection, language)}",
            _problems_html(inspection.problems, language),
            _sheet(inspection, language),
        )


def _counts_html(inspection: Inspection, language: Language) -> str:
    rows = [
        (
            count.split,
            count.class_name,
            count.images,
            count.patients,
            ", ".join(
                f"{text(f'studio_kind_{kind}', language)} {format_number(number, language)}"
                for kind, number in count.kinds.items()
            ),
        )
        for count in inspection.counts
    ]
    headers = (
        text("inspect_split", language),
        text("inspect_class", language),
        text("inspect_images", language),
        text("inspect_patients", language),
        text("inspect_kinds", language),
    )
    return f"<h3>{text('inspect_images', language)}</h3>{table(headers, rows, language)}"


def _problems_html(problems: list[Problem], language: Language) -> str:
    found = "".join(_problem_html(problem, language) for problem in problems)
    none = f'<p class="good">{text("inspect_no_problem", language)}</p>'
    return f"<h3>{text('inspect_problems', language)}</h3>{found or none}"


def _problem_html(problem: Problem, language: Language) -> str:
    files = [html.escape(file) for file in problem.files[:_MAX_FILES]]
    if len(problem.files) > _MAX_FILES:
        files.append(text("inspect_more", language, count=len(problem.files) - _MAX_FILES))
    listed = "".join(f"<li>{file}</li>" for file in files)
    count = f" ({format_number(len(problem.files), language)})" if problem.files else ""
    kind = "stops" if problem.stops else "warns"
    mark = text("inspect_stops" if problem.stops else "inspect_warns", language)
    return (
        f'<details class="problem {kind}"><summary><strong>{mark}</strong> '
        f"{html.escape(problem.message.say(language))}{count}</summary><ul>{listed}</ul></details>"
    )


def _sheet(inspection: Inspection, language: Language) -> str:
    """Some images of each class, with their kind and patient."""
    records = inspection.sample(_IMAGES)
    images = read_images(
        inspection.root,
        records,
        lambda image: shrink(image.pixels, _SIDE),
        doing=text("studio_reading", language),
    )
    found = [
        (image, f"{text(f'studio_kind_{record.kind}', language)}, {record.patient}")
        for image, record in zip(images, records, strict=True)
        if not isinstance(image, RadiographError)
    ]
    return f"<h3>{text('inspect_examples', language)}</h3>{images_html(found)}"
