"""One visitor: does over HTTP what the page's scripts do in a browser, and times each answer.

Each action ends in one of five ways: answered; told to come later, in words of ours; given up, when
that was said five times; not reached, while the server is down; or an error: anything else.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from cxr.messages import all_texts, as_sentence
from tests.conftest import ROOT

EXAMPLES = ROOT / "examples"
RADIOGRAPHS = ("hila.jpeg", "first-look.jpeg", "both-sides.jpeg", "tubes.jpeg", "dicom.dcm")
_LATER = {as_sentence(texts["too_many_uploads"]) for texts in all_texts().values()}
_TRIES = 5  # like `patiently` in cxr/page/files.js


@dataclass(frozen=True)
class Timed:
    """One request for an answer.

    Attributes:
        kind: of the action.
        ending: ``"answered"``, ``"later"``, ``"given up"``, ``"unreached"`` or what the error was.
        seconds: until then.
        at: when it ended, in seconds of the clock of `time.monotonic`.
    """

    kind: str
    ending: str
    seconds: float
    at: float


class Later(Exception):
    """The server has said that it is busy."""


class Visitor:
    """Acts at random, seeded, with pauses as people make them."""

    def __init__(self, url: str, number: int, report: Callable[[Timed], None]) -> None:
        """Set up a visitor; an even number reads English, an odd one French."""
        self._random = random.Random(number)  # noqa: S311  # no secret
        self._language = "fr" if number % 2 else "en"
        self._number, self._report, self._count = number, report, 0
        # A connection that the server may be closing (after 5 s) is not used again; a browser would
        # notice, and ask anew.
        limits = httpx.Limits(keepalive_expiry=3)
        self._http = httpx.AsyncClient(
            base_url=url,
            timeout=90,
            headers={"Accept-Language": self._language},
            trust_env=False,
            limits=limits,
        )
        self._components: dict[str, int] = {}

    async def stay(self, until: float, *, pause: tuple[float, float]) -> None:
        """Act until a time, then leave."""
        actions: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (40, self.view),
            (10, self.refused),
            (10, self.unreadable),
            (10, self.reload),
            (10, self.broken_off),
            (10, self.many),
            (10, self.program),
        ]
        weights, ways = zip(*actions, strict=True)
        await asyncio.sleep(self._random.uniform(0, pause[1]))
        while time.monotonic() < until:
            (act,) = self._random.choices(ways, weights)
            await act()
            await asyncio.sleep(self._random.uniform(*pause))
        await self._http.aclose()

    # --- What visitors do -------------------------------------------------------------------------

    async def view(self) -> None:
        """Open a radiograph, and often keep the report."""
        name = self._random.choice(RADIOGRAPHS)
        asked = await self._shown("view", EXAMPLES / name, ("answered",))
        if asked and self._random.random() < 0.3:
            wants = {
                "kind": self._random.choice(("report", "dicom")) if "dcm" in name else "report"
            }
            await self._timed("keep", lambda: self._keep({**asked, **wants}))

    async def refused(self) -> None:
        """Open a picture that is no radiograph."""
        await self._shown("refused", EXAMPLES / "drawing.png", ("refused",))

    async def unreadable(self) -> None:
        """Open half a picture."""
        await self._shown("unreadable", EXAMPLES / "cut-off.jpeg", ("answered", "unreadable"))
        await self._shown("unreadable", ROOT / "pyproject.toml", ("unreadable",))

    async def reload(self) -> None:
        """Load the page again."""

        async def load() -> None:
            for path in ("/", "/config", "/theme.css", "/gradio_api/startup-events"):
                (await self._http.get(path)).raise_for_status()
            self._components = {}

        await self._timed("reload", load)

    async def broken_off(self) -> None:
        """Begin an upload and go away."""

        async def leave() -> None:
            host, port = self._http.base_url.host, self._http.base_url.port
            reader, writer = await asyncio.open_connection(host, port)
            head = (
                f"POST /gradio_api/upload HTTP/1.1\r\nHost: {host}:{port}\r\n"
                "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 900000\r\n\r\n"
                '--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpeg"\r\n\r\n'
            )
            writer.write(head.encode() + bytes(300_000))
            await writer.drain()
            await asyncio.sleep(self._random.uniform(0, 0.5))
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            del reader

        await self._timed("broken off", leave)

    async def many(self) -> None:
        """A list of several, as of a ZIP file, one after the other; then the overlay of one."""
        rows: list[tuple[Path, dict[str, Any]]] = []
        for name in self._random.sample([*RADIOGRAPHS, "drawing.png", "cut-off.jpeg"], 5):
            await self._timed("list", lambda name=name: self._row(EXAMPLES / name, rows))  # type: ignore[misc]
        answered = [(path, row) for path, row in rows if row["status"] == "ok"]
        if answered:
            await self._timed("overlay", lambda: self._overlay(*answered[0]))

    async def program(self) -> None:
        """Ask the documented endpoint, as programs do; its queue lets all of them wait."""

        async def ask() -> None:
            path = await self._upload(EXAMPLES / "hila.jpeg")
            named = {"path": path, "meta": {"_type": "gradio.FileData"}}
            joined = await self._http.post(
                "/gradio_api/call/classify", json={"data": [named, None]}
            )
            joined.raise_for_status()
            address = f"/gradio_api/call/classify/{joined.json()['event_id']}"
            async with self._http.stream("GET", address) as events:
                said = [line async for line in events.aiter_lines()]
            assert "event: complete" in said, said[:4]
            assert '"status": "ok"' in "".join(said)

        await self._timed("program", ask)

    # --- How they ask -----------------------------------------------------------------------------

    async def _shown(
        self, kind: str, path: Path, endings: tuple[str, ...]
    ) -> dict[str, str] | None:
        """Open a file in the viewer; returns how the server knows it."""
        asked: dict[str, str] = {}

        async def open_it() -> None:
            asked.update({"path": await self._upload(path), "name": path.name})
            answer = await self._server("viewer", "answer_one", asked)
            if answer["kind"] == "busy":
                raise Later
            assert answer["kind"] in endings, answer["kind"]

        return asked if await self._timed(kind, open_it) else None

    async def _keep(self, asked: dict[str, Any]) -> None:
        made = await self._server("viewer", "keep_file", {**asked, "language": self._language})
        if made.get("problem") == "busy":
            raise Later
        assert made.get("uri", "").startswith("data:application/"), made

    async def _row(self, path: Path, rows: list[tuple[Path, dict[str, Any]]]) -> None:
        asked = {"path": await self._upload(path), "name": path.name}
        row = await self._server("many", "classify_one", asked)
        if "busy" in [message["code"] for message in row["messages"]]:
            raise Later
        assert row["status"] in ("ok", "refused"), row
        rows.append((path, row))

    async def _overlay(self, path: Path, row: dict[str, Any]) -> None:
        asked = {"path": await self._upload(path), "name": path.name}
        asked |= {"map": row["map"], "turns": row["turns"]}
        made = await self._server("many", "overlay_of", asked)
        if made["busy"]:
            raise Later
        assert made["overlay"], row["messages"]

    async def _upload(self, path: Path) -> str:
        self._count += 1
        name = f"{self._number}-{self._count}-{path.name}"  # equal files of one name share a place
        answer = await self._http.post(
            "/gradio_api/upload", files={"files": (name, path.read_bytes())}
        )
        if answer.status_code in (429, 503) and answer.text in _LATER:
            raise Later
        answer.raise_for_status()
        return str(answer.json()[0])

    async def _server(self, element: str, function: str, data: object) -> dict[str, Any]:
        if not self._components:
            config = (await self._http.get("/config")).raise_for_status().json()
            self._components = {
                each["props"].get("elem_id"): each["id"] for each in config["components"]
            }
        body = {
            "data": data,
            "fn_name": function,
            "component_id": self._components[element],
            "session_hash": f"visitor{self._number}",
        }
        answer = await self._http.post("/gradio_api/component_server", json=body)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    async def _timed(self, kind: str, act: Callable[[], Awaitable[None]]) -> bool:
        """Time an action, again where the server is busy; returns whether it was answered."""
        for attempt in range(_TRIES):
            began = time.monotonic()
            try:
                await act()
                ending = "answered"
            except Later:
                ending = "later"
            except (httpx.ConnectError, ConnectionRefusedError):
                ending = "unreached"
            except (
                httpx.HTTPError,
                OSError,
                AssertionError,
                KeyError,
                json.JSONDecodeError,
            ) as error:
                ending = f"{type(error).__name__}: {error}"[:200]
            now = time.monotonic()
            self._report(Timed(kind, ending, now - began, now))
            if ending != "later":
                return ending == "answered"
            await asyncio.sleep(2**attempt * self._random.uniform(0.5, 1.5))
        self._report(Timed(kind, "given up", 0.0, time.monotonic()))
        return False
