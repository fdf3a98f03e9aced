"""ZIP files that the list of many radiographs reads and writes, in a real browser."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Download, Page, expect

from cxr.messages import Message, sentences
from tests.conftest import PAGE_MARKS
from tests.cxr.browser import EN, choose_many, many_status

pytestmark = PAGE_MARKS


def test_a_damaged_archive_is_said(page: Page, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(b"PK" + bytes(500))
    choose_many(page, damaged)
    expect(page.locator("#many .notice")).to_contain_text("damaged.zip: cannot be read")


@pytest.mark.parametrize(
    ("method", "place", "change"),
    [
        (zipfile.ZIP_DEFLATED, 35, 0x07),  # the first packed byte: no kind of block
        # In the pixels: a decoder may make another picture of it, and the model another answer.
        (zipfile.ZIP_STORED, 4035, 0x01),
    ],
    ids=["packed", "stored"],
)
def test_a_damaged_entry_is_said_and_the_others_are_answered(
    page: Page, image_file: Path, tmp_path: Path, method: int, place: int, change: int
) -> None:
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.write(image_file, "a.png")
        archive.write(image_file, "b.png")
    content = bytearray(path.read_bytes())
    content[place] = change if method == zipfile.ZIP_DEFLATED else content[place] ^ change
    path.write_bytes(content)
    choose_many(page, path)
    expect(many_status(page)).to_have_text(
        "2 of 2 done, 0 left: 0 refused, 1 unreadable", timeout=30_000
    )
    expect(page.locator("tr", has_text="a.png")).to_contain_text(
        sentences([Message("state_not_unpacked")])
    )


def test_names_are_without_where_an_archive_was_packed(
    page: Page, image_file: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for name in ("./a.png", "../ward/b.png", "ward/./c.png", "./.hidden.png", "ward/.d/e.png"):
            archive.write(image_file, name)
    choose_many(page, tmp_path / "images.zip")
    expect(many_status(page)).to_contain_text("3 of 3 done", timeout=30_000)
    for name in ("a.png", "ward/b.png", "ward/c.png"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_visible()


def test_an_empty_archive_is_said(page: Page, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    choose_many(page, tmp_path / "empty.zip")
    expect(page.locator("#many .notice")).to_have_text(EN["many_nothing"])


def test_heatmaps_have_names_that_lead_nowhere(
    page: Page, image_file: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as odd:
        odd.write(image_file, "ward\\..\\one.png")
    choose_many(page, tmp_path / "odd.zip")
    expect(many_status(page)).to_contain_text("1 of 1 done", timeout=30_000)
    with page.expect_download() as waiting:
        page.locator("[data-do=overlays]").click()
    waiting.value.save_as(tmp_path / "overlays.zip")
    with zipfile.ZipFile(tmp_path / "overlays.zip") as overlays:
        assert overlays.namelist() == ["ward_.._one.png"]


def test_heatmaps_too_large_for_one_archive_come_in_several(
    page: Page, image_file: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as images:
        for name in ("one", "two", "three"):
            images.write(image_file, f"{name}.png")
    choose_many(page, tmp_path / "images.zip")
    expect(many_status(page)).to_contain_text("3 of 3 done", timeout=30_000)
    page.evaluate("cxrZip.limits.written = 1")
    downloads: list[Download] = []
    page.on("download", lambda download: downloads.append(download))
    with page.expect_download(lambda download: download.suggested_filename == "overlays-3.zip"):
        page.locator("[data-do=overlays]").click()
    names = []
    for download in downloads:
        download.save_as(tmp_path / download.suggested_filename)
        with zipfile.ZipFile(tmp_path / download.suggested_filename) as part:
            assert part.testzip() is None
            names += part.namelist()
    assert [download.suggested_filename for download in downloads] == [
        "overlays.zip",
        "overlays-2.zip",
        "overlays-3.zip",
    ]
    assert names == ["one.png", "three.png", "two.png"]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_large_archive_is_read(
    page: Page, image_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: int
) -> None:
    """Above 4 GB or 65,535 files, a ZIP has its numbers in other places (ZIP64)."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    with zipfile.ZipFile(tmp_path / "large.zip", "w", method) as archive:
        archive.write(image_file, "one.png")
        archive.write(image_file, "two.png")
    content = bytearray((tmp_path / "large.zip").read_bytes())
    content[-14:-2] = b"\xff" * 12  # number of entries, length and beginning of their list
    (tmp_path / "large.zip").write_bytes(content)
    choose_many(page, tmp_path / "large.zip")
    expect(many_status(page)).to_contain_text("2 of 2 done", timeout=30_000)
