"""What the page reads in the browser: ZIP files, and the reader study's labels, in Chromium."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterator
from functools import cache
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.conftest import ROOT, installed_browser
from tests.fuzz.sheets import sheet

_SCRIPTS = ROOT / "cxr" / "page"
_MILLISECONDS = 5_000  # of one input
_MAX_BYTES = 100_000_000  # of a radiograph, as zip.js says

# Each returns what it found; an error that the page catches and shows is a text.
_READ_ZIP = """async (bytes) => {
  const opened = [];
  try {
    for (const entry of await cxrZip.read(new File([bytes], "x.zip"))) {
      try {
        const file = await entry.open();
        opened.push([entry.name, file.name, file.size]);
      } catch (error) { opened.push([entry.name, String(error), 0]); }
    }
  } catch (error) { return String(error); }
  return opened;
}"""
_READ_LABELS = """async (bytes) => {
  const read = readLabels([{ name: "a.csv", text: new TextDecoder().decode(bytes) }]);
  const { labels } = labelsFor(read, ["a.png", "x/b.png", ""]);
  return [[...read.byBase.values()].flat(), read.unused, read.count, labels];
}"""


def zip_file(content: bytes) -> None:
    """A ZIP file is a list of entries, or refused; each opens as a small enough file, or fails."""
    found = _call(_READ_ZIP, content)
    if isinstance(found, str):
        return
    for path, name, size in found:
        assert isinstance(path, str)
        assert not any(part.startswith(".") for part in path.split("/")), path
        assert isinstance(name, str)
        assert 0 <= size <= _MAX_BYTES


def study_labels(content: bytes) -> None:
    """A table gives rows of known labels, and a file's label is one of them or none."""
    rows, unused, count, labels = _call(_READ_LABELS, sheet(content))
    assert len(rows) == count
    assert unused >= 0
    known = {"NORMAL", "PNEUMONIA"}
    assert {row["label"] for row in rows} <= known
    assert set(labels) <= known | {None}
    assert all(row["path"] for row in rows)


def zip_files() -> Iterator[bytes]:
    """Archives with and without compression, folders, comments and hidden entries."""
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            archive.writestr("a.png", b"pixels " * 40)
            archive.writestr("folder/", b"")
            archive.writestr("folder/b.dcm", bytes(2000))
            archive.writestr("../up.png", b"up")
            archive.comment = b"a comment"
        yield buffer.getvalue()
    yield b""


def label_tables() -> Iterator[bytes]:
    """Tables as people write them."""
    yield b"file,label\na.png,normal\nx/b.png,1\n"
    yield b'\xef\xbb\xbffile;label\r\n"A";"Pneumonie"\r\nb;?\r\na;normal\r\n'
    yield b'"a, ""b"".png"\tnormal\n'
    yield b"same.png,1\n" * 1500  # many of one name


def _call(function: str, content: bytes) -> Any:
    """What a function of the page makes of bytes, within a time.

    Raises:
        AssertionError: it takes longer.
        playwright.sync_api.Error: it raised something.
    """
    timed = f"""([content, limit]) => Promise.race([
      ({function})(Uint8Array.from(atob(content), (c) => c.charCodeAt(0))),
      new Promise((resolve) => setTimeout(resolve, limit, "it takes too long")),
    ])"""
    found = _page().evaluate(timed, [base64.b64encode(content).decode(), _MILLISECONDS])
    assert found != "it takes too long"
    return found


@cache
def _page() -> Page:
    """A page with the scripts alone, as long as this process lasts."""
    chromium = sync_playwright().start().chromium
    browser = chromium.launch(executable_path=installed_browser(), args=["--no-sandbox"])
    page = browser.new_page()
    for name in ("zip.js", "study_labels.js"):
        page.add_script_tag(path=_SCRIPTS / name)
    return page
