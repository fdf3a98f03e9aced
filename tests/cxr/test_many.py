"""The list of many radiographs, in a real browser."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from cxr.classifier import Classifier
from cxr.messages import Message, sentences
from cxr.page.many import create_many
from cxr.reading.radiograph import read_radiograph
from tests.conftest import PAGE_MARKS
from tests.cxr.browser import ANSWERED, EN

pytestmark = PAGE_MARKS


@pytest.fixture
def archive(tmp_path: Path, image_file: Path, gradient_file: Path) -> Path:
    """A ZIP of two radiographs, a picture that is none, and a broken one; packed and stored."""
    path = tmp_path / "images.zip"
    inverted = 255 - cv2.imread(str(image_file))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(image_file, "ward/one.png")
        archive.write(image_file, "ward/=two.png", zipfile.ZIP_STORED)
        archive.write(gradient_file, "ward/gradient.png")
        archive.writestr("ward/broken.jpeg", b"nothing")
        archive.writestr("ward/.hidden", b"not looked at")
        archive.writestr("inverted.png", cv2.imencode(".png", inverted)[1].tobytes())
    return path


def test_many_images(
    page: Page, archive: Path, tmp_path: Path, tiny_classifier: Classifier
) -> None:
    page.locator("[data-view=many]").click()
    page.set_input_files(".pick-files", archive)
    status = page.locator("#many .progress [role=status]")
    expect(status).to_have_text("5 of 5 done: 1 refused, 1 unreadable", timeout=30_000)
    rows = page.locator("#many tbody tr")
    expect(rows).to_have_count(5)
    answer = tiny_classifier.predict(read_radiograph(tmp_path / "image.png"))
    first = rows.nth(0)
    expect(first.locator(".verdict")).to_have_text(EN[f"verdict_{answer.verdict()}"])
    expect(first.locator(".worth")).to_have_text(EN[f"worth_{answer.checks.worth}"])
    expect(page.locator("tr", has_text="inverted.png")).to_contain_text("Black and white are")
    expect(page.locator("tr", has_text="gradient.png")).to_contain_text(
        sentences([Message("no_lungs")])
    )
    expect(page.locator("tr", has_text="broken.jpeg")).to_contain_text("This is not a picture")
    page.locator(".language").click()
    expect(status).to_have_text("5 sur 5 : 1 refusée, 1 illisible")

    with page.expect_download() as waiting:
        page.locator("[data-do=csv]").click()
    waiting.value.save_as(tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(encoding="utf-8-sig", newline="") as file:
        table = {line["file"]: line for line in csv.DictReader(file)}
    assert len(table) == 5
    assert float(table["ward/one.png"]["probability"]) == pytest.approx(answer.probability)
    assert table["ward/one.png"]["label"] == answer.verdict()
    assert table["ward/one.png"]["evidence"] == answer.checks.worth
    assert table["ward/gradient.png"]["status"] == "refused"
    assert table["ward/gradient.png"]["probability"] == ""

    with page.expect_download() as waiting:
        page.locator("[data-do=overlays]").click()
    waiting.value.save_as(tmp_path / "overlays.zip")
    with zipfile.ZipFile(tmp_path / "overlays.zip") as overlays:
        assert overlays.testzip() is None
        assert sorted(overlays.namelist()) == ["inverted.png", "ward_=two.png", "ward_one.png"]
        content = np.frombuffer(overlays.read("ward_one.png"), np.uint8)
        height, width, _ = cv2.imdecode(content, cv2.IMREAD_COLOR).shape
        assert width == 240
        assert height > 180  # a caption is burnt in below

    page.get_by_role("button", name="ward/one.png").click()
    page.wait_for_selector(ANSWERED)
    expect(page.locator(".verdict .name").first).to_have_text("one.png")
    expect(page.locator("#many")).to_be_hidden()


def test_many_images_can_be_stopped(page: Page, image_file: Path, tmp_path: Path) -> None:
    for i in range(60):
        (tmp_path / f"image_{i}.png").write_bytes(image_file.read_bytes())
    page.locator("[data-view=many]").click()
    page.set_input_files(".pick-files", sorted(tmp_path.glob("image_*.png")))
    page.locator("#many tbody tr").nth(2).wait_for()
    page.locator("[data-do=cancel]").click()
    expect(page.locator("[data-do=cancel]")).to_be_hidden(timeout=20_000)
    done = page.locator("#many tbody tr").count()
    assert 3 <= done < 60
    page.wait_for_timeout(1000)
    assert page.locator("#many tbody tr").count() == done


def test_a_damaged_archive_is_said(page: Page, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(b"PK" + bytes(500))
    page.locator("[data-view=many]").click()
    page.set_input_files(".pick-files", damaged)
    expect(page.locator("#many .progress")).to_contain_text("damaged.zip: this ZIP file cannot")


def test_no_file_but_an_upload_is_ever_opened(
    tiny_classifier: Classifier,
    image_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(uploads))
    table = create_many(tiny_classifier, at_once=1, elem_id="many")
    link = uploads / "link.png"
    link.symlink_to(image_file)
    for path in (image_file, link, uploads / ".." / "image.png", uploads, "", uploads / "none.png"):
        row = table.classify_one({"path": str(path), "name": "../image.png"})
        assert row["status"] == "error"
        assert row["messages"] == [{"code": "no_upload", "values": {}}]
    assert image_file.exists()
    upload = uploads / "upload.png"
    upload.write_bytes(image_file.read_bytes())
    assert table.classify_one({"path": str(upload), "name": "image.png"})["status"] == "ok"
    for odd in (None, [], {"path": "\0"}, {"path": [1]}, {"name": {}}):
        assert table.classify_one(odd)["status"] == "error"
        assert table.overlay_of(odd) == {"overlay": None}
