"""A disagreement reaches the operator's dataset, and the radiograph only if the reader consents."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from cxr.classifier import Classifier
from cxr.errors import HubError
from cxr.page import flags
from cxr.page.flags import flag_sender
from cxr.page.viewer import create_viewer
from cxr.page.waiting_turns import Turns
from tests.conftest import PAGE_MARKS
from tests.cxr.browser import EN, answered, opened, served, violations
from tests.loopback_hub import LoopbackHub, Repository

# The Hub's client passes content to its HTTP library in a way that the latter warns of.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

DATASET = "me/disagreements"
NOTE = {
    "feedback": "disagree",
    "own": "PNEUMONIA",
    "verdict": "NORMAL",
    "probability": 0.3,
    "comment": "rotated",
}
Source = Callable[[Mapping[str, Any]], tuple[Path, str]]


@pytest.fixture
def source(image_file: Path) -> Source:
    return lambda asked: (image_file, str(asked["name"]))


def sender(source: Source, *, accepted: bool = True) -> Callable[[Any], str]:
    return flag_sender(DATASET, source, accepts=lambda _: accepted, turns=Turns(1), model="m")


def files_of(hub: LoopbackHub) -> dict[str, bytes]:
    """What has been flagged, by path."""
    dataset = hub.datasets[DATASET]
    files = dataset.commits[dataset.branches["main"]]
    return {path: content for path, content in files.items() if path.startswith("flags/")}


def test_a_disagreement_is_sent_without_the_radiograph_unless_the_reader_consents(
    hub: LoopbackHub, source: Source
) -> None:
    flag = sender(source)
    assert hub.datasets[DATASET].private
    asked = {"name": "Jane Doe.png", "path": "somewhere"}
    for consent in (False, None, "true", 1):
        assert flag({**NOTE, "consent": consent, "radiograph": asked}) == "sent"
    assert not [path for path in files_of(hub) if path.endswith(".png")]
    assert flag({**NOTE, "consent": True, "radiograph": asked}) == "sent_with_radiograph"
    (picture,) = [path for path in files_of(hub) if path.endswith(".png")]
    kept = json.loads(files_of(hub)[picture.replace(".png", ".json")])
    assert kept.keys() == {"day", "model", *NOTE, "radiograph"}
    assert kept["radiograph"] == Path(picture).name
    assert b"Jane" not in b"".join(files_of(hub).values())


def test_a_public_dataset_is_refused(hub: LoopbackHub, source: Source) -> None:
    hub.datasets[DATASET] = Repository(private=False)
    hub.datasets[DATASET].commit({"README.md": b"known to all"})
    with pytest.raises(HubError, match="is public, and radiographs may be sent there"):
        sender(source)


def test_only_the_image_of_a_radiograph_is_sent(
    hub: LoopbackHub, source: Source, image_file: Path
) -> None:
    original = cv2.imread(str(image_file), cv2.IMREAD_GRAYSCALE)
    image_file.write_bytes(image_file.read_bytes() + b"Jane Doe")  # as a header would
    flag = sender(source)
    flag({**NOTE, "consent": True, "radiograph": {"name": "x"}})
    (picture,) = [content for path, content in files_of(hub).items() if path.endswith(".png")]
    assert b"Jane" not in picture
    sent = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(sent, original)


@pytest.mark.parametrize(
    "sent",
    [
        {**NOTE, "feedback": "agree"},
        {**NOTE, "own": "perhaps"},
        {"comment": "no feedback"},
        ["no note"],
        None,
    ],
)
def test_anything_but_a_disagreement_is_not_sent(
    hub: LoopbackHub, source: Source, sent: object
) -> None:
    flag = sender(source)
    assert flag(sent) == "not_sent"
    assert not files_of(hub)


def test_a_radiograph_that_the_gate_refuses_is_not_sent(
    hub: LoopbackHub,
    tiny_classifier: Classifier,
    image_file: Path,
    gradient_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever the browser says of it."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    viewer = create_viewer(
        tiny_classifier, cases={}, turns=Turns(1), elem_id="viewer", flag_to=DATASET
    )
    asked = {**NOTE, "consent": True}
    refused = {"name": "gradient.png", "path": str(gradient_file)}
    assert viewer.flag({**asked, "radiograph": refused}) == "not_sent"
    assert not files_of(hub)
    accepted = {"name": "image.png", "path": str(image_file)}
    assert viewer.flag({**asked, "radiograph": accepted}) == "sent_with_radiograph"


def test_a_hub_that_fails_is_told_and_the_page_goes_on(hub: LoopbackHub, source: Source) -> None:
    flag = sender(source)
    hub.interfere = lambda request: 403 if "/commit/" in request else None
    assert flag(NOTE) == "not_sent"
    hub.interfere = lambda _: None
    assert flag(NOTE) == "sent"


def test_what_was_not_sent_takes_no_place_of_the_day(
    hub: LoopbackHub, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flags, "_MAX_A_DAY", 2)
    refusing = sender(source, accepted=False)
    for _ in range(3):
        assert refusing({**NOTE, "consent": True, "radiograph": {"name": "x"}}) == "not_sent"
    hub.interfere = lambda request: 403 if "/commit/" in request else None
    for _ in range(3):
        assert refusing(NOTE) == "not_sent"
    hub.interfere = lambda _: None
    assert [refusing(NOTE) for _ in range(3)] == ["sent", "sent", "not_sent"]


def test_a_dataset_that_cannot_be_written_to_is_said_at_the_start(
    hub: LoopbackHub, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(HubError, match="expected NAME/DATASET"):
        flag_sender("disagreements", source, accepts=lambda _: True, turns=Turns(1), model="m")
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_else")
    with pytest.raises(HubError, match="cannot be written to"):
        sender(source)


class TestPage:
    """In the browser."""

    pytestmark = PAGE_MARKS

    @pytest.fixture
    def page(
        self, hub: LoopbackHub, browser: Browser, tiny_classifier: Classifier
    ) -> Iterator[Page]:
        with (
            served(tiny_classifier, flag_to=DATASET) as address,
            opened(browser, address) as page,
        ):
            yield page

    def test_a_flag_arrives_only_when_asked(
        self, page: Page, hub: LoopbackHub, image_file: Path
    ) -> None:
        expect(page.locator("#privacy")).to_contain_text(DATASET)
        answered(page, image_file)
        page.locator(".feedback summary").click()
        page.locator("[name=agree][value=agree]").check()
        expect(page.locator(".flag")).to_be_hidden()
        page.locator("[name=agree][value=disagree]").check()
        expect(page.locator(".flag .what")).to_contain_text(DATASET)
        expect(page.locator(".consent")).not_to_be_checked()
        assert not violations(page)
        page.locator("[data-note=save]").click()
        expect(page.locator(".saved")).to_have_text(EN["feedback_saved"])
        send = page.locator("[data-note=send]")
        expect(send).to_be_disabled()  # without the reader's own reading
        assert not files_of(hub)

        page.locator("[name=flag-own][value=NORMAL]").check()
        send.click()
        sent = page.locator(".flag .sent")
        expect(sent).to_have_text(EN["flag_sent"])
        expect(send).to_be_disabled()  # it is there already
        (document,) = files_of(hub).values()
        assert json.loads(document)["own"] == "NORMAL"

        page.locator(".consent").check()
        send.click()
        expect(sent).to_have_text(EN["flag_sent_with_radiograph"])
        assert sorted(Path(path).suffix for path in files_of(hub)) == [".json", ".json", ".png"]
        answered(page, image_file)  # consent is for one radiograph alone
        expect(page.locator(".consent")).not_to_be_checked()
