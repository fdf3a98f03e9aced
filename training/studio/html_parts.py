"""What the tabs share: errors as messages, tables and images as HTML."""

from __future__ import annotations

import contextlib
import html
from abc import ABCMeta
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import gradio as gr
import numpy as np
import numpy.typing as npt

from cxr.errors import CXRError
from cxr.language import Language, format_decimal, format_number, keep_together
from cxr.messages import text
from cxr.page.pictures import grey_data_uri

QUIET = {"show_progress": "hidden", "api_visibility": "private"}  # for events that take no time


@contextlib.contextmanager
def shown_errors(language: Language) -> Iterator[None]:
    """Show an error as a message, and leave the page as it was.

    The project's own errors, and what the system says of a path that was typed.
    """
    try:
        yield
    except CXRError as error:
        raise as_message(error.say(language)) from error
    except OSError as error:
        found = {"path": str(error.filename or "–"), "why": error.strerror or str(error)}
        raise as_message(text("studio_no_access", language, **found)) from error


def as_message(said: str) -> gr.Error:
    """An error as a message over the page, to be raised."""
    # Gradio shows a message as HTML.
    return gr.Error(html.escape(said), duration=20, print_exception=False)


def _only_what_is_there(self: gr.Dropdown, payload: Any) -> Any:
    """The choice, or None if it no longer exists; of several, those that do."""
    known = [value for _, value in self.choices]
    if isinstance(payload, list):
        return [one for one in payload if one in known]
    return payload if payload in known else None


# A list of runs or the like, which may be gone since the browser got it: what is gone counts as not
# chosen, where Gradio would show an error of its own. Made by the metaclass's base, since Gradio's
# writes a file of types beside this one.
RunChoice: Any = ABCMeta.__new__(
    type(gr.Dropdown),
    "RunChoice",
    (gr.Dropdown,),
    {"preprocess": _only_what_is_there, "is_template": True, "__module__": __name__},
)


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], language: Language) -> str:
    """A table as HTML. Cells with numbers have the class `number`."""
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in headers)
    body = "".join(f"<tr>{''.join(_cell(value, language) for value in row)}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(value: object, language: Language) -> str:
    if isinstance(value, int):
        return f'<td class="number">{format_number(value, language)}</td>'
    if isinstance(value, float):
        return f'<td class="number">{format_decimal(value, language, digits=4)}</td>'
    return f"<td>{html.escape('–' if value is None else str(value))}</td>"


def images_html(images: Iterable[tuple[npt.NDArray[np.floating], str]]) -> str:
    """Images (H, W) in [0, 1] side by side as HTML, each with a caption."""
    tiles = "".join(
        f'<figure><img src="{grey_data_uri(image)}" alt="{html.escape(caption)}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        for image, caption in images
    )
    return f'<div class="images">{tiles}</div>'


def create_command(label: str, *, elem_id: str) -> gr.Code:
    """A box with a command to copy; hidden until there is one."""
    return gr.Code(
        label=label,
        language=None,
        interactive=False,
        visible=False,
        wrap_lines=True,
        show_line_numbers=False,
        lines=1,
        max_lines=5,
        elem_id=elem_id,
        elem_classes="command",
    )


def joined(parts: Iterable[str], language: Language) -> str:
    """Parts of a sentence, parted by semicolons."""
    return keep_together(" ; " if language == "fr" else "; ", language).join(parts)


def duration(seconds: float | None) -> str:
    """A time in words, for example "3 h 20 min"."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
