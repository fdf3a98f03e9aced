"""The page of the tiny model in a browser, and a model that is published to the Hub."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from cxr.classifier import Classifier
from cxr.model.bundle import Bundle
from cxr.reading.radiograph import read_radiograph
from tests.conftest import ROOT, installed_browser
from tests.cxr.browser import opened, served
from tests.cxr.dicom_files import SECRETS, DicomAnswer, content, header, make


@pytest.fixture(scope="session")
def url(tiny_classifier: Classifier) -> Iterator[str]:
    with served(tiny_classifier) as address:
        yield address


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    with opened(browser, url, viewport={"width": 1280, "height": 720}) as page:
        expect(page.locator("#status")).to_contain_text("Model tiny 1")
        yield page


@pytest.fixture
def failures(page: Page) -> list[str]:
    """What fails in the page's scripts."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


@pytest.fixture
def page_on_disk(browser: Browser, url: str, tmp_path: Path) -> Iterator[Page]:
    """The page in a browser that keeps its storage on the disk, as it does but for private windows.

    In the others files are kept as references to where they came from.
    """
    context = browser.browser_type.launch_persistent_context(
        tmp_path / "profile",
        executable_path=installed_browser(),
        args=["--no-sandbox"],
        locale="en-GB",
    )
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector(".invitation strong")
    yield page
    context.close()


@pytest.fixture
def bundle(tmp_path: Path, write_bundle: Callable[[Path], Bundle]) -> Bundle:
    return write_bundle(tmp_path / "bundle")


@pytest.fixture
def archive(tmp_path: Path, image_file: Path, gradient_file: Path) -> Path:
    """A ZIP of two radiographs, a picture that is none, a broken one, and what is no image."""
    path = tmp_path / "images.zip"
    inverted = 255 - cv2.imread(str(image_file))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(image_file, "ward/one.png")
        archive.write(image_file, "ward/=two.png", zipfile.ZIP_STORED)
        archive.write(gradient_file, "ward/gradient.png")
        archive.writestr("ward/broken.jpeg", b"nothing")
        archive.writestr("ward/.hidden", b"not looked at")
        archive.writestr("ward/labels.csv", b"one.png,normal")
        archive.writestr("ward/README.txt", b"what these are")
        archive.writestr("ward/Dates.XLSX", b"a table of another program")
        archive.writestr("inverted.png", cv2.imencode(".png", inverted)[1].tobytes())
    return path


@pytest.fixture
def radiographs(tmp_path: Path, image_file: Path, gradient_file: Path) -> list[Path]:
    """Eight radiographs that differ a little, a picture that is none, and a table of labels."""
    folder = tmp_path / "study"
    folder.mkdir()
    image = cv2.imread(str(image_file), cv2.IMREAD_GRAYSCALE)
    rows = ["file;label"]
    for i in range(8):
        path = folder / f"{'pneumonia' if i % 2 else 'normal'}_{i}.png"
        cv2.imwrite(str(path), np.clip(image.astype(int) + 3 * i, 0, 255).astype(np.uint8))
        rows.append(f"{path.name};{'Pneumonia' if i % 2 else '0'}")
    (folder / "labels.csv").write_text("\r\n".join([*rows, "other.png;perhaps"]))
    return [*sorted(folder.glob("*.png")), gradient_file]


@pytest.fixture(scope="module")
def dicom_image() -> bytes:
    """A DICOM radiograph of a known patient."""
    example = read_radiograph(ROOT / "examples" / "both-sides.jpeg")
    dataset = make(np.rint(example.pixels * 4095).astype(np.uint16), bits=12)
    header(**SECRETS)(dataset)
    dataset.StudyInstanceUID = "1.2.826.0.1.3680043.8.498.1"
    return content(dataset)


@pytest.fixture(scope="module")
def dicom_answer(dicom_image: bytes, tiny_bundle: Bundle) -> DicomAnswer:
    radiograph = read_radiograph(dicom_image, name="image.dcm")
    return radiograph, Classifier(tiny_bundle).predict(radiograph), tiny_bundle


@pytest.fixture
def sixteen_bits(image_file: Path, tmp_path: Path) -> Path:
    """A DICOM radiograph of 12 stored bits with a window, and 0.2 mm a pixel."""
    pixels = read_radiograph(image_file).pixels
    dataset = make(np.rint(pixels * 3000 + 500).astype(np.uint16), bits=12)
    header(WindowCenter=1500, WindowWidth=1200, PixelSpacing=[0.2, 0.2])(dataset)
    path = tmp_path / "image.dcm"
    path.write_bytes(content(dataset))
    return path


@pytest.fixture
def ward(tmp_path: Path, image_file: Path) -> Path:
    """Two radiographs at different depths, and a hidden file."""
    ward = tmp_path / "radiographs"
    (ward / "deeper").mkdir(parents=True)
    for name in ("b.png", "deeper/a.png", ".hidden.png"):
        (ward / name).write_bytes(image_file.read_bytes())
    return ward
