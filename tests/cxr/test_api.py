"""The endpoints over HTTP, and the page that describes them."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from urllib.request import urlopen

import cv2
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, expect

from cxr.classifier import Classifier
from cxr.reading.radiograph import read_radiograph
from tests.conftest import PAGE_MARKS, ROOT
from tests.cxr.browser import (
    violations,
)

pytestmark = PAGE_MARKS


def test_the_documented_endpoint(
    url: str, image_file: Path, gradient_file: Path, tiny_classifier: Classifier
) -> None:
    client = Client(url, verbose=False)
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    assert endpoints.keys() == {"/classify", "/classify_batch", "/heatmap", "/overlay"}
    for endpoint in endpoints.values():
        assert endpoint["description"]
    line = client.predict(handle_file(image_file), 0.2, api_name="/classify")
    answer = tiny_classifier.predict(read_radiograph(image_file))
    assert line["file"] == "image.png"
    assert line["status"] == "ok"
    assert line["probability"] == pytest.approx(answer.probability, abs=1e-5)
    assert line["label"] == answer.verdict(0.2)
    refused = client.predict(handle_file(gradient_file), api_name="/classify")
    assert refused["status"] == "refused"
    assert refused["threshold"] == 0.5
    for wrong in (2, True):
        with pytest.raises(AppError, match="from 0 to 1"):
            client.predict(handle_file(image_file), wrong, api_name="/classify")


def test_what_is_no_upload_costs_the_others_of_its_batch_nothing(
    url: str, image_file: Path
) -> None:
    client = Client(url, verbose=False)
    files = [handle_file(image_file), "https://example.com/image.png", 5]
    first, *others = client.predict(files, api_name="/classify_batch")
    assert first["status"] == "ok"
    for other in others:
        assert other["status"] == "error"
        assert "upload" in other["reasons"][0]


def test_every_endpoint_is_described_with_an_example_that_runs(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with urlopen(f"{url}gradio_api/info") as answer:  # noqa: S310  # loopback
        endpoints = json.load(answer)["named_endpoints"]
    monkeypatch.chdir(ROOT)  # where the radiographs of the examples are
    for name, endpoint in endpoints.items():
        assert ". Returns " in endpoint["description"]
        for parameter in endpoint["parameters"]:
            kind = {"image": "filepath", "images": "list[filepath]", "threshold": "float"}
            assert parameter["python_type"]["type"] == kind[parameter["parameter_name"]]
            said = parameter["python_type"]["description"]
            assert said[0].isupper(), said
            assert said.endswith(".")
        exec(endpoint["code_snippets"]["python"], {})  # noqa: S102  # as the page shows it
        printed = capsys.readouterr().out
        results = {
            "/classify": "'file': 'hila.jpeg'",
            "/classify_batch": "'file': 'dicom.dcm'",
            "/heatmap": "'npy': '",
            "/overlay": "'png': '",
        }
        assert results[name] in printed


def test_the_page_on_the_api_can_be_read(browser: Browser, url: str) -> None:
    for scheme in ("light", "dark"):
        page = browser.new_page(locale="en-GB", color_scheme=scheme)
        page.goto(url)
        page.locator("#api button").click()
        documented = page.locator(".api-docs")
        expect(documented).to_contain_text("handle_file('examples/hila.jpeg')", timeout=30_000)
        expect(documented.get_by_text("cURL", exact=True)).to_be_visible()
        expect(documented.get_by_text("MCP", exact=True)).to_be_hidden()  # only with --mcp
        assert [found for found in violations(page) if found[0] == "color-contrast"] == []
        page.close()


def test_a_batch_heatmap_and_overlay_over_http(
    url: str, image_file: Path, gradient_file: Path, tiny_classifier: Classifier
) -> None:
    client = Client(url, verbose=False)
    files = [handle_file(image_file), handle_file(gradient_file)]
    batch = client.predict(files, 0.2, api_name="/classify_batch")
    assert [record["status"] for record in batch] == ["ok", "refused"]
    assert batch[0]["file"] == "image.png"
    with pytest.raises(AppError, match="a list of 1 to 100 files"):
        client.predict([], api_name="/classify_batch")

    answer = tiny_classifier.predict(read_radiograph(image_file))
    sent = client.predict(files[0], api_name="/heatmap")
    heatmap = np.load(io.BytesIO(base64.b64decode(sent["npy"])))
    np.testing.assert_allclose(heatmap, answer.heatmap, atol=1e-5)
    picture = np.frombuffer(base64.b64decode(sent["png"]), np.uint8)
    assert cv2.imdecode(picture, cv2.IMREAD_UNCHANGED).shape == (180, 240)
    sent = client.predict(files[0], api_name="/overlay")
    overlay = np.frombuffer(base64.b64decode(sent["png"]), np.uint8)
    height, width, _ = cv2.imdecode(overlay, cv2.IMREAD_COLOR).shape
    assert width == 480  # the least for a caption that can be read
    assert height > 180
    with pytest.raises(AppError, match=r"gradient\.png: .*The lungs could not be found"):
        client.predict(files[1], api_name="/overlay")


@pytest.mark.slow
def test_fifty_images_at_once_are_all_answered(url: str, image_file: Path) -> None:
    client = Client(url, verbose=False)
    jobs = [client.submit(handle_file(image_file), api_name="/classify") for _ in range(50)]
    assert {job.result(timeout=120)["status"] for job in jobs} == {"ok"}
