"""Changes pages on their way to the browser."""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send


def rewriting_pages(send: Send, rewrite: Callable[[bytes], bytes]) -> Send:
    """What sends an answer on, and of an HTML page what `rewrite` makes of it.

    Gradio sends a page in one piece.
    """
    is_page = False

    async def send_rewritten(message: Message) -> None:
        nonlocal is_page
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            is_page = headers.get("content-type", "").startswith("text/html")
            if is_page and "content-length" in headers:  # it becomes longer
                del headers["content-length"]
        elif is_page and message["type"] == "http.response.body":
            message = {**message, "body": rewrite(message.get("body", b""))}
        await send(message)

    return send_rewritten
