"""What other sites show of a link to the page, and what a device shows of it once installed.

Gradio's own tags (Open Graph, https://ogp.me) name Gradio and a picture on another host, and its
manifest (https://www.w3.org/TR/appmanifest/) has a name and an icon alone. Programs that fetch a
link for its preview run no scripts, so the server replaces the tags.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from gradio.route_utils import get_root_url
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from cxr.language import Language, asked_language
from cxr.messages import text
from cxr.page.rewriting import rewriting_pages

PICTURE = Path(__file__).with_name("preview.jpg")
PICTURE_SIZE = (1200, 630)  # pixels, in the proportions that most sites show
_ROUTE = f"/{PICTURE.name}"
_MANIFEST = "/manifest.json"
_BACKGROUND = "#0f172a"  # of the icon, while an installed page starts
_TAG = re.compile(rb'<meta\s+(?:property="og:|name="twitter:)[^>]*>\s*')


class LinkPreview:
    """Middleware that puts our tags into a page, and gives out their picture and the manifest."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the page.

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
        if scope["path"] == _MANIFEST:
            return await _manifest(scope)(scope, receive, send)

        def with_our_tags(page: bytes) -> bytes:
            return _TAG.sub(b"", page).replace(b"<head>", b"<head>" + _tags(scope), 1)

        return await self._app(scope, receive, rewriting_pages(send, with_our_tags))


def _language(scope: Scope) -> Language:
    return asked_language(Headers(scope=scope).get("accept-language", ""))


def _manifest(scope: Scope) -> JSONResponse:
    """How an installed page is called, looks and starts."""
    language = _language(scope)
    content = {
        "name": text("title", language),
        "short_name": text("title_short", language),
        "description": text("link_preview", language),
        "lang": language,
        "start_url": "./",
        "display": "standalone",
        "background_color": _BACKGROUND,
        "theme_color": _BACKGROUND,
        "icons": [{"src": "pwa_icon", "sizes": "any", "type": "image/svg+xml", "purpose": "any"}],
    }
    headers = {"Vary": "Accept-Language"}
    return JSONResponse(content, headers=headers, media_type="application/manifest+json")


def _tags(scope: Scope) -> bytes:
    """Title, description and Open Graph, without og:url, so that a link to a case stays one."""
    language = _language(scope)
    root = get_root_url(Request(scope), route_path=scope["path"], root_path=scope.get("root_path"))
    title, said = text("title", language), text("link_preview", language)
    width, height = PICTURE_SIZE
    tags = {
        "description": said,
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
    lines = [f"\n<title>{escape(title)}</title>"]
    for name, value in tags.items():
        kind = "property" if name.startswith("og:") else "name"
        lines.append(f'\n<meta {kind}="{name}" content="{escape(value)}">')
    return "".join(lines).encode()
