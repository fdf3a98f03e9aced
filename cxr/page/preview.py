"""What other sites show of a link to the page: title, description and picture, as Open Graph tags.

Gradio's own tags (https://ogp.me) name Gradio and a picture on another host. Programs
that fetch a link for its preview run no scripts, so the server replaces them.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from gradio.route_utils import get_root_url
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cxr.language import Language
from cxr.messages import text

PICTURE = Path(__file__).with_name("preview.jpg")
PICTURE_SIZE = (1200, 630)  # pixels, in the proportions that most sites show
_ROUTE = f"/{PICTURE.name}"
_TAG = re.compile(rb'<meta\s+(?:property="og:|name="twitter:)[^>]*>\s*')


class LinkPreview:
    """Middleware that puts our tags into a page, and gives out the picture that they name."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before the page.

        Args:
            app: answers with the page.
        """
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, a page with our tags."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            return await self._app(scope, receive, send)
        if scope["path"] == _ROUTE:
            return await FileResponse(PICTURE)(scope, receive, send)
        is_page = False

        async def send_with_tags(message: Message) -> None:
            nonlocal is_page
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                is_page = headers.get("content-type", "").startswith("text/html")
                if is_page and "content-length" in headers:
                    del headers["content-length"]
            elif is_page:  # Gradio sends a page in one piece
                body = _TAG.sub(b"", message.get("body", b""))
                message = {**message, "body": body.replace(b"<head>", b"<head>" + _tags(scope), 1)}
            await send(message)

        return await self._app(scope, receive, send_with_tags)


def _tags(scope: Scope) -> bytes:
    """Without og:url, so that a link to a case stays one."""
    wanted = Headers(scope=scope).get("accept-language", "")
    language: Language = "fr" if wanted.lower().startswith("fr") else "en"
    root = get_root_url(Request(scope), route_path=scope["path"], root_path=scope.get("root_path"))
    title, said = text("title", language), text("link_preview", language)
    width, height = PICTURE_SIZE
    tags = {
        "og:type": "website",
        "og:title": title,
        "og:description": said,
        "og:image": root + _ROUTE,
        "og:image:width": str(width),
        "og:image:height": str(height),
        "og:image:alt": text("link_preview_picture", language),
        "twitter:card": "summary_large_image",
        "twitter:title": title,
        "twitter:description": said,
        "twitter:image": root + _ROUTE,
    }
    kind = {"og": "property", "twitter": "name"}
    lines = (
        f'\n<meta {kind[name.partition(":")[0]]}="{name}" content="{escape(value)}">'
        for name, value in tags.items()
    )
    return "".join(lines).encode()
